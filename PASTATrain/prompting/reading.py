"""A simulated reader, who marks where an outline errs; on the voxels of a close-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.gestures.marks import Marks

Mask = NDArray[np.bool_]
KINDS = {"point": 0.72, "scribble": 0.16, "lasso": 0.12}
BOX_FIRST = 0.1
"""Share of lesions that a reader begins with a box around."""
IDLE = 0.05
"""Share of gestures where nothing is wrong."""


@dataclass(frozen=True, eq=False)
class Reader:
    """Knows the lesion and draws gestures.

    Attributes:
        truth: the lesion, ``[z, y, x]``.
        rng: draws everything.
    """

    truth: Mask
    rng: np.random.Generator

    def marks(self, present: Mask, earlier: Marks) -> Marks | None:
        """All marks after one more gesture; None where the outline needs none.

        Args:
            present: the outline until now.
            earlier: marks until now.
        """
        first = not earlier.inside.any() and not present.any()
        if first and self.rng.random() < BOX_FIRST:
            return Marks(earlier.inside, earlier.outside | ~self._box())
        wrong = self._place(present)
        if wrong is None:
            return None
        inside = bool(self.truth[tuple(np.argwhere(wrong)[0])])
        hit = self._drawn(wrong)
        if inside:
            return Marks(earlier.inside | hit, earlier.outside & ~hit)
        return Marks(earlier.inside & ~hit, earlier.outside | hit)

    def _place(self, present: Mask) -> Mask | None:
        """A connected part of the errors, mostly the largest one."""
        if present.any() and self.rng.random() < IDLE:
            return self.truth if self.rng.random() < 0.5 else ~self.truth & _near(self.truth)
        found = [parts_of(self.truth & ~present), parts_of(present & ~self.truth)]
        sizes = np.concatenate([size for _, size in found])
        if not len(sizes):
            return None
        if self.rng.random() < 0.7:
            number = int(sizes.argmax())
        else:
            number = int(self.rng.choice(len(sizes), p=sizes / sizes.sum()))
        missing = len(found[0][1])
        parts, number = (
            (found[0][0], number) if number < missing else (found[1][0], number - missing)
        )
        part: Mask = parts == number + 1
        return part

    def _drawn(self, wrong: Mask) -> Mask:
        """The voxels of a gesture within a part."""
        kind = str(self.rng.choice(list(KINDS), p=list(KINDS.values())))
        start = self._point(wrong)
        hit = np.zeros(wrong.shape, bool)
        hit[start] = True
        if kind == "point":
            return hit
        axis = int(self.rng.integers(3))
        plane = tuple(slice(s, s + 1) if a == axis else slice(None) for a, s in enumerate(start))
        if kind == "lasso":
            flat = wrong[plane]
            hit[plane] |= ndimage.binary_erosion(flat, _CROSS[axis]) if flat.sum() > 40 else flat
            return hit
        there = np.argwhere(wrong[plane])
        end = there[self.rng.integers(len(there))]
        end[axis] = start[axis]
        line = np.linspace(start, end, 2 * max(wrong.shape)).round().astype(int)
        hit[tuple(line.T)] = True
        return hit & wrong

    def _point(self, wrong: Mask) -> tuple[int, ...]:
        """A voxel of a part: its deepest, or a random one, rather a deep one."""
        index = np.argwhere(wrong)
        low, high = index.min(axis=0), index.max(axis=0) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        depth = ndimage.distance_transform_edt(np.pad(wrong[box], 1))[1:-1, 1:-1, 1:-1]
        values = depth[tuple((index - low).T)]
        if self.rng.random() < 0.6:
            return tuple(index[values.argmax()].tolist())
        return tuple(index[self.rng.choice(len(index), p=values / values.sum())].tolist())

    def _box(self) -> Mask:
        index = np.argwhere(self.truth)
        loose = self.rng.integers(-1, 4, (2, 3))
        low = np.maximum(index.min(axis=0) - loose[0], 0)
        high = index.max(axis=0) + 1 + loose[1]
        box = np.zeros(self.truth.shape, bool)
        box[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
        return box


def parts_of(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Numbers of connected parts at each voxel, and the size of each part from 1 on."""
    parts, count = ndimage.label(mask)
    return parts, np.bincount(parts.ravel(), minlength=count + 1)[1:]


def _near(mask: Mask) -> Mask:
    near: Mask = ndimage.binary_dilation(mask, iterations=5)
    return near


_CROSS = []
for _axis in range(3):
    _cross = ndimage.generate_binary_structure(3, 1)
    _cross.swapaxes(0, _axis)[[0, 2]] = False
    _CROSS.append(_cross)
