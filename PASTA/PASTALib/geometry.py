"""Where the voxels of an image lie in the patient, and boxes of their indices.

Points are LPS mm. An index has one of two orders: x, y, z as in SimpleITK, or z, y, x as in numpy's
arrays. What takes or gives the order of arrays has ``zyx`` in its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

Index = tuple[int, int, int]
Vector = tuple[float, float, float]
Floats = NDArray[np.float64]
Box = tuple[Index, Index]
"""Index box: first index and one past the last, each in the order x, y, z."""

LPS_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""Direction of an image whose axes are those of the patient."""


@dataclass(frozen=True)
class Geometry:
    """Where the voxels of an image are.

    Attributes:
        size: voxels along x, y, z of the image.
        spacing: mm between voxel centers along x, y, z of the image.
        origin: LPS mm of the center of the first voxel.
        direction: row-major 3 x 3 direction cosines; column k is the direction of axis k in the
            order x, y, z.
    """

    size: Index
    spacing: Vector
    origin: Vector
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Geometry:
        """The geometry of a 3D image."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @classmethod
    def isotropic(cls, shape_zyx: tuple[int, ...], spacing_mm: float) -> Geometry:
        """Cubic voxels along the LPS axes, the first at zero: for a bare array ``[z, y, x]``."""
        z, y, x = shape_zyx
        return cls((x, y, z), (spacing_mm,) * 3, (0.0, 0.0, 0.0), LPS_AXES)

    @cached_property
    def shape_zyx(self) -> Index:
        """Shape of the image's array ``[z, y, x]``."""
        x, y, z = self.size
        return z, y, x

    @cached_property
    def spacing_zyx(self) -> Floats:
        """Mm between voxel centers along the axes of the array, z, y, x."""
        return np.array(self.spacing[::-1])

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel in mm3."""
        return float(np.prod(self.spacing))

    @cached_property
    def steps_xyz(self) -> Floats:
        """3 x 3: column k is the LPS step in mm to the next voxel along axis k of x, y, z."""
        return np.asarray(np.reshape(self.direction, (3, 3)) * np.asarray(self.spacing))

    @cached_property
    def steps_zyx(self) -> Floats:
        """3 x 3: column k is the LPS step in mm to the next voxel along array axis k of z, y, x."""
        return self.steps_xyz[:, ::-1]

    @cached_property
    def inverse_xyz(self) -> Floats:
        """Inverse of `steps_xyz`: from a step in LPS mm to one in index x, y, z."""
        return np.asarray(np.linalg.inv(self.steps_xyz))

    @cached_property
    def inverse_zyx(self) -> Floats:
        """Inverse of `steps_zyx`: from a step in LPS mm to one in index z, y, x."""
        return np.asarray(np.linalg.inv(self.steps_zyx))

    def points_of_xyz(self, index: ArrayLike) -> Floats:
        """LPS points in mm of (continuous) indices ``(..., 3)`` in the order x, y, z."""
        return np.asarray(np.asarray(index) @ self.steps_xyz.T + np.asarray(self.origin))

    def points_of_zyx(self, index: ArrayLike) -> Floats:
        """LPS points in mm of (continuous) indices ``(..., 3)`` in the order z, y, x."""
        return np.asarray(np.asarray(index) @ self.steps_zyx.T + np.asarray(self.origin))

    def indices_xyz(self, points: ArrayLike) -> Floats:
        """Continuous indices ``(..., 3)`` in the order x, y, z of LPS points in mm."""
        return np.asarray((np.asarray(points) - np.asarray(self.origin)) @ self.inverse_xyz.T)

    def indices_zyx(self, points: ArrayLike) -> Floats:
        """Continuous indices ``(..., 3)`` in the order z, y, x of LPS points in mm."""
        return np.asarray((np.asarray(points) - np.asarray(self.origin)) @ self.inverse_zyx.T)

    @cached_property
    def slice_axis(self) -> int:
        """Array axis (0 is z, 2 is x) whose direction is closest to the patient's z.

        Its slices are what "axial" means for a measurement: the acquired slices of an axial CT
        (tilted or not), and the reformatted axial slices of a volume that is stored coronally or
        sagittally.
        """
        return int(np.argmax(np.abs(self._directions_zyx[2])))

    @property
    def slice_normal(self) -> Floats:
        """Unit vector in LPS from slice to slice along `slice_axis`."""
        return self._directions_zyx[:, self.slice_axis]

    @property
    def slice_tilt_degrees(self) -> float:
        """Angle between the slice normal and the patient's z axis; 0 for true axial slices."""
        cosine = abs(float(self.slice_normal[2]))
        return float(np.degrees(np.arccos(min(1.0, cosine))))

    @cached_property
    def _directions_zyx(self) -> Floats:
        """3 x 3: column k is the LPS direction of array axis k of z, y, x."""
        return np.reshape(self.direction, (3, 3))[:, ::-1]

    def corners(self, box: Box | None = None) -> Floats:
        """The eight outer corners of the image, or of an index box, as LPS points ``(8, 3)``."""
        low, high = box or ((0, 0, 0), self.size)
        ends = list(zip(np.subtract(low, 0.5), np.subtract(high, 0.5), strict=True))
        return self.points_of_xyz(list(product(*ends)))

    def box_around(self, points: Floats, margin: int = 0) -> Box:
        """Smallest index box (x, y, z) around LPS points ``(n, 3)``, cut to the image.

        It is empty where all points lie beyond the image.

        Args:
            points: LPS mm.
            margin: voxels added on all sides before it is cut.
        """
        index = self.indices_xyz(points)
        # A hair less, so that rounding does not take one more voxel on each side.
        low = np.ceil(index.min(axis=0) - 0.5 + 1e-6).astype(int) - margin
        high = np.floor(index.max(axis=0) + 0.5 - 1e-6).astype(int) + 1 + margin
        low = np.clip(low, 0, self.size)
        high = np.clip(high, low, self.size)
        return as_index(low), as_index(high)

    def cropped(self, box: Box) -> Geometry:
        """The geometry of the voxels in an index box (x, y, z), which may reach over the image."""
        low, high = box
        return Geometry(
            as_index(np.subtract(high, low)),
            self.spacing,
            as_vector(self.points_of_xyz(low)),
            self.direction,
        )

    def place(self, image: sitk.Image) -> sitk.Image:
        """Give an image of this size this place in space; returns the same image."""
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def sample(self, image: sitk.Image, outside: float) -> sitk.Image:
        """An image interpolated linearly at these voxels, float32; `outside` beyond it."""
        return sitk.Resample(
            image,
            self.size,
            sitk.Transform(),
            sitk.sitkLinear,
            self.origin,
            self.spacing,
            self.direction,
            outside,
            sitk.sitkFloat32,
        )


def as_index(values: ArrayLike) -> Index:
    """Three numbers as a tuple of int, in the order that they have."""
    first, second, third = (int(value) for value in np.asarray(values))
    return first, second, third


def as_vector(values: ArrayLike) -> Vector:
    """Three numbers as a tuple of float, in the order that they have."""
    first, second, third = (float(value) for value in np.asarray(values))
    return first, second, third


def crop(image: sitk.Image, box: Box) -> sitk.Image:
    """The part of an image in an index box (x, y, z), at its place in space."""
    low, high = box
    return sitk.RegionOfInterest(image, [b - a for a, b in zip(low, high, strict=True)], low)


def slices(box: Box, inside: Box | None = None) -> tuple[slice, slice, slice]:
    """An index box (x, y, z) as slices ``[z, y, x]``, counted from the start of another box."""
    start = inside[0] if inside else (0, 0, 0)
    z, y, x = (slice(box[0][a] - start[a], box[1][a] - start[a]) for a in (2, 1, 0))
    return z, y, x


def is_empty(box: Box) -> bool:
    """Whether an index box holds no voxel."""
    return any(high <= low for low, high in zip(*box, strict=True))
