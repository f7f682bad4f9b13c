"""A scan of the generator's phantom in a scene, for tests of its desk."""

from __future__ import annotations

from typing import Any

import SimpleITK as sitk

SPACING = (2.5, 2.5, 4.0)


def in_scene(scene: Any, ct: sitk.Image, organs: sitk.Image) -> tuple[Any, Any]:
    """Volume node and segmentation node."""
    from PASTALib.ct import Segmentation
    from PASTALib.mrml.segmentations import add_segmentation
    from PASTALib.mrml.volumes import add_volume

    none = sitk.Image(organs.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(organs)
    volume = add_volume(scene, ct, "Phantom")
    return volume, add_segmentation(scene, Segmentation(organs, none, none), "Organs")
