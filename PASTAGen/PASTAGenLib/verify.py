"""Is what was planned what a measurement of image and mask finds?"""

from __future__ import annotations

import numpy as np

from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.truth import Truth

SIZE_SHARE = 0.1
"""A size agrees within this share, or a voxel."""
MEAN_HU = 5.0
"""A mean agrees within this, or twice its standard error."""
CORRELATED = 8.0
"""So many voxels of a CT's noise say as much as one alone."""


def disagreements(truth: Truth, spec: LesionSpec) -> tuple[str, ...]:
    """Names of the facts that the picture does not show as they were planned.

    Args:
        truth: planned and measured facts.
        spec: what was asked for.
    """
    wrong = [key for key, value in truth.attributes.items() if truth.measured[key] != value]
    if spec.invasion is not None and truth.attributes["invasion"] != spec.invasion:
        wrong.append("invasion")
    asked = spec.long_axis_mm
    if asked is not None and not truth.wall_bound and _differ(truth.long_axis_mm, asked, truth):
        wrong.append("size")
    if spec.volume_mm3 is not None:
        sizes = np.cbrt([truth.volume_mm3, spec.volume_mm3])
        if _differ(sizes[0], sizes[1], truth):
            wrong.append("size")
    error = truth.core_sd_hu / max(1.0, truth.core_voxels / CORRELATED) ** 0.5
    if truth.core_voxels and abs(truth.core_hu - truth.planned_hu) > max(MEAN_HU, 2 * error):
        wrong.append("mean HU")
    return tuple(dict.fromkeys(wrong))


def _differ(size: float, asked: float, truth: Truth) -> bool:
    return abs(size - asked) > max(SIZE_SHARE * asked, truth.voxel_mm)
