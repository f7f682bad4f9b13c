"""Insert a lesion into a volume of the scene; the original is never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.mrml.bundle import add_report
from PASTALib.mrml.case import ct_of
from PASTALib.mrml.segmentations import add_segmentation, organ_map
from PASTALib.mrml.volumes import add_volume
from PASTALib.synthetic import NODE_ATTRIBUTE, SYNTHETIC


@dataclass(frozen=True)
class InsertedNodes:
    """The nodes that an insertion makes.

    Attributes:
        volume: the CT with the lesion.
        segmentation: its organs and the lesion.
        truth: text node with the facts of the lesion and its plan as JSON.
        summary: one sentence about what was inserted.
    """

    volume: Any
    segmentation: Any
    truth: Any
    summary: str


def insert_into_scene(volume: Any, organs: Any, spec: LesionSpec) -> InsertedNodes:
    """Insert one lesion into a copy of a volume node, and add the copy to the scene.

    The same volume, organs and spec, seed included, give the same voxels.

    Args:
        volume: scalar volume node with a CT.
        organs: segmentation node with the organ that the lesion goes into.
        spec: what is asked for.

    Raises:
        PastaError: not a CT, the organ is not in the segmentation, or the lesion does not fit.
    """
    from PASTAGenLib.apply import insert

    ct = ct_of(volume)
    labels = organ_map(organs, volume)
    case = insert(ct.image, labels, spec)

    scene = volume.GetScene()
    name = f"{SYNTHETIC} {volume.GetName()}"
    inserted = add_volume(scene, case.ct, name)
    inserted.SetAttribute(NODE_ATTRIBUTE, "1")
    segmentation = add_segmentation(
        scene,
        Segmentation(case.organs, case.lesion_mask, case.lesion_mask),
        f"{name} truth",
        volume=inserted,
    )
    facts = {
        "synthetic": True,
        "seed": spec.seed,
        "truth": case.truth.to_dict(),
        "plan": json.loads(case.plan.to_json()),
    }
    truth = add_report(scene, json.dumps(facts, indent=1), f"{name} plan", "json", segmentation)
    place = catalog().structures[case.truth.structure].name.lower()
    summary = (
        f"{spec.kind.name}, {case.truth.long_axis_mm:.0f} mm, in the {place}: mean "
        f"{case.truth.mean_hu:.0f} HU, organ {case.truth.organ_hu:.0f} HU."
    )
    return InsertedNodes(inserted, segmentation, truth, summary)
