"""Where voxels lie: the affine of an image between array index and physical point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First and last-plus-one index of a region along ``z, y, x``."""


@dataclass(frozen=True)
class Grid:
    """A voxel grid of any spacing and direction.

    Attributes:
        shape: voxels along ``z, y, x``.
        origin: LPS mm of voxel ``(0, 0, 0)``.
        steps: 3 x 3; column k is the step in LPS mm to the next voxel along array axis k.
    """

    shape: tuple[int, int, int]
    origin: NDArray[np.float64]
    steps: NDArray[np.float64]

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        """The grid of a 3D image."""
        direction = np.array(image.GetDirection()).reshape(3, 3)
        steps = (direction * np.array(image.GetSpacing()))[:, ::-1]
        x, y, z = image.GetSize()
        return cls((z, y, x), np.array(image.GetOrigin()), steps)

    @classmethod
    def isotropic(cls, shape: tuple[int, ...], spacing_mm: float) -> Grid:
        """A grid along the LPS axes with its origin at zero, for bare arrays ``[z, y, x]``."""
        return cls((shape[0], shape[1], shape[2]), np.zeros(3), np.eye(3)[:, ::-1] * spacing_mm)

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Distance in mm between voxels along ``z, y, x``."""
        return np.asarray(np.linalg.norm(self.steps, axis=0))

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in cubic mm."""
        return float(abs(np.linalg.det(self.steps)))

    def points(self, indices: NDArray) -> NDArray[np.float64]:
        """LPS mm of (fractional) indices ``(..., 3)`` in ``z, y, x``."""
        return np.asarray(indices @ self.steps.T + self.origin)

    def indices(self, points: NDArray) -> NDArray[np.float64]:
        """Fractional indices ``z, y, x`` of points ``(..., 3)`` in LPS mm."""
        return np.asarray((np.asarray(points) - self.origin) @ np.linalg.inv(self.steps).T)

    def box_around(self, point: NDArray, radius_mm: float) -> Box:
        """Smallest box of voxels that holds a ball, cut to the grid."""
        center = self.indices(point)
        reach = radius_mm * np.linalg.norm(np.linalg.inv(self.steps), axis=1)
        low = np.maximum(np.floor(center - reach).astype(int), 0)
        high = np.minimum(np.ceil(center + reach).astype(int) + 1, self.shape)
        (z0, y0, x0), (z1, y1, x1) = low.tolist(), np.maximum(high, low).tolist()
        return (z0, z1), (y0, y1), (x0, x1)

    def offsets(self, box: Box, point: NDArray) -> NDArray[np.float32]:
        """Vectors in mm from a point to the voxels of a box, ``[z, y, x, 3]``."""
        along = [
            np.arange(first, last)[:, None] * self.steps[:, axis]
            for axis, (first, last) in enumerate(box)
        ]
        start = (self.origin - np.asarray(point)).astype(np.float64)
        z, y, x = ((part).astype(np.float32) for part in (along[0] + start, along[1], along[2]))
        return np.asarray(z[:, None, None] + y[None, :, None] + x[None, None])


def slices(box: Box) -> tuple[slice, slice, slice]:
    """A box as an array index."""
    return slice(*box[0]), slice(*box[1]), slice(*box[2])


def grown(box: Box, margin: NDArray, shape: tuple[int, int, int]) -> Box:
    """A box with `margin` voxels more on each side along ``z, y, x``, cut to `shape`."""
    (z, y, x) = (
        (max(first - int(m), 0), min(last + int(m), size))
        for (first, last), m, size in zip(box, margin, shape, strict=True)
    )
    return z, y, x
