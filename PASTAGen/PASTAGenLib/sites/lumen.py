"""The lumen upstream of a tumor that narrows a tube: wider, with what was found in it.

Of the esophagus upstream is up. Of the colorectum it is away from its lowest end, counted along
the bowel; where the scan does not show that end, nobody can tell.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTAGenLib.features.lumen import Lumen
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.scene import Scene
from PASTAGenLib.sites.midline import midline, points_of
from PASTAGenLib.sites.solid import nearest_voxels
from PASTAGenLib.sites.wall import WIDE_ENOUGH
from PASTALib.geometry import as_vector

LENGTH_MM = (50.0, 90.0)
SHORTEST_STEPS = 4
"""A shorter piece of tube is not worth widening."""
FOLLOW = 0.6
SHOULDER_MM = 3.0
"""The wide lumen begins this far beyond the tumor."""
WIDER = (0.3, 0.55)
"""Widening as a share of the tube's radius, and its limits in mm."""
WIDER_MM = (2.5, 7.0)
WALL = (0.15, 2.0)
"""A stretched wall is thin: share of the radius, at least so many mm."""
GAS_HU, FLUID_HU = (-985.0, -950.0), (5.0, 25.0)
HALF_GAS_HU = -300
MIDDLE = 0.45
"""What is found in the lumen is looked for within this share of the radius."""
GRID_MM = 3.0
BEYOND_MM = 12.0
END_MM = 5.0
"""The lowest end of the bowel is in the scan where it is this far from its border."""
MIDLINE_MM = 35.0
"""What the scan's border cuts so near to the midline is the rectum."""


def dilated_lumen(scene: Scene, plan: InsertionPlan, rng: np.random.Generator) -> tuple[Lumen, ...]:
    """The wider lumen; none where the lesion is no ring or no tube goes on upstream."""
    length, wider = rng.uniform(*LENGTH_MM), rng.uniform(*WIDER)
    gas, fluid = rng.uniform(*GAS_HU), rng.uniform(*FLUID_HU)
    if plan.form != "annular":
        return ()
    center, axis = np.array(plan.blob.center), np.array(plan.blob.rotation[0])
    half, across, _ = plan.blob.semi_axes
    radius = across / WIDE_ENOUGH
    sign = _upstream(scene, plan, center, axis, half + BEYOND_MM)
    if sign == 0:
        return ()
    heading, organ = sign * axis, points_of(scene, plan.host_labels, center, half + length + 30)
    first = center + (half + SHOULDER_MM) * heading
    path = midline(organ, first, heading, length_mm=length, wide_mm=1.6 * radius, follow=FOLLOW)
    if len(path) < SHORTEST_STEPS:
        return ()
    return (
        Lumen(
            path=tuple(as_vector(place - center) for place in path),
            radius_mm=radius,
            push_mm=float(np.clip(wider * radius, *WIDER_MM)),
            wall_mm=max(WALL[0] * radius, WALL[1]),
            hu=float(gas if _holds_gas(scene, organ, path, MIDDLE * radius) else fluid),
            name="upstream dilation",
        ),
    )


def _upstream(
    scene: Scene,
    plan: InsertionPlan,
    center: NDArray[np.float64],
    axis: NDArray[np.float64],
    beyond_mm: float,
) -> int:
    """Whether upstream is along the axis of the tube (1) or against it (-1); 0 if unknown."""
    if plan.type == "esophageal_cancer":
        return int(np.sign(axis[2]))
    way = way_from_end(scene, plan.host_labels)
    if way is None:
        return 0
    ways = [_near(way, center + sign * beyond_mm * axis) for sign in (1, -1)]
    if None in ways or ways[0] == ways[1]:
        return 0
    return 1 if ways[0] > ways[1] else -1  # type: ignore[operator]


def way_from_end(scene: Scene, labels: tuple[int, ...]) -> sitk.Image | None:
    """Way along the bowel from its lowest end in mm, on a coarse grid; None if that is not seen.

    Voxels that are not reached hold values above 1e6.
    """
    index = np.stack(
        np.unravel_index(scene.voxels(labels), scene.geometry.shape_zyx), axis=1
    ).astype(float)
    points = scene.geometry.points_of_zyx(index)
    low, high = points.min(axis=0) - GRID_MM, points.max(axis=0) + GRID_MM
    lowest = points[np.argmin(points[:, 2])]
    _, ends = nearest_voxels(
        scene, scene.geometry.indices_zyx(lowest - [0, 0, END_MM + scene.geometry.spacing[2]])
    )
    end = points[points[:, 2] < lowest[2] + END_MM].mean(axis=0)
    middle = 0.5 * (points[:, 0].min() + points[:, 0].max())
    if not ends and abs(end[0] - middle) > MIDLINE_MM:
        return None
    cells = np.floor((points - low) / GRID_MM).astype(int)
    mask = np.zeros(np.ceil((high - low) / GRID_MM).astype(int)[::-1] + 1, bool)
    mask[tuple(cells[:, ::-1].T)] = True
    mask = ndimage.binary_closing(mask)  # a collapsed piece is thinner than the grid
    speed = sitk.GetImageFromArray(mask.astype(np.float32))
    speed.SetSpacing((GRID_MM,) * 3)
    speed.SetOrigin((low + 0.5 * GRID_MM).tolist())
    seed = [int(k) for k in np.floor((lowest - low) / GRID_MM)]
    return sitk.FastMarching(speed, [seed], 1.0, 1e5)


def _near(way: sitk.Image, point: NDArray[np.float64]) -> float | None:
    """Way at a point, or the least within two cells of it; None where the bowel is not reached."""
    x, y, z = way.TransformPhysicalPointToIndex(point.tolist())
    array = sitk.GetArrayViewFromImage(way)
    part = array[tuple(slice(max(k - 2, 0), max(k + 3, 0)) for k in (z, y, x))]
    reached = part[part < 1e5]
    return float(np.median(reached)) if reached.size else None


def _holds_gas(
    scene: Scene,
    organ: NDArray[np.float64],
    path: list[NDArray[np.float64]],
    reach_mm: float,
) -> bool:
    """Whether the middle of the tube is mostly gas."""
    gaps = np.min([np.linalg.norm(organ - place, axis=1) for place in path], axis=0)
    middle = organ[gaps < max(reach_mm, float(scene.geometry.spacing_zyx.max()))]
    if not len(middle):
        return False
    flat, _ = nearest_voxels(scene, scene.geometry.indices_zyx(middle))
    return bool(np.median(scene.hu.ravel()[flat]) < HALF_GAS_HU)
