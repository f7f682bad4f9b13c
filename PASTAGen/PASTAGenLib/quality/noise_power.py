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
STEP = 2
"""Voxels between two values whose difference is noise."""
EVEN_SLOPE = 0.2
"""Slope of the local mean in noise SD a voxel, from which tissue is not even. On torsos whose noise
is made with an SD of 9 and 20 HU, what is left measures 9.0 and 19.1 HU."""
ROBUST = 1.4826
"""SD of a normal distribution in units of its median absolute deviation."""
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
        tissue = ndimage.binary_erosion(lesion.organ, iterations=RIM_VOXELS) | core
        around = _even(lesion.before, tissue) & ~near
        if min(np.count_nonzero(core), np.count_nonzero(around)) < LEAST_VOXELS:
            continue
        outside = noise_power(lesion.before, around, tissue)
        before, after = (noise_power(hu, core, tissue) for hu in (lesion.before, lesion.after))
        fine = _fine_power(lesion.after, core) / _fine_power(lesion.before, core)
        found.append(NoiseRatio(lesion.scan, after / outside, before / outside, fine))
    return found


def noise_power(
    hu: NDArray[np.int16], where: NDArray[np.bool_], tissue: NDArray[np.bool_]
) -> float:
    """Variance in HU^2 of what differs from the local mean within `where`, without outliers.

    Args:
        hu: HU of a crop.
        where: voxels that are looked at.
        tissue: voxels that the local mean is taken over, the same for all that are compared.
    """
    rest = (hu - _trend(hu, tissue))[where]
    limit = OUTLIER * ROBUST * float(np.median(np.abs(rest - np.median(rest))))
    return float(np.var(rest[np.abs(rest) <= max(limit, 1.0)]))


def _trend(hu: NDArray[np.int16], tissue: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Local mean over the voxels of a tissue."""
    inside = tissue.astype(np.float32)
    weight = np.maximum(ndimage.gaussian_filter(inside, TREND_VOXELS), 1e-4)
    return np.asarray(ndimage.gaussian_filter(hu * inside, TREND_VOXELS) / weight)


def _even(hu: NDArray[np.int16], tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a tissue where its local mean does not change: not cortex beside medulla."""
    both = tissue[:, :, STEP:] & tissue[:, :, :-STEP]
    steps = (hu[:, :, STEP:].astype(np.float32) - hu[:, :, :-STEP])[both]
    sd = ROBUST * float(np.median(np.abs(steps))) / 2**0.5 if steps.size else 0.0
    trend = _trend(hu, tissue)
    slope = np.hypot(np.gradient(trend, axis=1), np.gradient(trend, axis=2))
    return np.asarray(tissue & (slope < EVEN_SLOPE * sd))


def _fine_power(hu: NDArray[np.int16], where: NDArray[np.bool_]) -> float:
    """Mean square of the difference between neighbors in the plane, in HU^2."""
    squares = []
    for axis in (1, 2):
        first, second = np.moveaxis(where, axis, 0)[:-1], np.moveaxis(where, axis, 0)[1:]
        values = np.moveaxis(hu, axis, 0).astype(np.float32)
        squares.append(((values[1:] - values[:-1]) ** 2)[first & second])
    return max(float(np.concatenate(squares).mean()), 1e-6)
