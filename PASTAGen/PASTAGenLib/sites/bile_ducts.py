"""Dilated bile ducts upstream of a lesion near the hilum of the liver: from it into the liver.

The hilum is where the portal vein of the organ map meets the liver. Upstream is the liver beyond
the lesion, as seen from there; ducts run as a fan into it, wide near the lesion and narrower in the
periphery.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from PASTAGenLib.features.around import Duct
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.scene import Scene
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import as_vector

FEATURE = "bile duct dilation"
MANY_VOXELS = 20_000
FEW_VOXELS = 12
MEETS_MM = 8.0
NEAR_MM = 25.0
"""A lesion whose surface is no farther from the hilum compresses its ducts."""
BRANCHES = (3, 6)
LENGTH_MM = (25.0, 65.0)
WITHIN = 0.3
"""Cosine of half the angle of the fan."""
BEND = 0.2
"""Sideways bend of a duct as a share of its length."""
RADIUS_MM = (1.5, 2.8)
PERIPHERAL = 0.6
"""Radius of the outer half of a duct as a share of the inner one's."""
BILE_HU = (2.0, 14.0)
POINTS = 7


def hilum(scene: Scene) -> NDArray[np.float64]:
    """Where the portal vein meets the liver, LPS mm.

    Raises:
        PastaError: the organ map shows no portal vein at the liver.
    """
    liver, vein = (_points(scene, key) for key in ("liver", "portal_vein"))
    if len(vein) >= FEW_VOXELS and len(liver):
        gaps, _ = cKDTree(liver).query(vein)
        meets = vein[gaps < MEETS_MM]
        if len(meets) >= FEW_VOXELS:
            return np.asarray(np.median(meets, axis=0))
    raise PastaError(
        f"{FEATURE} is drawn from the hilum of the liver, which is found by the portal vein; this "
        f"scan's organ map does not show it at the liver. Leave '{FEATURE}' out of features."
    )


def nearest_to_hilum(scene: Scene, centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractional indices, those near the hilum first."""
    away = np.linalg.norm(scene.geometry.points_of_zyx(centers) - hilum(scene), axis=1)
    return np.asarray(centers[np.argsort(away, kind="stable")])


def bile_ducts(scene: Scene, plan: InsertionPlan, rng: np.random.Generator) -> tuple[Duct, ...]:
    """The ducts; none where the lesion is not near the hilum, or no liver lies beyond it."""
    count, radius = int(rng.integers(*BRANCHES)), rng.uniform(*RADIUS_MM)
    hu, bends = float(rng.uniform(*BILE_HU)), rng.normal(0, BEND, (BRANCHES[1], 3))
    start = rng.random()
    gate, center = hilum(scene), np.array(plan.blob.center)
    size = min(plan.blob.semi_axes)
    if np.linalg.norm(center - gate) - size > NEAR_MM:
        return ()
    liver = _points(scene, "liver")
    outward = center - gate if np.linalg.norm(center - gate) > 3 else liver.mean(axis=0) - gate
    outward /= max(float(np.linalg.norm(outward)), 1e-6)
    steps = liver - center
    away = np.linalg.norm(steps, axis=1)
    beyond = steps[
        (away > size + LENGTH_MM[0])
        & (away < size + LENGTH_MM[1])
        & (steps @ outward > WITHIN * away)
    ]
    if len(beyond) < FEW_VOXELS:
        return ()
    ducts: list[Duct] = []
    for end, bend in zip(_apart(beyond, count, start), bends, strict=False):
        path = _bent(end, bend * np.linalg.norm(end), 0.8 * size)
        middle = len(path) // 2
        inner, outer = path[: middle + 1], path[middle:]
        for part, wide in ((inner, radius), (outer, PERIPHERAL * radius)):
            ducts.append(Duct(tuple(map(as_vector, part)), float(wide), hu, name=FEATURE))
    return tuple(ducts)


def _apart(points: NDArray[np.float64], count: int, start: float) -> list[NDArray[np.float64]]:
    """Some of the points, each in another direction: the one farthest from those before it."""
    directions = points / np.linalg.norm(points, axis=1)[:, None]
    chosen = [int(start * len(points))]
    while len(chosen) < min(count, len(points)):
        nearest = np.max(directions @ directions[chosen].T, axis=1)
        chosen.append(int(np.argmin(nearest)))
    return [points[k] for k in chosen]


def _bent(
    end: NDArray[np.float64], bend: NDArray[np.float64], from_mm: float
) -> NDArray[np.float64]:
    """Points of a bent way from the lesion (its center is zero) to an end."""
    first = from_mm * end / np.linalg.norm(end)
    share = np.linspace(0, 1, POINTS)[:, None]
    return np.asarray(first + share * (end - first) + 4 * share * (1 - share) * bend)


def _points(scene: Scene, key: str) -> NDArray[np.float64]:
    voxels = scene.voxels(catalog().labels_of(key))
    voxels = voxels[:: max(1, len(voxels) // MANY_VOXELS)]
    index = np.stack(np.unravel_index(voxels, scene.geometry.shape_zyx), axis=1)
    return np.asarray(scene.geometry.points_of_zyx(index))
