"""A simulated reader, who points at what is wrong with an outline, in the CT's own voxels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.geometry import Floats, Geometry, Index, Vector, as_index, as_vector
from PASTALib.gestures.marks import Gesture

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Wrong:
    """A connected part of what is wrong.

    Attributes:
        mask: its voxels ``[z, y, x]`` in the least box that holds them.
        start: array index z, y, x of that box.
        missing: whether it belongs to the lesion and not to the outline; else the other way round.
    """

    mask: Mask
    start: Index
    missing: bool

    @cached_property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.mask))

    def depth(self, spacing_zyx: Floats) -> Floats:
        """Distance in mm from each voxel to the nearest one beyond the part, ``[z, y, x]``."""
        padded = ndimage.distance_transform_edt(np.pad(self.mask, 1), sampling=spacing_zyx)
        depth: Floats = padded[1:-1, 1:-1, 1:-1]
        return depth

    def deepest(self, spacing_zyx: Floats) -> Index:
        """Array index of the voxel that is deepest."""
        depth = self.depth(spacing_zyx)
        return as_index(np.add(np.unravel_index(depth.argmax(), depth.shape), self.start))


def errors(truth: Mask, now: Mask) -> list[Wrong]:
    """The connected parts of what an outline lacks, and of what it holds too much."""
    found = []
    for mask, missing in ((truth & ~now, True), (now & ~truth, False)):
        parts, _ = ndimage.label(mask)
        for number, box in enumerate(ndimage.find_objects(parts), start=1):
            start = as_index([side.start for side in box])
            found.append(Wrong(parts[box] == number, start, missing))
    return found


@dataclass(frozen=True, eq=False)
class Reader:
    """Knows the lesion and draws gestures, not always the best ones.

    Attributes:
        truth: the lesion in a box of the CT, ``[z, y, x]``.
        geometry: of the box.
        rng: draws everything.
        largest: share of gestures at the largest error; else errors are drawn by their size.
        middle: share of gestures in the very middle of an error.
        scribbles: share of scribbles; else it is a point.
        boxes: share of lesions that are begun with a box around.
    """

    truth: Mask
    geometry: Geometry
    rng: np.random.Generator
    largest: float = 0.75
    middle: float = 0.6
    scribbles: float = 0.12
    boxes: float = 0.06

    def gesture(self, now: Mask) -> Gesture | None:
        """The next gesture; None where nothing is wrong.

        Args:
            now: the outline until now.
        """
        if not now.any() and self.rng.random() < self.boxes:
            return self._box()
        wrong = self._error(now)
        if wrong is None:
            return None
        start = self._place(wrong)
        if self.rng.random() < self.scribbles:
            line = self._line(wrong, start)
            if line is not None:
                return Gesture("scribble", line, wrong.missing)
        return Gesture("point", (as_vector(self.geometry.points_of_zyx(start)),), wrong.missing)

    def _error(self, now: Mask) -> Wrong | None:
        found = errors(self.truth, now)
        if not found:
            return None
        if self.rng.random() < self.largest:
            return max(found, key=lambda wrong: wrong.size)
        sizes = np.array([wrong.size for wrong in found], float)
        return found[int(self.rng.choice(len(found), p=sizes / sizes.sum()))]

    def _place(self, wrong: Wrong) -> Index:
        spacing = self.geometry.spacing_zyx
        if self.rng.random() < self.middle:
            return wrong.deepest(spacing)
        index = np.argwhere(wrong.mask)
        depth = wrong.depth(spacing)[wrong.mask]
        drawn = index[self.rng.choice(len(index), p=depth / depth.sum())]
        return as_index(drawn + wrong.start)

    def _line(self, wrong: Wrong, start: Index) -> tuple[Vector, Vector] | None:
        """To another voxel of the slice, if all of the way lies within."""
        first = np.subtract(start, wrong.start)
        there = np.argwhere(wrong.mask[first[0]])
        end = np.array([first[0], *there[self.rng.integers(len(there))]])
        way = np.linspace(first, end, 2 * max(wrong.mask.shape)).round().astype(int)
        if (end == first).all() or not wrong.mask[tuple(way.T)].all():
            return None
        ends = self.geometry.points_of_zyx(np.array([first, end]) + wrong.start)
        return as_vector(ends[0]), as_vector(ends[1])

    def _box(self) -> Gesture:
        """Along the patient's axes, a little too large or too small."""
        points = self.geometry.points_of_zyx(np.argwhere(self.truth))
        low, high = points.min(axis=0), points.max(axis=0)
        loose = self.rng.uniform(-0.03, 0.15, (2, 3)) * (high - low) + self.rng.uniform(
            0, 2, (2, 3)
        )
        return Gesture("box", (as_vector(low - loose[0]), as_vector(high + loose[1])))
