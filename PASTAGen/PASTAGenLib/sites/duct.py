"""The pancreatic duct upstream of a tumor: from the lesion along the gland toward its tail."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.features.around import Duct
from PASTAGenLib.scene import Host, Scene
from PASTALib.geometry import as_vector

STEP_MM = 6.0
REACH_MM = 80.0
SHORTEST_MM = 12.0


def upstream_duct(
    scene: Scene, host: Host, center: np.ndarray, radius_mm: float, rng: np.random.Generator
) -> Duct | None:
    """A duct of 3 to 8 mm (facts 4.2 (6)), or None where no gland lies upstream.

    The gland's midline is the mean of its voxels in slabs across the body; the tail is at the
    patient's left, where LPS x grows.

    Args:
        scene: the scan.
        host: the pancreas.
        center: LPS mm of the lesion.
        radius_mm: of the lesion.
        rng: source of all randomness.
    """
    width = float(rng.uniform(1.5, 4.0))
    voxels = scene.voxels(host.labels)
    index = np.stack(np.unravel_index(voxels, scene.geometry.shape_zyx), axis=1)
    places = scene.geometry.points_of_zyx(index)
    path = [np.zeros(3)]
    x = center[0] + 0.7 * radius_mm
    while x < center[0] + REACH_MM:
        slab = places[np.abs(places[:, 0] - x) < 0.5 * STEP_MM]
        near = slab[np.linalg.norm(slab - center - path[-1], axis=1) < 4 * STEP_MM]
        if len(near) < 4:
            break
        path.append(near.mean(axis=0) - center)
        x += STEP_MM
    if len(path) < 3 or np.linalg.norm(path[-1]) < radius_mm + SHORTEST_MM:
        return None
    points = tuple(as_vector(p) for p in path)
    return Duct(points, width, float(rng.uniform(5, 20)), name="duct dilation")
