"""Where on the wall of a hollow organ a lesion can grow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTAGenLib.boxes import box_of_ball, slices
from PASTAGenLib.scene import Host, Scene
from PASTAGenLib.shape import Blob, rows, sphere_directions
from PASTAGenLib.sites.solid import index_steps, nearest_voxels
from PASTALib.geometry import as_vector

WALK_MM = 60.0
WIDE_ENOUGH = 2.2
"""A ring reaches around a tube: its semi-axes across are this many tube radii."""
TUBE_REACH_MM = 25.0
TUBE_RATIO = 1.25
"""The organ is longer than wide by this factor near the place, or it is no tube."""


@dataclass(frozen=True)
class Tube:
    """A piece of a tubular organ.

    Attributes:
        center: LPS mm, on its axis.
        axes: rows are its directions in LPS, the first along it.
        radius_mm: of a circle of its cross-section's moments.
    """

    center: NDArray[np.float64]
    axes: NDArray[np.float64]
    radius_mm: float


def wall_points(
    scene: Scene, host: Host, centers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From points in a hollow organ, walk outward to its surface.

    Each candidate goes along its own direction until it leaves the organ, which reaches the wall
    wherever the organ bends, without looking at the whole organ.

    Returns:
        Fractional indices of points on the wall, and inward normals in LPS.
    """
    directions = sphere_directions(len(centers) or 1)
    # The golden-ratio order of the lattice goes from pole to pole; shuffle without a generator.
    directions = directions[(np.arange(len(centers)) * 29) % max(len(centers), 1)]
    step_mm = float(scene.geometry.spacing_zyx.min())
    walk = (np.arange(int(WALK_MM / step_mm) + 2) * step_mm)[None, :, None] * directions[:, None]
    path = np.rint(centers[:, None] + index_steps(scene, walk))
    flat, valid = nearest_voxels(scene, path)
    inside = Scene.table(host.labels)[scene.organs.ravel()[flat]] & valid
    left = ~inside
    last = np.argmax(left, axis=1) - 1
    # Leaving through the edge of the scan is no wall.
    outside = valid[np.arange(len(centers)), np.maximum(last + 1, 0)]
    good = left.any(axis=1) & (last >= 0) & outside
    points = path[np.arange(len(centers)), np.maximum(last, 0)]
    return points[good], -directions[good].astype(np.float64)


def tube_at(scene: Scene, host: Host, center: NDArray[np.float64]) -> Tube | None:
    """The piece of a hollow organ around a fractional index; None where it is no tube."""
    point = scene.geometry.points_of_zyx(center)
    box = box_of_ball(scene.geometry, point, TUBE_REACH_MM)
    inside = Scene.table(host.labels)[scene.organs[slices(box)]]
    pieces, _ = ndimage.label(inside)
    at = tuple(np.clip(np.rint(center).astype(int) - [b[0] for b in box], 0, None))
    if any(k >= n for k, n in zip(at, pieces.shape, strict=True)) or pieces[at] == 0:
        return None
    index = np.argwhere(pieces == pieces[at]) + [b[0] for b in box]
    points = scene.geometry.points_of_zyx(index)
    points = points[np.linalg.norm(points - point, axis=1) < TUBE_REACH_MM]
    if len(points) < 20:
        return None
    widths, axes = np.linalg.eigh(np.cov(points.T))
    if widths[2] < TUBE_RATIO**2 * widths[1]:
        return None
    across = points - point
    near = np.abs(across @ axes[:, 2]) < max(2.0, scene.geometry.spacing_zyx.max())
    middle = points[near].mean(axis=0)
    return Tube(middle, axes[:, ::-1].T, float(2 * np.sqrt(widths[:2].mean())))


def ring(template: Blob, tube: Tube, length_mm: float) -> Blob:
    """A blob that cuts a piece of a length out of a tube, all around."""
    wide = WIDE_ENOUGH * tube.radius_mm
    semi = as_vector((length_mm / 2, wide, wide))
    return replace(
        template, center=as_vector(tube.center), semi_axes=semi, rotation=rows(tube.axes)
    )
