"""Is what was planned what a measurement of image and mask finds?"""

from __future__ import annotations

import numpy as np

from PASTAGenLib.habits import WIDER_SHAPES
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.truth import Truth

SIZE_SHARE = 0.1
"""A size agrees within this share, or a voxel."""
MEAN_HU = 5.0
"""The mean of the core agrees within this; texture and noise are drawn so that they keep it."""


def disagreements(truth: Truth, spec: LesionSpec) -> tuple[str, ...]:
    """Names of the facts that the picture does not show as they were planned or asked for.

    Args:
        truth: planned and measured facts.
        spec: what was asked for.
    """
    wrong = [key for key, value in truth.attributes.items() if truth.measured[key] != value]
    wrong += [key for key, asked in _asked(spec).items() if truth.attributes[key] != asked]
    if spec.long_axis_mm is not None:
        size = truth.longest_mm if truth.wall_bound else truth.long_axis_mm
        if _differ(size, spec.long_axis_mm, truth):
            wrong.append("size")
    if spec.volume_mm3 is not None:
        sizes = np.cbrt([truth.volume_mm3, spec.volume_mm3])
        if _differ(sizes[0], sizes[1], truth):
            wrong.append("size")
    planned = truth.planned_hu if spec.hu is None or spec.features else spec.hu
    if truth.core_voxels and abs(truth.core_hu - planned) > MEAN_HU:
        wrong.append("mean HU")
    return tuple(dict.fromkeys(wrong))


def _asked(spec: LesionSpec) -> dict[str, str]:
    """The attributes that were asked for by PASTA's own words."""
    words = {
        "shape": None if spec.shape in WIDER_SHAPES else spec.shape,
        "density": spec.density if spec.hu is None else None,
        "heterogeneity": spec.heterogeneity,
        "surface": spec.surface,
        "invasion": spec.invasion,
    }
    return {key: word for key, word in words.items() if word is not None}


def _differ(size: float, asked: float, truth: Truth) -> bool:
    return abs(size - asked) > max(SIZE_SHARE * asked, truth.voxel_mm)
