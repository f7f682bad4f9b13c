"""How much more the HU of a voxel are those of one set of voxels than those of another."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from PASTALib.geometry import Floats
from PASTALib.gestures.voxels import Mask

BIN_HU = 4.0
BINS = np.arange(-1100.0, 1700.0, BIN_HU)
MOST_ODDS = 3.0
"""Proposals cut the log odds of a voxel there, so that it does not outweigh its neighborhood."""
LEAST_SHARE = 1e-5
"""No HU is so rare that one voxel of it decides."""


def log_odds(image: Floats, own: Mask, around: Mask, noise: float) -> Floats:
    """Logarithm of the ratio of two densities of HU at each voxel, ``[z, y, x]``.

    Args:
        image: HU.
        own: the first set.
        around: the second.
        noise: standard deviation of the noise; the densities are blurred with it.
    """
    number = np.clip(np.digitize(image, BINS), 0, len(BINS) - 1)
    share = []
    for voxels in (own, around):
        counts = np.bincount(number[voxels], minlength=len(BINS)).astype(float)
        smooth = ndimage.gaussian_filter1d(counts, max(1.0, noise / BIN_HU))
        share.append(smooth / max(1.0, smooth.sum()) + LEAST_SHARE)
    odds: Floats = np.log(share[0] / share[1])[number]
    return odds
