"""The organs of a CT as a segmentation: of labels, or outlined by a model."""

from __future__ import annotations

from typing import Any

import SimpleITK as sitk

from PASTALib.ct import Segmentation
from PASTALib.mrml.analyze import DEFAULT_MODEL
from PASTALib.mrml.case import ct_of
from PASTALib.mrml.segmentations import add_segmentation


def add_organs(labels: sitk.Image, volume: Any) -> Any:
    """Add catalogue labels to the scene of their CT as a segmentation; hidden at first."""
    none = sitk.Image(labels.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(labels)
    found = Segmentation(labels, none, none)
    name = f"Organs of {volume.GetName()}"
    node = add_segmentation(volume.GetScene(), found, name, volume=volume)
    node.GetDisplayNode().SetVisibility(False)
    return node


def outline_organs(volume: Any, model: str = DEFAULT_MODEL, device: str = "auto") -> Any:
    """Have a model outline the organs of a volume node; returns the segmentation node.

    Raises:
        PastaError: the volume, the model or the device cannot be used.
    """
    from PASTALib.analysis import analyze
    from PASTALib.devices import choose_device
    from PASTALib.model import load_model

    analysis = analyze(ct_of(volume), load_model(model, choose_device(device)))
    return add_organs(analysis.segmentation.organs, volume)
