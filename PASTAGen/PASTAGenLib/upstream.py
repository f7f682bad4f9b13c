"""What is wider upstream of a lesion: the pancreatic duct, bile ducts, the lumen of a tube."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from PASTAGenLib.boxes import box_around
from PASTAGenLib.features.around import Duct
from PASTAGenLib.features.canvas import Feature
from PASTAGenLib.features.lumen import Lumen
from PASTAGenLib.habits import FEATURES
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.outline import outline
from PASTAGenLib.placed import Placed
from PASTAGenLib.scene import Scene
from PASTAGenLib.sites.bile_ducts import bile_ducts
from PASTAGenLib.sites.duct import upstream_duct
from PASTAGenLib.sites.lumen import dilated_lumen
from PASTAGenLib.spec import LesionSpec

Found = tuple[Feature, ...]
UPSTREAM: dict[str, Callable[[Scene, InsertionPlan, np.random.Generator], Found]] = {
    "duct dilation": upstream_duct,
    "bile duct dilation": bile_ducts,
    "upstream dilation": dilated_lumen,
}
"""How each is found, once the lesion has its place."""


def asked_upstream(spec: LesionSpec) -> tuple[str, ...]:
    """Those that a request names."""
    return tuple(name for name in spec.features or () if name in UPSTREAM)


def with_upstream(
    scene: Scene, spec: LesionSpec, placed: Placed, rng: np.random.Generator
) -> Placed | None:
    """With what is wider upstream, where the request or chance wants it.

    Returns:
        None where it was asked for and the organ does not go on upstream of this place.
    """
    found: list[Feature] = []
    for name, find in UPSTREAM.items():
        chance = FEATURES[spec.type].get(name)
        if chance is None:
            continue
        drawn = bool(rng.random() < chance)
        asked = name in asked_upstream(spec)
        if not asked and not (spec.features is None and drawn):
            continue
        made = find(scene, placed.plan, rng)
        if asked and not made:
            return None
        found += made
    if not found:
        return placed
    plan = placed.plan
    for feature in found:
        assert isinstance(feature, Duct | Lumen)
        wide = feature.around_mm
        corners = np.array(plan.blob.center) + np.array(feature.path)
        box = box_around(scene.geometry, corners, wide)
        z, y, x = ((min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(box, plan.box, strict=True))
        plan = replace(plan, box=(z, y, x))
    plan = replace(plan, features=(*plan.features, *found))
    return Placed(plan, outline(plan, scene))
