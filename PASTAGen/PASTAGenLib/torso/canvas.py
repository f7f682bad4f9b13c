"""The picture that the anatomy is painted on: one slab of the volume, HU and labels.

Shapes are signed distances in body coordinates (mm, negative inside). Painting mixes the HU of a
shape into what is there by the share of the voxel that it covers, which gives partial volume
and the in-plane point spread at once; the label changes where a shape covers half the voxel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.torso.fields import Array

Box = tuple[slice, slice, slice]
Point = Sequence[float] | NDArray[np.float64]  # x, y, z in mm, body coordinates
FAR = np.float32(1e3)


@dataclass
class Canvas:
    """One slab.

    Attributes:
        x, y, z: body coordinates of every voxel in mm (LPS, origin in the third lumbar vertebra).
        noise: smooth fields of unit standard deviation, from coarse to fine.
        hu: HU, float32.
        label: catalogue labels, uint8.
        softness: width in mm over which an edge goes from none to all.
    """

    x: Array
    y: Array
    z: Array
    noise: tuple[Array, ...]
    hu: Array
    label: NDArray[np.uint8]
    softness: float
    _memory: dict[str, Array] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Range of each body coordinate along its own array axis, to find boxes quickly."""
        self._range = tuple(
            (
                coordinate.min(axis=tuple(a for a in range(3) if a != axis)),
                coordinate.max(axis=tuple(a for a in range(3) if a != axis)),
            )
            for axis, coordinate in ((0, self.z), (1, self.y), (2, self.x))
        )

    def box(self, lower: Point, upper: Point) -> Box | None:
        """Index box that holds every voxel of the body box (x, y, z mm), None if there is none."""
        slices = []
        for axis, (low, high) in enumerate(self._range):
            inside = np.flatnonzero(
                (high >= lower[2 - axis] - self.softness) & (low <= upper[2 - axis] + self.softness)
            )
            if inside.size == 0:
                return None
            slices.append(slice(int(inside[0]), int(inside[-1]) + 1))
        return slices[0], slices[1], slices[2]

    def points(self, box: Box) -> tuple[Array, Array, Array]:
        """Body coordinates x, y, z of a box."""
        return self.x[box], self.y[box], self.z[box]

    def once(self, name: str, compute: Callable[[], Array]) -> Array:
        """A field over the whole slab that several organs need, computed at the first call."""
        if name not in self._memory:
            self._memory[name] = compute()
        return self._memory[name]

    def cover(self, distance: Array) -> Array:
        """Share of each voxel that a shape covers, from its signed distance."""
        return np.clip(np.float32(0.5) - distance * np.float32(1 / self.softness), 0, 1)

    def paint(self, box: Box, distance: Array, hu: float | Array, label: int | None = None) -> None:
        """Mix `hu` in where the shape is; `label` None keeps labels, 0 clears them."""
        cover = self.cover(distance)
        view = self.hu[box]
        view += cover * (hu - view)
        if label is not None:
            self.label[box][distance < 0] = label
