"""Scans with a ball of another density, and what the tests of gestures do with them."""

from __future__ import annotations

import numpy as np

from PASTALib.geometry import Geometry, Vector, as_vector
from PASTALib.gestures.marks import Gesture
from PASTALib.gestures.scan import Scan
from PASTALib.region import Region

SIZE = (56, 52, 40)
RADIUS_MM = 8.0


def scan_of_a_ball(
    direction: np.ndarray | None = None,
    spacing: Vector = (1.0, 1.0, 1.5),
    contrast: float = 60.0,
    noise: float = 10.0,
    seed: int = 0,
    radius_mm: float = RADIUS_MM,
) -> tuple[Scan, np.ndarray, Vector]:
    """Soft tissue with a ball in it: the scan, the ball's voxels and its center (LPS mm)."""
    axes = np.eye(3) if direction is None else direction
    geometry = Geometry(SIZE, spacing, (12.0, -30.0, 5.0), tuple(axes.ravel()))
    center = as_vector(geometry.points_of_xyz(np.array(SIZE) / 2))
    inside = ball(geometry, center, radius_mm)
    hu = 50 + contrast * inside + np.random.default_rng(seed).normal(0, noise, inside.shape)
    return Scan(hu.round().astype(np.int16), geometry), inside, center


def ball(geometry: Geometry, center: Vector, radius_mm: float) -> np.ndarray:
    """Voxels within a radius."""
    index = np.stack(np.mgrid[tuple(slice(n) for n in geometry.shape_zyx)], axis=-1)
    away: np.ndarray = np.linalg.norm(geometry.points_of_zyx(index) - center, axis=-1)
    return away <= radius_mm


def point(place: Vector, inside: bool = True) -> Gesture:
    """A click."""
    return Gesture("point", (place,), inside)


def whole(region: Region) -> np.ndarray:
    """A region as a mask of all of its image."""
    mask = np.zeros(region.geometry.shape_zyx, bool)
    mask[region.slices] = region.mask
    return mask


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two masks."""
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))
