"""The sample torso in a scene: a CT to try things on that belongs to nobody."""

from __future__ import annotations

from typing import Any

import SimpleITK as sitk

from PASTALib.ct import Segmentation
from PASTALib.mrml.segmentations import add_segmentation
from PASTALib.mrml.volumes import add_volume
from PASTALib.synthetic import NODE_ATTRIBUTE, SYNTHETIC


def add_sample_torso(scene: Any, seed: int = 1, spacing_mm: float = 2.0) -> tuple[Any, Any]:
    """Add a synthetic torso CT and the segmentation of its organs. Returns both nodes."""
    from PASTAGenLib.torso import TorsoSpec, build_torso

    torso = build_torso(TorsoSpec(seed=seed, spacing=(spacing_mm, spacing_mm, spacing_mm)))
    volume = add_volume(scene, torso.image, f"{SYNTHETIC} torso {seed}")
    volume.SetAttribute(NODE_ATTRIBUTE, "1")
    none = sitk.Image(torso.organs.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(torso.organs)
    organs = add_segmentation(
        scene, Segmentation(torso.organs, none, none), f"Organs of torso {seed}", volume=volume
    )
    return volume, organs
