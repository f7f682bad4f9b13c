"""Cubes of a CT around a place: what networks that look closely are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from PASTALib.geometry import LPS_AXES, Floats, Geometry, as_index, as_vector
from PASTALib.region import Region

OUTSIDE_HU = -1024.0
"""Beyond the CT."""


def cube_around(
    center: ArrayLike, step_mm: float, edge: int, direction: tuple[float, ...] = LPS_AXES
) -> Geometry:
    """Geometry of a cube of `edge` voxels along each side around a point in LPS mm."""
    axes = np.reshape(direction, (3, 3))
    first = np.asarray(center) - axes @ np.full(3, step_mm * (edge - 1) / 2)
    return Geometry(as_index((edge,) * 3), (step_mm,) * 3, as_vector(first), direction)


def sampled(hu: NDArray[np.int16], geometry: Geometry, cube: Geometry) -> NDArray[np.float32]:
    """A CT at the voxels of a cube: averaged where the cube is coarser, interpolated elsewhere."""
    low, high = geometry.box_around(cube.corners(), margin=1)
    if any(a >= b for a, b in zip(low, high, strict=True)):
        return np.full(cube.shape_zyx, OUTSIDE_HU, np.float32)
    where = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    part = sitk.GetImageFromArray(np.ascontiguousarray(hu[where]))
    part = geometry.cropped((low, high)).place(part)
    bins = np.maximum(1, np.floor(cube.spacing[0] / np.array(geometry.spacing) + 0.05)).astype(int)
    bins = np.minimum(bins, part.GetSize())
    if (bins > 1).any():
        part = sitk.BinShrink(part, bins.tolist())
    values: NDArray[np.float32] = sitk.GetArrayFromImage(cube.sample(part, OUTSIDE_HU))
    return values


def resampled(values: NDArray[np.generic], source: Geometry, target: Geometry) -> Floats:
    """Values ``[z, y, x]`` of one geometry, interpolated at the voxels of another; 0 beyond."""
    image = source.place(sitk.GetImageFromArray(values.astype(np.float32)))
    result: Floats = sitk.GetArrayFromImage(target.sample(image, 0.0))
    return result


def on_grid(regions: Sequence[Region], grid: Geometry) -> NDArray[np.bool_]:
    """What of some regions lies on any grid."""
    mask = np.zeros(grid.shape_zyx, bool)
    for region in regions:
        mask |= resampled(region.mask, box_of(region), grid) > 0.5
    return mask


def box_of(region: Region) -> Geometry:
    """Geometry of the voxels of a region's box."""
    return region.geometry.cropped(index_box(region))


def index_box(region: Region) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """A region's box as first and behind-last index x, y, z."""
    z, y, x = region.start
    depth, height, width = region.mask.shape
    return (x, y, z), (x + width, y + height, z + depth)
