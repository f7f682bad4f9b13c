"""What a reader points at, and which voxels of a box that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from PASTALib.errors import PastaError
from PASTALib.geometry import Floats, Geometry, Vector

GestureKind = Literal["point", "scribble", "box", "lasso"]
"""What can be drawn: a point, a line, a box, a closed line in a plane."""


@dataclass(frozen=True)
class Gesture:
    """One thing that a reader drew.

    Attributes:
        kind: what.
        points: LPS mm; at least one for a point, two for a scribble, three for a lasso. A box along
            the patient's axes has two, opposite corners; any other has four, a corner and its three
            neighbors.
        inside: whether it marks the lesion; otherwise it marks what is none.
    """

    kind: GestureKind
    points: tuple[Vector, ...]
    inside: bool = True

    def __post_init__(self) -> None:
        least = {"point": 1, "scribble": 2, "box": 2, "lasso": 3}[self.kind]
        if len(self.points) < least:
            raise PastaError(f"A {self.kind} needs {least} points or more; draw it again.")

    @property
    def frame(self) -> tuple[Floats, Floats]:
        """A corner of a box ``(3,)``, and the columns that lead to its three neighbors ``(3, 3)``.

        Of a box along the patient's axes it is the corner with the least coordinates.
        """
        points = np.array(self.points)
        if len(points) == 4:
            return points[0], (points[1:] - points[0]).T
        return points.min(axis=0), np.diag(np.ptp(points, axis=0))

    @property
    def extent(self) -> Floats:
        """Points ``(n, 3)`` that enclose it, LPS mm."""
        if self.kind != "box":
            return np.array(self.points)
        first, edges = self.frame
        return first + np.array(list(product((0, 1), repeat=3))) @ edges.T


@dataclass(frozen=True, eq=False)
class Marks:
    """Voxels of a box that are known; bool ``[z, y, x]`` each.

    Attributes:
        inside: certainly lesion.
        outside: certainly none.
    """

    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]

    def apart_from(self, others: NDArray[np.bool_]) -> Marks:
        """The same where other findings keep their voxels."""
        return Marks(self.inside & ~others, self.outside | others)


def check_inside(gestures: Sequence[Gesture], geometry: Geometry) -> None:
    """Refuse gestures that do not touch the CT.

    Raises:
        PastaError: no point of a gesture lies in the CT.
    """
    for gesture in gestures:
        index = np.round(geometry.indices_xyz(np.array(gesture.points)))
        if not ((index >= 0) & (index < geometry.size)).all(axis=1).any():
            raise PastaError("That point lies outside the CT; click inside it.")


def marks_of(gestures: Sequence[Gesture], geometry: Geometry) -> Marks:
    """The voxels that gestures mark.

    A later gesture wins over an earlier one where both mark a voxel. A box says only that nothing
    outside of it belongs to the lesion, or, as a negative one, that nothing inside does.

    Args:
        gestures: in the order in which they were drawn.
        geometry: of the box, which may be any.
    """
    inside, outside = (np.zeros(geometry.shape_zyx, bool) for _ in range(2))
    for gesture in gestures:
        if gesture.kind == "box":
            hit = _in_box(gesture, geometry)
            outside |= ~hit if gesture.inside else hit
            inside &= ~outside
            continue
        hit = (
            _in_lasso(gesture, geometry) if gesture.kind == "lasso" else _on_line(gesture, geometry)
        )
        mine, other = (inside, outside) if gesture.inside else (outside, inside)
        mine |= hit
        other &= ~hit
    return Marks(inside, outside)


def _on_line(gesture: Gesture, geometry: Geometry) -> NDArray[np.bool_]:
    """Voxels on the straight lines between the points."""
    points = np.array(gesture.points)
    step = 0.5 * min(geometry.spacing)
    dense = [points[:1]]
    for first, second in pairwise(points):
        count = max(1, int(np.ceil(np.linalg.norm(second - first) / step)))
        dense.append(first + (second - first) * np.linspace(0, 1, count + 1)[1:, None])
    # Not np.round: it turns halves to even numbers, which differ between a CT and a box of it.
    index = np.floor(geometry.indices_zyx(np.concatenate(dense)) + 0.5).astype(int)
    index = index[((index >= 0) & (index < geometry.shape_zyx)).all(axis=1)]
    hit = np.zeros(geometry.shape_zyx, bool)
    hit[tuple(index.T)] = True
    return hit


def _in_box(gesture: Gesture, geometry: Geometry) -> NDArray[np.bool_]:
    """Voxels of a box, and those that its sides touch."""
    first, edges = gesture.frame
    length = np.linalg.norm(edges, axis=0)
    axes = np.where(length > 0, edges / np.maximum(length, 1e-9), np.eye(3))
    half = 0.5 * np.abs(geometry.steps_xyz.T @ axes).max(axis=0)
    along = (_places(geometry) - first) @ axes
    hit: NDArray[np.bool_] = ((along >= -half) & (along <= length + half)).all(axis=-1)
    return hit


def _in_lasso(gesture: Gesture, geometry: Geometry) -> NDArray[np.bool_]:
    """Voxels within a closed line, no farther from its plane than half a voxel."""
    points = np.array(gesture.points)
    center = points.mean(axis=0)
    axes = np.linalg.svd(points - center, full_matrices=False)[2]
    if len(axes) < 3:
        axes = np.vstack([axes[:2], np.cross(axes[0], axes[1])])
    flat = (points - center) @ axes[:2].T
    places = _places(geometry).reshape(-1, 3) - center
    thickness = 0.5 * np.abs(geometry.steps_xyz.T @ axes[2]).max()
    near = np.abs(places @ axes[2]) <= thickness + 1e-6
    hit = np.zeros(len(places), bool)
    hit[near] = _in_polygon(places[near] @ axes[:2].T, flat)
    return hit.reshape(geometry.shape_zyx)


def _in_polygon(points: Floats, corners: Floats) -> NDArray[np.bool_]:
    """Which points ``(n, 2)`` a closed polygon holds, by the even-odd rule."""
    within = np.zeros(len(points), bool)
    for (u, v), (p, q) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if v == q:
            continue
        level = points[:, 1]
        crosses = (v > level) != (q > level)
        within ^= crosses & (points[:, 0] < u + (level - v) / (q - v) * (p - u))
    return within


def _places(geometry: Geometry) -> Floats:
    """LPS mm of every voxel ``[z, y, x, 3]``."""
    index = np.stack(np.meshgrid(*map(np.arange, geometry.shape_zyx), indexing="ij"), axis=-1)
    return geometry.points_of_zyx(index)
