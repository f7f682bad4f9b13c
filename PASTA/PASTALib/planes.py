"""Planes cut through a CT of any direction, as a radiologist sees them.

A plane is given in LPS mm by its center and by the directions that are right and down in the
picture. Patient right is on the left of the picture (x of LPS grows to the right), anterior is up
in axial planes, and the head is up in coronal ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTALib.geometry import Geometry, Vector, as_index, crop
from PASTALib.region import Region

Floats = NDArray[np.float32]
Direction = NDArray[np.float64]
AIR_HU = -1024


@dataclass(frozen=True, eq=False)
class Plane:
    """A square picture plane.

    Attributes:
        center: LPS mm of the picture's center.
        right, down: unit vectors in LPS.
        side_mm: length of the picture's edge.
        pixels: number of pixels along the edge.
    """

    center: Direction
    right: Direction
    down: Direction
    side_mm: float
    pixels: int

    @property
    def pixel_mm(self) -> float:
        """Edge of one pixel."""
        return self.side_mm / self.pixels

    def to_pixels(self, point: Vector) -> tuple[float, float]:
        """Column and row of a point's projection; a pixel's center is a whole number."""
        offset = np.array(point) - self.center
        middle = (self.pixels - 1) / 2
        return (
            float(offset @ self.right / self.pixel_mm + middle),
            float(offset @ self.down / self.pixel_mm + middle),
        )

    def sample(self, image: sitk.Image, outside: float) -> Floats:
        """Linear interpolation of a 3D image, ``[row, column]``."""
        middle = (self.pixels - 1) / 2 * self.pixel_mm
        origin = self.center - middle * (self.right + self.down)
        normal = np.cross(self.right, self.down)
        direction = np.stack([self.right, self.down, normal], axis=1).ravel()
        near = _near(image, self)
        if near is None:
            return np.full((self.pixels, self.pixels), outside, dtype=np.float32)
        resampled = sitk.Resample(
            near,
            (self.pixels, self.pixels, 1),
            sitk.Transform(),
            sitk.sitkLinear,
            origin.tolist(),
            (self.pixel_mm, self.pixel_mm, 1.0),
            direction.tolist(),
            outside,
            sitk.sitkFloat32,
        )
        array: Floats = sitk.GetArrayFromImage(resampled)[0]
        return array


def axial_plane(geometry: Geometry, center: Vector, side_mm: float, pixels: int) -> Plane:
    """The slice plane through a point: that of the acquired slices, also if they are tilted."""
    normal = geometry.slice_normal
    right = _unit(np.array([1.0, 0.0, 0.0]) - normal[0] * normal)
    down = np.cross(normal, right)
    down = down if down[1] > 0 else -down
    return Plane(np.array(center), right, down, side_mm, pixels)


def coronal_plane(center: Vector, side_mm: float, pixels: int) -> Plane:
    """The patient's coronal plane through a point."""
    right, down = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0])
    return Plane(np.array(center), right, down, side_mm, pixels)


def whole_slice(geometry: Geometry, plane: Plane, pixels: int) -> Plane:
    """The same plane as wide as the image: its middle, and the longer edge of the slice."""
    axis = geometry.slice_axis
    size = np.array(geometry.shape_zyx)
    extent = np.delete(size * geometry.spacing_zyx, axis)
    middle = geometry.points_of_zyx((size - 1) / 2)
    normal = np.cross(plane.right, plane.down)
    center = middle + normal * float((plane.center - middle) @ normal)
    return Plane(center, plane.right, plane.down, float(extent.max()), pixels)


def region_image(region: Region) -> sitk.Image:
    """A region as a float image in its place, with a border of zeros for interpolation."""
    geometry = region.geometry
    image = sitk.GetImageFromArray(np.pad(region.mask, 2).astype(np.float32))
    start = np.array(region.start, dtype=float) - 2
    image.SetOrigin(geometry.points_of_zyx(start).tolist())
    image.SetSpacing(geometry.spacing)
    image.SetDirection(geometry.direction)
    return image


def _unit(vector: Direction) -> Direction:
    unit: Direction = vector / np.linalg.norm(vector)
    return unit


def _near(image: sitk.Image, plane: Plane) -> sitk.Image | None:
    """The part of an image that a plane passes through; None if it does not."""
    half = plane.side_mm / 2
    corners = [
        plane.center + half * (a * plane.right + b * plane.down) for a in (-1, 1) for b in (-1, 1)
    ]
    index = Geometry.of(image).indices_xyz(corners)
    low = np.maximum(np.floor(index.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 2, image.GetSize())
    if (high <= low).any():
        return None
    return crop(image, (as_index(low), as_index(high)))
