"""Images under transforms: what lies elsewhere, or is bent, brought onto a wanted grid.

All of it goes slab by slab, so that it tells how far it is and can be stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTALib.geometry import Box, Geometry, is_empty, slices
from PASTALib.progress import CancelToken, Progress, silent

SLICES = 16
"""Brought over between two looks at the token: some 0.3 s of a slab of 512 x 512."""


@dataclass(frozen=True, eq=False)
class Field:
    """Where points go, by displacements in a coarse grid, interpolated linearly between.

    Attributes:
        displacements: float32 ``[z, y, x, 3]``, LPS mm.
        grid: of the displacements; it has to hold all points that are asked for.
    """

    displacements: NDArray[np.float32]
    grid: Geometry

    def transform(self) -> sitk.Transform:
        """From a point of the wanted image to the one of the given image, LPS mm."""
        image = sitk.GetImageFromArray(self.displacements.astype(np.float64), isVector=True)
        return sitk.DisplacementFieldTransform(self.grid.place(image))


Warp = NDArray[np.float64] | Field
"""From points of the wanted image to those of the given one: a 4 x 4 matrix in LPS, or a field."""


def transform_of(warp: Warp) -> sitk.Transform:
    """A warp as SimpleITK has it."""
    if isinstance(warp, Field):
        return warp.transform()
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(warp[:3, :3].ravel().tolist())
    affine.SetTranslation(warp[:3, 3].tolist())
    return affine


def straightened(
    image: sitk.Image,
    warp: Warp,
    grid: Geometry,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> sitk.Image:
    """An image with a transform worked into its voxels, on a grid, interpolated linearly.

    What comes from beyond the image becomes its lowest value, which in a CT is air.

    Raises:
        Cancelled: asked to stop.
    """
    array = sitk.GetArrayViewFromImage(image)
    result, lowest = np.empty(grid.shape_zyx, array.dtype), float(array.min())
    transform = transform_of(warp)
    for box, part in _slabs(grid, ((0, 0, 0), grid.size), progress, cancel):
        slab = _resampled(image, part, transform, sitk.sitkLinear, lowest)
        result[slices(box)] = sitk.GetArrayViewFromImage(slab)
    return grid.place(sitk.GetImageFromArray(result))


@dataclass(frozen=True, eq=False)
class LabelPart:
    """A label map of a segmentation.

    Attributes:
        voxels: ``[z, y, x]``, whole numbers.
        grid: where it lies, before its transform.
        labels: wanted label of each value that counts; all others are left out.
    """

    voxels: NDArray[np.integer]
    grid: Geometry
    labels: dict[int, int]

    def wanted(self, values: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Values of the label map as wanted labels."""
        table = np.zeros(max(self.labels, default=0) + 2, np.uint8)  # the last: all above
        for value, label in self.labels.items():
            table[value] = label
        top = min(len(table) - 1, np.iinfo(values.dtype).max)
        return np.asarray(table[np.clip(values, 0, top)])

    def offset_in(self, grid: Geometry, warp: Warp) -> NDArray[np.intp] | None:
        """Index z, y, x in a grid of the first voxel, if all voxels lie on voxels of that grid."""
        if isinstance(warp, Field):
            return None
        to_world = np.linalg.inv(warp)
        steps = grid.inverse_zyx @ to_world[:3, :3] @ self.grid.steps_zyx
        first = grid.indices_zyx(to_world[:3, :3] @ self.grid.origin + to_world[:3, 3])
        same = np.allclose(steps, np.eye(3), atol=1e-4) and np.allclose(
            first, np.round(first), atol=0.01
        )
        return np.round(first).astype(np.intp) if same else None

    def paste(self, array: NDArray[np.uint8], offset: NDArray[np.intp]) -> None:
        """Put the wanted labels into an array; what lies beyond it is left out."""
        low = np.maximum(0, -offset)
        high = np.maximum(low, np.minimum(self.voxels.shape, np.subtract(array.shape, offset)))
        own = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        target = tuple(slice(a, b) for a, b in zip(low + offset, high + offset, strict=True))
        labels = self.wanted(self.voxels[own])
        np.copyto(array[target], labels, where=labels > 0)


@dataclass(frozen=True, eq=False)
class LabelParts:
    """A segmentation with a transform, such as one that was drawn in another scan.

    Attributes:
        parts: its label maps; where they overlap, the later one counts.
        warp: from points of the world to points of the label maps.
    """

    parts: tuple[LabelPart, ...]
    warp: Warp

    def on(
        self, grid: Geometry, *, progress: Progress = silent, cancel: CancelToken | None = None
    ) -> sitk.Image:
        """The labels on a grid, uint8; each voxel has that of the nearest voxel of the label map.

        Raises:
            Cancelled: asked to stop.
        """
        array = np.zeros(grid.shape_zyx, np.uint8)
        transform = transform_of(self.warp)
        for number, part in enumerate(self.parts):
            offset = part.offset_in(grid, self.warp)
            if offset is not None:
                part.paste(array, offset)
                continue
            box = self._reach(part, grid)
            image = part.grid.place(sitk.GetImageFromArray(part.voxels))

            def told(fraction: float, message: str, number: int = number) -> None:
                progress((number + fraction) / len(self.parts), message)

            for slab, place in _slabs(grid, box, told, cancel):
                moved = _resampled(image, place, transform, sitk.sitkNearestNeighbor, 0)
                labels = part.wanted(sitk.GetArrayViewFromImage(moved))
                np.copyto(array[slices(slab)], labels, where=labels > 0)
        return grid.place(sitk.GetImageFromArray(array))

    def _reach(self, part: LabelPart, grid: Geometry) -> Box:
        """The box of the grid that a label map can reach into."""
        if isinstance(self.warp, Field):
            return (0, 0, 0), grid.size
        to_world = np.linalg.inv(self.warp)
        corners = part.grid.corners() @ to_world[:3, :3].T + to_world[:3, 3]
        return grid.box_around(corners, margin=1)


def _slabs(
    grid: Geometry, box: Box, progress: Progress, cancel: CancelToken | None
) -> Iterator[tuple[Box, Geometry]]:
    """A box of a grid in slabs of `SLICES`, each with its geometry."""
    low, high = box
    if is_empty(box):
        return
    for first in range(low[2], high[2], SLICES):
        if cancel is not None:
            cancel.check()
        last = min(first + SLICES, high[2])
        slab = (low[0], low[1], first), (high[0], high[1], last)
        yield slab, grid.cropped(slab)
        progress((last - low[2]) / (high[2] - low[2]), f"Slice {last} of {high[2]}")


def _resampled(
    image: sitk.Image, grid: Geometry, transform: sitk.Transform, how: int, outside: float
) -> sitk.Image:
    return sitk.Resample(
        image, grid.size, transform, how, grid.origin, grid.spacing, grid.direction, outside
    )
