"""Smooth random fields: cubic B-splines over a coarse grid of random numbers.

A field is a function of the point alone, so a volume may be painted in slabs and at any spacing
and shows the same anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Cubic B-spline weights of white noise shrink its standard deviation to 0.479^(3/2) on average
# (mean over the cell of the sum of squared weights, per axis); this brings it back to one.
_UNIT_SD = 0.479**-1.5


def spline_weights(axis: NDArray[np.float64], start: float, step: float, count: int) -> Array:
    """Dense (len(axis), count) matrix of cubic B-spline weights of equally spaced knots."""
    position = np.clip((np.asarray(axis) - start) / step, 1.0, count - 2.001)
    first = np.floor(position).astype(int) - 1
    t = position - np.floor(position)
    parts = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    weights = np.zeros((len(position), count), np.float32)
    rows = np.arange(len(position))
    for offset, part in enumerate(parts):
        weights[rows, first + offset] = part
    return weights


@dataclass(frozen=True)
class SmoothField:
    """A random scalar field of unit standard deviation in body coordinates (mm, LPS).

    Attributes:
        values: random numbers at the knots, [z, y, x].
        start: position of the first knot, (x, y, z) mm.
        step: distance of the knots in mm; structures are about twice as large.
    """

    values: Array
    start: tuple[float, float, float]
    step: float

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        lower: tuple[float, float, float],
        upper: tuple[float, float, float],
        step: float,
    ) -> SmoothField:
        """Random field that covers the box from `lower` to `upper` (x, y, z mm)."""
        size = [int(np.ceil((b - a) / step)) + 4 for a, b in zip(lower, upper, strict=True)]
        values = rng.standard_normal(size[::-1], dtype=np.float32) * np.float32(_UNIT_SD)
        start = (lower[0] - 1.5 * step, lower[1] - 1.5 * step, lower[2] - 1.5 * step)
        return cls(values, start, step)

    def on_axes(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        z: NDArray[np.float64],
    ) -> Array:
        """Values on the grid of three axes (mm), [z, y, x]."""
        wz, wy, wx = (
            spline_weights(axis, start, self.step, count)
            for axis, start, count in zip(
                (z, y, x), self.start[::-1], self.values.shape, strict=True
            )
        )
        part = np.tensordot(wz, self.values, axes=(1, 0))
        part = np.matmul(wy, part)
        return np.matmul(part, wx.T)
