"""Scores on the model's grid to labels in the geometry of the CT, slab by slab.

Never more than one class of one slab is held at the CT's resolution. Scores are interpolated
linearly and then compared, so that contours are smooth where the grid is coarser than the CT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.geometry import Box, Geometry, slices


@dataclass(frozen=True)
class Slab:
    """Some planes of a grid and the CT voxels that lie between them.

    Consecutive slabs share one plane; a CT voxel belongs to exactly one of them. The first and
    the last slab of a grid also own the half voxel before and after it.

    Attributes:
        grid: geometry of the whole grid.
        ct: geometry of the CT.
        first: z of the slab's first plane.
        last: z of its last plane, included.
    """

    grid: Geometry
    ct: Geometry
    first: int
    last: int

    @property
    def geometry(self) -> Geometry:
        """Geometry of the slab's planes."""
        size = self.grid.size
        return self.grid.cropped(((0, 0, self.first), (size[0], size[1], self.last + 1)))

    @property
    def ends(self) -> tuple[float, float]:
        """Z of the grid from which and up to below which CT voxels belong to the slab."""
        top = self.last == self.grid.size[2] - 1
        return (
            self.first - 0.5 if self.first == 0 else float(self.first),
            self.last + 0.5 if top else float(self.last),
        )

    def box(self, places: tuple[slice, ...] | None = None) -> Box:
        """CT voxels that may lie in the slab, or in a part of it given as ``[z, y, x]`` slices.

        A part reaches to the next voxel on each side, where the interpolated score ends.
        """
        low = np.array([-0.5, -0.5, self.ends[0]])
        high = np.array([self.grid.size[0] - 0.5, self.grid.size[1] - 0.5, self.ends[1]])
        if places is not None:
            shift = np.array([0, 0, self.first])
            starts = np.array([s.start for s in places[::-1]]) + shift
            stops = np.array([s.stop for s in places[::-1]]) + shift
            low, high = np.maximum(low, starts - 1.0), np.minimum(high, stops)
        corners = np.array(list(product(*zip(low, high, strict=True))))
        return self.ct.box_around(self.grid.points_of_xyz(corners))

    def write(self, values: np.ndarray, box: Box, target: np.ndarray) -> None:
        """Copy the voxels of a box that belong to the slab into the whole CT's array.

        Args:
            values: ``[z, y, x]`` of the box.
            box: CT voxels.
            target: array of the CT, changed.
        """
        # Z of the grid as a sum of one number for each index. Every slab computes it the same
        # way, to the last bit, so no voxel on a shared plane is left out.
        step = (self.grid.inverse_xyz @ self.ct.steps_xyz)[2]
        start = self.grid.indices_xyz(self.ct.origin)[2]
        x, y, z = (
            np.arange(first, last) * value
            for first, last, value in zip(box[0], box[1], step, strict=True)
        )
        in_plane = y[:, None] + x
        lowest, highest = in_plane.min(), in_plane.max()
        bottom, top = self.ends
        part = target[slices(box)]
        for number, height in enumerate(start + z):
            if height + lowest >= bottom and height + highest < top:
                part[number] = values[number]
            elif height + highest >= bottom and height + lowest < top:
                inside = (in_plane + height >= bottom) & (in_plane + height < top)
                np.copyto(part[number], values[number], where=inside)

    def interpolated(
        self, scores: np.ndarray, box: Box, outside: float, places: tuple[slice, ...] | None = None
    ) -> np.ndarray:
        """Scores of the slab's planes (or of a part of them) at the CT voxels of a box, float32.

        Args:
            scores: ``[z, y, x]`` of the whole slab.
            box: CT voxels.
            outside: value where there is no grid.
            places: only this part of `scores` is used.
        """
        geometry = self.geometry
        if places is not None:
            wide = tuple(
                slice(max(0, s.start - 2), min(n, s.stop + 2))
                for s, n in zip(places, scores.shape, strict=True)
            )
            scores = scores[wide]
            geometry = geometry.cropped(
                (
                    (wide[2].start, wide[1].start, wide[0].start),
                    (wide[2].stop, wide[1].stop, wide[0].stop),
                )
            )
        return interpolate(scores, geometry, self.ct.cropped(box), outside)


