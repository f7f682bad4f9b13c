"""The pancreatic duct upstream of a tumor: from the lesion along the gland toward its tail."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.features.around import Duct
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.scene import Scene
from PASTAGenLib.sites.midline import STEP_MM, midline, points_of
from PASTALib.geometry import as_vector

REACH_MM = 80.0
SHORTEST_MM = 12.0
WIDE_MM = 4 * STEP_MM
TOWARD_TAIL = np.array([1.0, 0.0, 0.0])
"""The tail is at the patient's left, where LPS x grows."""


def upstream_duct(scene: Scene, plan: InsertionPlan, rng: np.random.Generator) -> tuple[Duct, ...]:
    """A duct of 3 to 8 mm (facts 4.2 (6)); none where no gland lies upstream."""
    width = float(rng.uniform(1.5, 4.0))
    hu = float(rng.uniform(5, 20))
    center, radius = np.array(plan.blob.center), min(plan.blob.semi_axes)
    gland = points_of(scene, plan.host_labels, center, REACH_MM + WIDE_MM)
    first = center + 0.7 * radius * TOWARD_TAIL
    path = midline(gland, first, TOWARD_TAIL, length_mm=REACH_MM, wide_mm=WIDE_MM)
    points = [np.zeros(3), *(place - center for place in path)]
    if len(path) < 2 or np.linalg.norm(points[-1]) < radius + SHORTEST_MM:
        return ()
    return (Duct(tuple(map(as_vector, points)), width, hu, name="duct dilation"),)
