"""Overlapping tiles: where they lie, how they are weighted, and how their scores are added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Start = tuple[int, int, int]
"""First voxel of a tile, ``[z, y, x]``."""


def tile_starts(size: int, patch: int, overlap: float) -> list[int]:
    """First voxels of the tiles along one axis, evenly spread from end to end.

    Args:
        size: voxels of the image; at least `patch`.
        patch: voxels of a tile.
        overlap: least part of a tile that it shares with the next, 0 to below 1.
    """
    step = max(1.0, patch * (1 - overlap))
    count = int(np.ceil((size - patch) / step)) + 1
    if count == 1:
        return [0]
    return [round(number * (size - patch) / (count - 1)) for number in range(count)]


def rows_of_tiles(
    image: np.ndarray, patch: Sequence[int], overlap: float, air: float
) -> dict[int, list[Start]]:
    """Tiles by their first z, from the lowest to the highest; tiles of air are left out.

    Args:
        image: HU ``[z, y, x]``, no smaller than `patch`.
        patch: voxels of a tile, ``[z, y, x]``.
        overlap: least part of a tile that it shares with the next.
        air: a tile without a voxel above this HU is left out.
    """
    z, y, x = (
        tile_starts(size, edge, overlap) for size, edge in zip(image.shape, patch, strict=True)
    )
    rows = {}
    for start in z:
        tiles = []
        for place in product([start], y, x):
            box = tuple(slice(a, a + edge) for a, edge in zip(place, patch, strict=True))
            if image[box].max() > air:
                tiles.append(place)
        rows[start] = tiles
    return rows


def gaussian_weight(patch: Sequence[int]) -> np.ndarray:
    """Weight of each voxel of a tile: a Gaussian of an eighth of its edge, as nnU-Net uses.

    Float32, 1 at the center; at least 0.001, since the rim of the image has no other tile.
    """
    axes = []
    for edge in patch:
        offset = np.arange(edge) - (edge - 1) / 2
        axes.append(np.exp(-0.5 * (offset / (edge / 8)) ** 2))
    weight = axes[0][:, None, None] * axes[1][:, None] * axes[2]
    return np.maximum(weight, 1e-3).astype(np.float32)


@dataclass
class RollingScores:
    """Weighted sum of the tiles' logits over the planes that are still open.

    Tiles come in rows of growing z. When a row is done, the planes before the next row get no
    more tiles: they are taken out and the rest moves up. So only as many planes are held as a
    tile is high, not the whole grid: for 38 classes at 1.5 mm on a torso 0.3 GB instead of 1 GB.
    Half precision is enough for logits, which are averaged and compared but not summed up.

    Attributes:
        sums: ``(classes, planes, y, x)`` half precision.
        weights: ``(planes, y, x)`` float32.
        first: z of the first plane that is held.
    """

    sums: torch.Tensor
    weights: torch.Tensor
    first: int = 0

    @classmethod
    def empty(
        cls, classes: int, shape: Sequence[int], patch: Sequence[int], device: str
    ) -> RollingScores:
        """For an image of `shape` and tiles of `patch`, both ``[z, y, x]``."""
        import torch

        planes = (min(shape[0], patch[0]), *shape[1:])
        return cls(
            torch.zeros((classes, *planes), dtype=torch.float16, device=device),
            torch.zeros(planes, dtype=torch.float32, device=device),
        )

    def to(self, device: str) -> RollingScores:
        """The same sums on another device."""
        return RollingScores(self.sums.to(device), self.weights.to(device), self.first)

    def add(self, start: Start, logits: torch.Tensor, weight: torch.Tensor) -> None:
        """Add the logits ``(classes, z, y, x)`` of the tile at `start`."""
        z, y, x = start[0] - self.first, start[1], start[2]
        depth, height, width = logits.shape[1:]
        place = (slice(z, z + depth), slice(y, y + height), slice(x, x + width))
        weighted = (logits * weight).to(self.sums)  # may be out of memory: before any change
        self.sums[(slice(None), *place)] += weighted
        self.weights[place] += weight.to(self.weights)

    def means(self, first: int, last: int) -> torch.Tensor:
        """Mean logits of the planes `first` to before `last`, float32 ``(classes, z, y, x)``.

        Voxels that no tile covered are background (the first class) beyond doubt.
        """
        planes = slice(first - self.first, last - self.first)
        weights = self.weights[planes]
        means = self.sums[:, planes].float() / weights.clamp_min(1e-6)
        means[0].masked_fill_(weights == 0, 100.0)
        return means

    def drop_before(self, first: int) -> None:
        """Forget the planes before `first` and make room for as many new ones."""
        gone = first - self.first
        for held in (self.sums, self.weights):
            planes = held.shape[-3]
            held[..., : planes - gone, :, :] = held[..., gone:, :, :].clone()
            held[..., planes - gone :, :, :] = 0
        self.first = first
