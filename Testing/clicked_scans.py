"""Scans with a ball of another density, and what the tests of gestures do with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, Vector, as_vector
from PASTALib.gestures.drawing import Draw
from PASTALib.gestures.marks import Gesture, GestureKind, marks_of
from PASTALib.gestures.outlining import outlined
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


def check_that_marks_hold(
    draw: Draw,
    scan: Scan,
    places: Sequence[tuple[float, float, float, bool]],
    kind: GestureKind,
    before: np.ndarray | None,
) -> None:
    """Draw with gestures beside another finding: marks hold exactly, the other keeps its voxels.

    Args:
        draw: how the outline is drawn.
        scan: the CT; another finding takes its first columns.
        places: mm from the middle of the scan, and sign, of gestures after a click in the middle.
        kind: what they are.
        before: the outline before, without what the other finding has.
    """
    center = scan.geometry.points_of_xyz(np.array(scan.geometry.size) / 2)
    taken = np.zeros(scan.geometry.shape_zyx, bool)
    taken[:, :, :10] = True
    other = Region.of(taken, scan.geometry)
    assert other is not None
    scan = Scan(scan.hu, scan.geometry, [other])
    more = {"point": 0, "scribble": 1, "lasso": 2}[kind]
    gestures = [point(as_vector(center))]
    for *place, inside in places:
        first = np.add(center, place)
        corners = [first, np.add(first, (6, 0, 1)), np.add(first, (0, 7, 2))][: more + 1]
        gestures.append(Gesture(kind, tuple(as_vector(corner) for corner in corners), inside))
    known = None if before is None else Region.of(before & ~taken, scan.geometry)
    try:
        mask = whole(outlined(scan, gestures, known, draw))
    except PastaError:
        return  # nothing was left of it
    marks = marks_of(gestures, scan.geometry)
    assert mask[marks.inside & ~taken].all()
    assert not mask[marks.outside].any()
    assert not (mask & taken).any()
