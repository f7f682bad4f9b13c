"""Insert lesions of PASTAGen into a training region, on arrays."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.apply import insert_in
from PASTAGenLib.boxes import slices
from PASTAGenLib.scene import OCCUPIED, Scene
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import Phase
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry


def insert_lesion(
    hu: np.ndarray,
    organs: np.ndarray,
    spacing_mm: float,
    kind: str,
    phase: Phase,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Insert one lesion into a region.

    Args:
        hu: int16 HU, ``[z, y, x]``, LPS axes; not changed.
        organs: uint8 catalogue labels of structures of the same shape, `OCCUPIED` where lesions
            already are. They are moved by the lesion's mass effect, and occupied where it is.
        spacing_mm: edge of the isotropic voxels.
        kind: lesion type of the catalogue.
        phase: contrast phase of `hu`.
        rng: draws every random number.

    Returns:
        HU with the lesion and its boolean mask, or None where the region cannot hold it.
    """
    scene = Scene(hu, organs, Geometry.isotropic(hu.shape, spacing_mm))
    try:
        plan, inserted = insert_in(scene, LesionSpec(type=kind, phase=phase), rng)
    except PastaError:
        return None
    after, mask = hu.copy(), np.zeros(hu.shape, bool)
    box = slices(plan.box)
    after[box] = inserted.hu
    mask[box] = inserted.mask
    organs[box] = np.where(inserted.mask, OCCUPIED, inserted.organs)
    return (after, mask) if mask.any() else None
