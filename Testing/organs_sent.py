"""Organs as the panel sends them to the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTALib.bending import LabelPart, LabelParts
from PASTALib.geometry import Geometry
from PASTALib.steps import finished
from PASTALib.worker.warped import parts_in_steps


def put_organs(organs: sitk.Image, folder: Path) -> dict[str, Any]:
    """An organ map with catalogue labels, as it lies."""
    voxels = sitk.GetArrayFromImage(organs)
    labels = {int(label): int(label) for label in np.unique(voxels) if label}
    part = LabelPart(voxels, Geometry.of(organs), labels)
    return finished(parts_in_steps(LabelParts((part,), np.eye(4)), folder))
