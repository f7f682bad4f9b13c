"""The midline of a long organ, step by step from a place on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.scene import Scene

Points = NDArray[np.float64]

STEP_MM = 6.0
FEW_VOXELS = 4
"""Fewer in a slab across the organ, and it has ended."""
LEAST_ALONG = 0.2
"""Where the midline has turned by more than the angle of this cosine, it is not followed on."""


def midline(
    points: Points,
    first: Points,
    heading: Points,
    *,
    length_mm: float,
    wide_mm: float,
    follow: float = 0.0,
) -> list[Points]:
    """Means of an organ's points in slabs across it, `STEP_MM` apart.

    Args:
        points: of the organ, LPS mm ``(n, 3)``.
        first: where to begin, LPS mm.
        heading: unit vector, LPS.
        length_mm: longest way.
        wide_mm: points farther from the midline are another part of the organ.
        follow: how far the heading turns with the organ at each step, 0 to 1.
    """
    path: list[Points] = []
    place, start = first, heading
    for _ in range(int(length_mm / STEP_MM)):
        steps = points - place
        along = steps @ heading
        across = np.linalg.norm(steps - along[:, None] * heading, axis=1)
        near = points[(np.abs(along) < 0.5 * STEP_MM) & (across < wide_mm)]
        if len(near) < FEW_VOXELS:
            break
        path.append(near.mean(axis=0))
        if follow and len(path) > 1:
            turned = (1 - follow) * heading + follow * _unit(path[-1] - path[-2])
            heading = _unit(turned)
            if heading @ start < LEAST_ALONG:
                break
        place = path[-1] + STEP_MM * heading
    return path


def points_of(scene: Scene, labels: tuple[int, ...], center: Points, reach_mm: float) -> Points:
    """Points of a structure in LPS mm within reach of a place."""
    voxels = scene.voxels(labels)
    index = np.stack(np.unravel_index(voxels, scene.geometry.shape_zyx), axis=1)
    points = scene.geometry.points_of_zyx(index)
    return np.asarray(points[np.linalg.norm(points - center, axis=1) < reach_mm])


def _unit(vector: Points) -> Points:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))
