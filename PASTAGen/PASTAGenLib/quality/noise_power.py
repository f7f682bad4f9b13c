"""Noise power inside inserted tissue beside that of its surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTAGenLib.quality.hidden_lesions import HiddenLesion

TREND_VOXELS = 2.0
"""What a Gaussian of this sigma keeps is anatomy, what it takes off is noise."""
RIM_VOXELS = 1
"""The rim of a lesion is partial volume and belongs to neither side."""
LEAST_VOXELS = 40
OUTLIER = 3.0
"""Values beyond so many robust SD are vessels."""


@dataclass(frozen=True)
class NoiseRatio:
    """Noise power inside the lesion over that around it, for one lesion.

    Attributes:
        scan: name of the scan.
        power: after insertion.
        untouched: the same place before insertion: what the measure itself is off.
        fine: after over before of the differences between neighbors in the plane: the finest grain.
    """

    scan: str
    power: float
    untouched: float
    fine: float


def noise_ratios(lesions: Sequence[HiddenLesion]) -> list[NoiseRatio]:
    """Ratios of every lesion with enough voxels inside and around."""
    found = []
    for lesion in lesions:
        core = ndimage.binary_erosion(lesion.mask, iterations=RIM_VOXELS)
        near = ndimage.binary_dilation(lesion.mask, iterations=1 + RIM_VOXELS)
        around = ndimage.binary_erosion(lesion.organ, iterations=RIM_VOXELS) & ~near
        if min(np.count_nonzero(core), np.count_nonzero(around)) < LEAST_VOXELS:
            continue
        outside = noise_power(lesion.before, around)
        before, after = noise_power(lesion.before, core), noise_power(lesion.after, core)
        fine = _fine_power(lesion.after, core) / _fine_power(lesion.before, core)
        found.append(NoiseRatio(lesion.scan, after / outside, before / outside, fine))
    return found


def noise_power(hu: NDArray[np.int16], where: NDArray[np.bool_]) -> float:
    """Variance in HU^2 of what differs from the local mean within `where`, without outliers."""
    inside = where.astype(np.float32)
    weight = np.maximum(ndimage.gaussian_filter(inside, TREND_VOXELS), 1e-4)
    trend = ndimage.gaussian_filter(hu * inside, TREND_VOXELS) / weight
    rest = (hu - trend)[where]
    limit = OUTLIER * 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return float(np.var(rest[np.abs(rest) <= max(limit, 1.0)]))


def _fine_power(hu: NDArray[np.int16], where: NDArray[np.bool_]) -> float:
    """Mean square of the difference between neighbors in the plane, in HU^2."""
    squares = []
    for axis in (1, 2):
        first, second = np.moveaxis(where, axis, 0)[:-1], np.moveaxis(where, axis, 0)[1:]
        values = np.moveaxis(hu, axis, 0).astype(np.float32)
        squares.append(((values[1:] - values[:-1]) ** 2)[first & second])
    return max(float(np.concatenate(squares).mean()), 1e-6)
