"""A binary mask cut to its bounding box.

Everything that measures a lesion works on a `Region`, so that the cost goes with the size of the
lesion, never with the size of the CT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from PASTALib.geometry import Geometry, Index


@dataclass(frozen=True, eq=False)
class Region:
    """A mask in its bounding box.

    Attributes:
        mask: bool ``[z, y, x]``, touching every side of the box.
        start: array index ``(z, y, x)`` of the box's first voxel in the whole image.
        geometry: geometry of the whole image.
    """

    mask: NDArray[np.bool_]
    start: Index
    geometry: Geometry

    @classmethod
    def of(
        cls, mask: NDArray[np.bool_], geometry: Geometry, start: Index = (0, 0, 0)
    ) -> Region | None:
        """The region of the true voxels of `mask`; None if there are none.

        Args:
            mask: bool ``[z, y, x]``, the whole image or a box of it.
            geometry: geometry of the whole image.
            start: array index of the first voxel of `mask` in the whole image.
        """
        box = []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            filled = np.flatnonzero(mask.any(axis=others))
            if filled.size == 0:
                return None
            box.append(slice(int(filled[0]), int(filled[-1]) + 1))
        first = (start[0] + box[0].start, start[1] + box[1].start, start[2] + box[2].start)
        return cls(np.ascontiguousarray(mask[tuple(box)]), first, geometry)

    @property
    def voxels(self) -> int:
        """Number of voxels in the mask."""
        return int(np.count_nonzero(self.mask))

    @property
    def ml(self) -> float:
        """Volume in milliliters, to the cubic millimeter."""
        return round(self.voxels * self.geometry.voxel_mm3 / 1000, 3)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Where the box lies in the whole array."""
        (z, y, x), (nz, ny, nx) = self.start, self.mask.shape
        return slice(z, z + nz), slice(y, y + ny), slice(x, x + nx)

    def within(self, start: Sequence[int], shape: Sequence[int]) -> NDArray[np.bool_]:
        """What of it lies in a box of the image.

        Args:
            start: array index ``(z, y, x)`` of the box's first voxel.
            shape: of the box, ``(z, y, x)``.
        """
        mask = np.zeros(shape, bool)
        first = np.subtract(self.start, start)
        low, high = np.maximum(first, 0), np.minimum(first + self.mask.shape, shape)
        if (high > low).all():
            there = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            here = tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))
            mask[there] = self.mask[here]
        return mask

    def grown(self, margin_mm: float) -> Region:
        """The same mask in a box larger by `margin_mm` (at least a voxel), cut at the image.

        The result no longer touches the sides of its box.
        """
        margin = np.maximum(1, np.ceil(margin_mm / self.geometry.spacing_zyx)).astype(int)
        shape = self.geometry.shape_zyx
        low = [min(int(m), s) for m, s in zip(margin, self.start, strict=True)]
        high = [
            min(int(m), n - s - k)
            for m, n, s, k in zip(margin, shape, self.start, self.mask.shape, strict=True)
        ]
        z, y, x = (s - k for s, k in zip(self.start, low, strict=True))
        padded = np.pad(self.mask, list(zip(low, high, strict=True)))
        return Region(padded, (z, y, x), self.geometry)


def overlap(first: Region, second: Region) -> float:
    """Dice of two regions of the same image."""
    low = np.maximum(first.start, second.start)
    ends = [np.add(region.start, region.mask.shape) for region in (first, second)]
    high = np.maximum(np.minimum(*ends), low)
    shared = [
        region.mask[
            tuple(slice(a, b) for a, b in zip(low - region.start, high - region.start, strict=True))
        ]
        for region in (first, second)
    ]
    return 2 * int(np.count_nonzero(shared[0] & shared[1])) / (first.voxels + second.voxels)
