"""Shapes of the generator where no organ's contour cuts them: in a block of one tissue."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import insert
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog

ROOM = 1.9
"""Edge of the block in long axes."""
TISSUE_HU, NOISE_HU = 160.0, 8.0
TYPE, HOST = "kidney_tumor", "kidney_left"
LONGEST_MM = 280.0
"""Longest axis that may be asked of a kidney tumor."""


def free_mask(
    long_axis_mm: float, spacing: tuple[float, float, float], rng: np.random.Generator
) -> sitk.Image:
    """Mask of a kidney tumor, of a shape that the generator draws, in a block of kidney.

    Args:
        long_axis_mm: long axis in the axial plane.
        spacing: voxel size (x, y, z) in mm.
        rng: source of all randomness.

    Raises:
        PastaError: the generator finds no place, or the size is beyond its limits.
    """
    size = [int(np.ceil(ROOM * long_axis_mm / s)) + 4 for s in spacing]
    noise = rng.normal(TISSUE_HU, NOISE_HU, size[::-1])
    ct = sitk.GetImageFromArray(np.rint(noise).astype(np.int16))
    organs = sitk.Image(size, sitk.sitkUInt8) + catalog().label(HOST)
    for image in (ct, organs):
        image.SetSpacing(spacing)
    middle = ct.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
    spec = LesionSpec(
        TYPE, center=middle, long_axis_mm=long_axis_mm, phase="portal_venous", protrudes=False
    )
    return insert(ct, organs, spec, rng).lesion_mask
