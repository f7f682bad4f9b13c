"""A small network that is taught to tell crops with a hidden lesion from untouched ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.cluster.vq import kmeans2

EPOCHS, BATCH, RATE = 16, 16, 5e-3
WIDTHS = (16, 24)
LEVEL_HU, EDGE_HU = 20.0, 10.0
"""HU, and HU a voxel, that count as one."""
FINE_VOXELS, WINDOW_VOXELS = 1.0, 1.5
"""What a Gaussian of the first sigma takes off is noise; its power is averaged with the second."""


def regions(scans: Sequence[str], centers: NDArray[np.float64], count: int) -> NDArray[np.int_]:
    """Fold of each place: the places of every scan are parted into regions of space."""
    folds = np.zeros(len(scans), int)
    for number, name in enumerate(dict.fromkeys(scans)):
        own = np.flatnonzero([scan == name for scan in scans])
        parts = min(count, len(own))
        _, labels = kmeans2(centers[own], parts, minit="++", rng=np.random.default_rng(number))
        folds[own] = labels
    return folds


def channels(crops: NDArray[np.int16]) -> NDArray[np.float32]:
    """Maps ``[n, 5, z, y / 2, x / 2]`` of what gives an insertion away, of crops ``[n, z, y, x]``.

    Level, slope of the level, and the local power of the noise in three bands: what is finer than
    `FINE_VOXELS`, and the differences between neighbors in the plane and across it. Each map is
    relative to its median over the crop, so that a scan's own noise and organ say nothing. A plain
    network on the HU needs many times more crops to learn the same.
    """
    hu = crops.astype(np.float32)
    level = _blurred(hu, FINE_VOXELS)
    slope = np.hypot(*np.gradient(level, axis=(2, 3)))
    bands = [
        (hu - level) ** 2,
        np.gradient(hu, axis=2) ** 2 + np.gradient(hu, axis=3) ** 2,
        np.diff(hu, axis=1, append=hu[:, -2:-1]) ** 2,
    ]
    powers = [np.log(_blurred(band, WINDOW_VOXELS) + 1) for band in bands]
    maps = np.stack([level / LEVEL_HU, slope / EDGE_HU, *powers], axis=1)
    maps -= np.median(maps, axis=(2, 3, 4), keepdims=True)
    return np.clip(maps, -4, 4)[..., ::2, ::2].astype(np.float32)


def _blurred(maps: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Each crop of ``[n, z, y, x]`` blurred, across the slices half as much as in them."""
    return np.asarray(ndimage.gaussian_filter(maps, (0, sigma / 2, sigma, sigma)))


def cross_validated(
    crops: NDArray[np.int16], labels: NDArray[np.int_], folds: NDArray[np.int_], seed: int
) -> NDArray[np.float64]:
    """Score of every crop by a network that was trained without its region.

    Args:
        crops: HU ``[n, z, y, x]``.
        labels: 1 where a lesion was inserted.
        folds: region of each crop; a place and its untouched twin are in the same.
        seed: of weights and order.
    """
    x, scores = channels(crops), np.zeros(len(crops))
    for fold in np.unique(folds):
        held_out = folds == fold
        scores[held_out] = _trained_scores(x[~held_out], labels[~held_out], x[held_out], seed)
    return scores


def _trained_scores(
    x: NDArray[np.float32], y: NDArray[np.int_], unseen: NDArray[np.float32], seed: int
) -> NDArray[np.float64]:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    first, second = WIDTHS
    network = nn.Sequential(
        nn.Conv3d(x.shape[1], first, 3, padding=1),
        nn.BatchNorm3d(first),
        nn.ReLU(),
        nn.Conv3d(first, second, 3, stride=2, padding=1),
        nn.BatchNorm3d(second),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d((1, 3, 3)),  # the middle, where a lesion is, beside what is around
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(9 * second, 1),
    )
    rng = np.random.default_rng(seed)
    steps = EPOCHS * int(np.ceil(len(x) / BATCH))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    network.train()
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x), BATCH):
            chosen = order[start : start + BATCH]
            batch = _flipped(x[chosen], rng)
            logits = network(torch.from_numpy(batch))[:, 0]
            target = torch.from_numpy(y[chosen].astype(np.float32))
            loss = nn.functional.binary_cross_entropy_with_logits(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(unseen))[:, 0].numpy(), np.float64)


def _flipped(batch: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A batch turned over along random axes."""
    axes = tuple(axis for axis in (2, 3, 4) if rng.random() < 0.5)
    return np.ascontiguousarray(np.flip(batch, axes)) if axes else batch
