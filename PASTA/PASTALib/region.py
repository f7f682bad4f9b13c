"""A binary mask cut to its bounding box, and the geometry that it came from.

Everything that measures a lesion works on a `Region`, so that the cost goes with the size of the
lesion, never with the size of the CT.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Index = tuple[int, int, int]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Geometry:
    """Geometry of an image in ITK order (x, y, z); points are LPS mm.

    Attributes:
        size: voxels along the image's first, second and third axis.
        spacing: mm between voxel centers, same order.
        origin: LPS mm of the center of the first voxel.
        direction: row-major 3 x 3 direction cosines.
    """

    size: Index
    spacing: Vector
    origin: Vector
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Geometry:
        """Geometry of a 3D image."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @cached_property
    def columns_zyx(self) -> NDArray[np.float64]:
        """Direction cosines of the array axes: row `a` is the LPS direction of array axis `a`."""
        columns: NDArray[np.float64] = np.array(self.direction).reshape(3, 3).T[::-1]
        return columns

    @property
    def spacing_zyx(self) -> NDArray[np.float64]:
        """Spacing in mm in array order."""
        return np.array(self.spacing[::-1])

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel in mm3."""
        return float(np.prod(self.spacing))

    @property
    def slice_axis(self) -> int:
        """Array axis whose direction is closest to the patient's z.

        Its slices are what "axial" means for a measurement: the acquired slices of an axial CT
        (tilted or not), and the reformatted axial slices of a volume that is stored coronally or
        sagittally.
        """
        return int(np.argmax(np.abs(self.columns_zyx[:, 2])))

    @property
    def slice_tilt_degrees(self) -> float:
        """Angle between the slice normal and the patient's z axis; 0 for true axial slices."""
        cosine = abs(float(self.columns_zyx[self.slice_axis, 2]))
        return float(np.degrees(np.arccos(min(1.0, cosine))))

    def vectors(self, index_zyx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Offsets in LPS mm of (N, 3) index offsets in array order."""
        moved: NDArray[np.float64] = (index_zyx * self.spacing_zyx) @ self.columns_zyx
        return moved

    def points(self, index_zyx: NDArray[np.float64]) -> NDArray[np.float64]:
        """LPS mm of (N, 3) continuous indices in array order."""
        moved: NDArray[np.float64] = self.vectors(index_zyx) + np.array(self.origin)
        return moved

    def indices(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Continuous indices in array order of (N, 3) points in LPS mm."""
        inverse = np.linalg.inv(self.columns_zyx)
        found: NDArray[np.float64] = ((points - np.array(self.origin)) @ inverse) / self.spacing_zyx
        return found


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
    def slices(self) -> tuple[slice, slice, slice]:
        """Where the box lies in the whole array."""
        (z, y, x), (nz, ny, nx) = self.start, self.mask.shape
        return slice(z, z + nz), slice(y, y + ny), slice(x, x + nx)

    def grown(self, margin_mm: float) -> Region:
        """The same mask in a box larger by `margin_mm` (at least a voxel), cut at the image.

        The result no longer touches the sides of its box.
        """
        margin = np.maximum(1, np.ceil(margin_mm / self.geometry.spacing_zyx)).astype(int)
        shape = self.geometry.size[::-1]
        low = [min(int(m), s) for m, s in zip(margin, self.start, strict=True)]
        high = [
            min(int(m), n - s - k)
            for m, n, s, k in zip(margin, shape, self.start, self.mask.shape, strict=True)
        ]
        z, y, x = (s - k for s, k in zip(self.start, low, strict=True))
        padded = np.pad(self.mask, list(zip(low, high, strict=True)))
        return Region(padded, (z, y, x), self.geometry)
