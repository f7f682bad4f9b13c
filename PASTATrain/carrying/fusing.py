"""What several atlases say of a CT, as shares of a vote in each voxel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from PASTATrain.carrying.registration import WINDOW
from PASTATrain.classes import IGNORE

LIKENESS_VOXELS = 8.0
"""Sigma of the Gaussian window in which CT and atlas are compared. Smaller ones (2, 4) find
something alike in atlases that lie at the wrong height."""
LEAST_WEIGHT, SHARPNESS = 0.05, 4
"""An atlas has the weight likeness ** `SHARPNESS`."""


@dataclass(frozen=True)
class Votes:
    """Shares of the vote.

    Attributes:
        labels: catalogue labels, uint8 ``(n,)``; the first is 0, background.
        shares: uint8 ``(n, z, y, x)``: share of the vote times 255; all 0 where no atlas says
            anything.
    """

    labels: np.ndarray
    shares: np.ndarray


def local_likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation of two images ``[z, y, x]`` in a Gaussian window around each voxel, -1 to 1.

    HU are clipped to `WINDOW`; noise of 10 HU keeps flat regions from saying anything.
    """
    blur = LIKENESS_VOXELS
    one, two = (np.clip(image, *WINDOW).astype(np.float32) for image in (first, second))
    mean_one, mean_two = (ndimage.gaussian_filter(image, blur) for image in (one, two))
    common = ndimage.gaussian_filter(one * two, blur) - mean_one * mean_two
    spread_one = ndimage.gaussian_filter(one * one, blur) - mean_one**2
    spread_two = ndimage.gaussian_filter(two * two, blur) - mean_two**2
    likeness = common / np.sqrt((spread_one.clip(0) + 100) * (spread_two.clip(0) + 100))
    return np.asarray(likeness)


def vote(hu: np.ndarray, carried: Iterable[tuple[np.ndarray, np.ndarray]]) -> Votes:
    """Locally weighted vote: an atlas counts where it looks like the CT.

    Weights by local correlation are those of Artaechevarria et al., IEEE Trans Med Imaging 2009.

    Args:
        hu: the CT, ``[z, y, x]``.
        carried: HU and labels of each atlas on the grid of the CT; where the label is `IGNORE`
            (it lies outside of the atlas, or the atlas does not know) it has no vote.
    """
    sums: dict[int, np.ndarray] = {0: np.zeros(hu.shape, np.float32)}
    total = np.zeros(hu.shape, np.float32)
    for image, labels in carried:
        weight = local_likeness(hu, image).clip(LEAST_WEIGHT) ** SHARPNESS
        weight[labels == IGNORE] = 0
        total += weight
        for label in np.unique(labels):
            if label != IGNORE:
                mine = sums.setdefault(int(label), np.zeros(hu.shape, np.float32))
                mine += np.where(labels == label, weight, 0)
    numbers = sorted(sums)
    shares = np.zeros((len(numbers), *hu.shape), np.uint8)
    for number, label in enumerate(numbers):
        shares[number] = np.rint(255 * sums[label] / np.maximum(total, 1e-6))
    return Votes(np.array(numbers, np.uint8), shares)