def interpolate(
    scores: np.ndarray, geometry: Geometry, target: Geometry, outside: float
) -> np.ndarray:
    """Linear interpolation of scores at the voxels of another geometry, float32 ``[z, y, x]``.

    Where the axes of both are parallel (any order, any sign) one axis after the other is
    interpolated, the slowest in memory last, so that the bulk of the work is on whole planes:
    some five times faster than SimpleITK's resampling, which does the oblique ones.

    Args:
        scores: ``[z, y, x]``.
        geometry: where they are.
        target: where they are wanted.
        outside: value more than half a voxel outside of `geometry`.
    """
    to_scores = geometry.inverse_xyz @ target.steps_xyz
    parallel = np.abs(to_scores) > 1e-6 * np.abs(to_scores).max()
    if not (np.all(parallel.sum(axis=0) == 1) and np.all(parallel.sum(axis=1) == 1)):
        image = geometry.place(sitk.GetImageFromArray(np.ascontiguousarray(scores)))
        result: np.ndarray = sitk.GetArrayFromImage(target.sample(image, outside))
        return result
    start = geometry.indices_xyz(target.origin)
    order = parallel.argmax(axis=0)  # axis of the scores along each axis of the target, x, y, z
    values = np.transpose(scores, [2 - int(axis) for axis in order[::-1]]).astype(np.float32)
    beyond = []
    for axis in range(3):
        along = order[axis]
        position = start[along] + to_scores[along, axis] * np.arange(target.size[axis])
        count = values.shape[2 - axis]
        beyond.append((position < -0.5) | (position > count - 0.5))
        values = _along_axis(values, position.clip(0, count - 1), 2 - axis)
    for axis, places in enumerate(beyond):
        if places.any():
            values[(slice(None),) * (2 - axis) + (places,)] = outside
    return values


def _along_axis(values: np.ndarray, position: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along one axis, at positions between its first and last index."""
    before = np.floor(position).astype(int)
    after = np.minimum(before + 1, values.shape[axis] - 1)
    weight = (
        (position - before).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    )
    result = np.take(values, before, axis)
    difference = np.take(values, after, axis)
    difference -= result
    difference *= weight
    result += difference
    return result


def best_labels(
    slab: Slab,
    scores: np.ndarray,
    labels: Sequence[int],
    box: Box,
    winner: np.ndarray,
    background: float,
) -> np.ndarray:
    """Label of the largest interpolated score at the CT voxels of a box, uint8 ``[z, y, x]``.

    Args:
        slab: the planes.
        scores: int16 ``(labels, z, y, x)``.
        labels: label of each score.
        box: CT voxels.
        winner: uint8 ``[z, y, x]``, number of the largest score at each grid voxel, counted from
            1, or 0. A score is looked at only around the voxels where it wins: elsewhere it loses.
        background: score that a label must exceed.
    """
    shape = tuple(high - low for low, high in zip(box[0][::-1], box[1][::-1], strict=True))
    best = np.full(shape, background, np.float32)
    result = np.zeros(shape, np.uint8)
    for number, places in enumerate(ndimage.find_objects(winner, len(labels))):
        if places is None:
            continue
        part = slab.box(places)
        low = np.maximum(part[0], box[0])
        high = np.minimum(part[1], box[1])
        if np.any(high <= low):
            continue
        part = (tuple(low.tolist()), tuple(high.tolist()))
        score = slab.interpolated(scores[number], part, -np.inf, places)
        where = slices(part, box)
        better = score > best[where]
        np.copyto(best[where], score, where=better)
        result[where][better] = labels[number]
    return result
