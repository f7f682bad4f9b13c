"""From a rectangle that was drawn in a slice to a box: how deep it is."""

from __future__ import annotations

import numpy as np

from PASTALib.geometry import Floats, Vector, as_index, as_vector
from PASTALib.region import Region

BEYOND_MM = 20.0
"""A box is so much deeper than the outline until now: its depth was not drawn."""
FLAT_MM = 0.01


def box_of(rectangle: Floats, inside: bool, before: Region | None) -> tuple[Vector, ...]:
    """The points of a box gesture, see `PASTALib.gestures.marks.Gesture`.

    A positive one reaches as far beyond the slice as the rectangle is long, and beyond the outline
    until now, since it says nothing of how deep the lesion is. A negative one is flat.

    Args:
        rectangle: its four corners in order ``(4, 3)``, LPS mm.
        inside: whether the lesion lies in it.
        before: the outline until now.
    """
    first, second, _, fourth = rectangle
    u, v = second - first, fourth - first
    normal = np.cross(u, v)
    normal = normal / np.linalg.norm(normal)
    depth = FLAT_MM
    if inside:
        depth = float(max(np.linalg.norm(u), np.linalg.norm(v)))
        if before is not None:
            low = np.array(before.start[::-1])
            box = as_index(low), as_index(low + before.mask.shape[::-1])
            corners = before.geometry.cropped(box).corners()
            depth = max(depth, float(np.abs((corners - first) @ normal).max()) + BEYOND_MM)
    start = first - depth * normal
    return tuple(map(as_vector, (start, start + u, start + v, start + 2 * depth * normal)))
