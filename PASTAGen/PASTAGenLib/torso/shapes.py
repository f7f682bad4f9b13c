"""Signed distances (mm, negative inside) of the simple shapes that organs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator, make_interp_spline

from PASTAGenLib.torso.canvas import FAR, Box, Canvas, Point
from PASTAGenLib.torso.fields import Array

Line = NDArray[np.float64]  # rows of x, y, z and radius in mm
SIDES = (-1, 1)  # right and left: the sign of x


def rotation(ax: float, ay: float, az: float) -> NDArray[np.float64]:
    """Rotation matrix from angles in degrees about x, then y, then z."""
    a, b, c = np.deg2rad([ax, ay, az])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid by center and radii (x, y, z mm), turned by angles in degrees about x, y, z."""

    center: Point
    radii: Point
    angles: Point = (0, 0, 0)

    def reach(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner of the box around it."""
        turned = rotation(*self.angles) * np.asarray(self.radii)
        half = np.sqrt((turned**2).sum(axis=1))
        center = np.asarray(self.center, float)
        return center - half, center + half

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Distance to first order: exact on the surface, with unit slope there."""
        dx, dy, dz = (v - np.float32(c) for v, c in zip((x, y, z), self.center, strict=True))
        if any(self.angles):
            m = rotation(*self.angles).astype(np.float32)
            dx, dy, dz = (m[0, i] * dx + m[1, i] * dy + m[2, i] * dz for i in range(3))
        rx, ry, rz = (np.float32(1 / r) for r in self.radii)
        dx, dy, dz = dx * rx, dy * ry, dz * rz
        k0 = np.sqrt(dx * dx + dy * dy + dz * dz)
        dx, dy, dz = dx * rx, dy * ry, dz * rz
        k1 = np.sqrt(dx * dx + dy * dy + dz * dz)
        return k0 * (k0 - 1) / (k1 + np.float32(1e-6))


def smooth_min(a: Array, b: Array, width: float) -> Array:
    """Union of two shapes with a rounded joint of about `width` mm."""
    h = np.clip(np.float32(0.5) + (b - a) * np.float32(0.5 / width), 0, 1)
    return b + (a - b) * h - np.float32(width) * h * (1 - h)


def smooth_max(a: Array, b: Array, width: float) -> Array:
    """Intersection of two shapes with a rounded edge of about `width` mm."""
    return -smooth_min(-a, -b, width)


def ridge(t: Array) -> Array:
    """1 at zero, a half at 1 and -1, soon nothing: a soft line where a field changes sign."""
    square = t * t
    square *= square
    square += 1
    return np.reciprocal(square, out=square)


def table(z: Array, knots: Sequence[float], values: Sequence[float]) -> Array:
    """A smooth function of height that is given at some heights (rising `knots`, mm).

    Read from a table with a step of 0.1 mm, because the heights are millions of voxels and
    `numpy.interp` takes four times as long.
    """
    sampled = _sampled(tuple(knots), tuple(values))
    rank = ((z - np.float32(knots[0])) * np.float32(10)).astype(np.int32)
    return sampled.take(rank, mode="clip")


@lru_cache(maxsize=256)
def _sampled(knots: tuple[float, ...], values: tuple[float, ...]) -> Array:
    fine = np.arange(knots[0], knots[-1], 0.1)
    return PchipInterpolator(knots, values)(fine).astype(np.float32)


def curve(points: Sequence[Point], step: float = 4.0) -> NDArray[np.float64]:
    """A smooth line through points of any number of columns, sampled about every `step` mm.

    The first three columns are x, y, z; further columns, such as a radius, follow along.
    """
    given = np.asarray(points, float)
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(given[:, :3], axis=0), axis=1))]
    count = max(2, int(np.ceil(length[-1] / step)) + 1)
    where = np.linspace(0, length[-1], count)
    if len(given) < 3:
        return np.stack([np.interp(where, length, column) for column in given.T], axis=1)
    smooth = make_interp_spline(length, given, k=min(3, len(given) - 1))(where)
    # A spline may overshoot; radii may not.
    smooth[:, 3:] = np.clip(smooth[:, 3:], given[:, 3:].min(axis=0), given[:, 3:].max(axis=0))
    return smooth


def tube(
    canvas: Canvas, lines: Sequence[NDArray[np.float64]], margin: float = 0.0
) -> tuple[Box, Array, Array] | None:
    """Distance to round tubes along lines (rows of x, y, z, radius in mm).

    Returns:
        The box, the signed distance in it, and the position along the lines in mm at the nearest
        point (lines laid end to end); the distance is 1000 where nothing is nearer than `margin`
        beyond the softness of the canvas. None where the slab holds nothing of it.
    """
    every = np.concatenate(lines)
    # The widest radius everywhere, so that this box holds the boxes of all segments.
    pad = float(every[:, 3].max()) + margin
    box = canvas.box((every[:, :3] - pad).min(axis=0), (every[:, :3] + pad).max(axis=0))
    if box is None:
        return None
    distance = np.full(canvas.x[box].shape, FAR, np.float32)
    along = np.zeros_like(distance)
    start = 0.0
    for line in lines:
        for a, b in pairwise(line):
            length = float(np.linalg.norm(b[:3] - a[:3]))
            _segment(canvas, box, distance, along, a, b, start, margin)
            start += length
    return box, distance, along


def _segment(
    canvas: Canvas,
    outer: Box,
    distance: Array,
    along: Array,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    start: float,
    margin: float,
) -> None:
    """Lower `distance` by one round cone from `a` to `b` (x, y, z, radius)."""
    pad = max(a[3], b[3]) + margin
    box = canvas.box(np.minimum(a, b)[:3] - pad, np.maximum(a, b)[:3] + pad)
    if box is None:
        return
    local = tuple(
        slice(s.start - o.start, s.stop - o.start) for s, o in zip(box, outer, strict=True)
    )
    x, y, z = canvas.points(box)
    ax, ay, az, ar = (np.float32(v) for v in a)
    dx, dy, dz, dr = (np.float32(v) for v in b - a)
    squared = dx * dx + dy * dy + dz * dz + np.float32(1e-6)
    x, y, z = x - ax, y - ay, z - az
    t = np.clip((x * dx + y * dy + z * dz) / squared, 0, 1)
    x -= t * dx
    y -= t * dy
    z -= t * dz
    found = np.sqrt(x * x + y * y + z * z) - (ar + t * dr)
    nearer = found < distance[local]
    np.copyto(distance[local], found, where=nearer)
    np.copyto(along[local], np.float32(start) + t * np.sqrt(squared), where=nearer)
