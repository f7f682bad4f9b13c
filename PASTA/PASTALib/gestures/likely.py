"""The most likely type of a lesion that a reader pointed at: by its organ, and by its HU there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import LesionHU, catalog
from PASTALib.region import Region

REACH_MM = (3.0, 12.0)
"""How far around a lesion its organ is looked for; the first distance at which there is one."""
LEAST_SD = 10.0
"""What a CT itself adds to the spread of a lesion's HU in the catalogue."""
STRIDE = 3
"""Every so many voxels along each axis tell the HU of an organ."""


def likely_type(
    region: Region, hu: NDArray[np.int16], organs: NDArray[np.uint8], phase: str
) -> str | None:
    """The type of lesion that fits best; None if no organ with lesion types is near.

    The organ is the one that most of the voxels in and around the outline belong to. Of its types
    the one is taken whose HU in the catalogue are nearest to the lesion's, in standard deviations.

    Args:
        region: the lesion.
        hu: of the CT, ``[z, y, x]``.
        organs: catalogue labels of structures, ``[z, y, x]``.
        phase: contrast phase; where the catalogue does not know it, all are tried.
    """
    book = catalog()
    organ = _organ_of(region, organs)
    if organ is None:
        return None
    core = ndimage.binary_erosion(region.mask)
    own = float(np.median(hu[region.slices][core if core.any() else region.mask]))
    nearest, best = np.inf, None
    for row in book.lesion_hu.values():
        if book.lesion_types[row.lesion].organ != organ:
            continue
        reference = 0.0 if row.absolute else _tissue(row, hu, organs)
        for name, usual in row.by_phase.items():
            if phase in row.by_phase and name != phase:
                continue
            away = abs(own - reference - usual.mean) / float(np.hypot(usual.sd, LEAST_SD))
            if away < nearest:
                nearest, best = away, row.lesion
    return best


def _organ_of(region: Region, organs: NDArray[np.uint8]) -> str | None:
    book = catalog()
    for reach in REACH_MM:
        counts = np.bincount(organs[region.grown(reach).slices].ravel(), minlength=256)
        held = {key: int(counts[list(book.organ_labels(key))].sum()) for key in book.organs}
        if any(held.values()):
            return max(held, key=lambda key: held[key])
    return None


def _tissue(row: LesionHU, hu: NDArray[np.int16], organs: NDArray[np.uint8]) -> float:
    """Median HU of the organ or structure that it is compared with; NaN where it is not seen."""
    book, key = catalog(), row.reference
    labels = book.organ_labels(key) if key in book.organs else book.labels_of(key)
    coarse = (slice(None, None, STRIDE),) * 3
    values = hu[coarse][np.isin(organs[coarse], labels)]
    return float(np.median(values)) if values.size else float("nan")
