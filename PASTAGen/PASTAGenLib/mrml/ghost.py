"""The ghost: a ring in the slices where a lesion would go, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from PASTALib.catalog import catalog
from PASTALib.geometry import Geometry
from PASTALib.mrml.volumes import ras_of

if TYPE_CHECKING:
    import SimpleITK as sitk

NAME = "Place of the lesion"
POSSIBLE, IMPOSSIBLE = (0.2, 1.0, 0.4), (1.0, 0.3, 0.2)


class Ghost:
    """A sphere that is drawn as a ring where slices cut it; never saved with the scene."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._node: Any = None
        self._source = vtk.vtkSphereSource()
        self._source.SetThetaResolution(48)
        self._source.SetPhiResolution(24)

    def show(self, center: Sequence[float], diameter_mm: float, possible: bool) -> None:
        """Lay it around a point in RAS mm."""
        node = self._shown_node()
        self._source.SetCenter(*center)
        self._source.SetRadius(diameter_mm / 2)
        self._source.Update()
        node.GetDisplayNode().SetColor(*(POSSIBLE if possible else IMPOSSIBLE))
        node.GetDisplayNode().SetVisibility(True)

    def hide(self) -> None:
        """Take it out of the views."""
        if self._node is not None and self._node.GetScene() is not None:
            self._node.GetDisplayNode().SetVisibility(False)

    @property
    def shown(self) -> bool:
        """Whether it is seen."""
        there = self._node is not None and self._node.GetScene() is not None
        return there and bool(self._node.GetDisplayNode().GetVisibility())

    def remove(self) -> None:
        """Take it out of the scene."""
        if self._node is not None and self._node.GetScene() is not None:
            self._scene.RemoveNode(self._node)
        self._node = None

    def _shown_node(self) -> Any:
        if self._node is None or self._node.GetScene() is not self._scene:
            node = slicer.vtkMRMLModelNode()
            node.SetName(NAME)
            node.SetSaveWithScene(False)
            node.SetHideFromEditors(True)
            self._node = self._scene.AddNode(node)
            self._node.CreateDefaultDisplayNodes()
            self._node.SetPolyDataConnection(self._source.GetOutputPort())
            display = self._node.GetDisplayNode()
            display.SetSaveWithScene(False)
            display.SetVisibility2D(True)
            display.SetVisibility3D(False)
            display.SetSliceIntersectionThickness(2)
        return self._node


def why_not(labels: sitk.Image, lesion_type: str, point: Sequence[float]) -> str:
    """Why a lesion cannot be centered at a point in RAS mm; empty if its organ is there.

    Args:
        labels: organ map of the scan.
        lesion_type: catalogue key.
        point: RAS mm.
    """
    known, grid = catalog(), Geometry.of(labels)
    kind = known.lesion_types[lesion_type]
    index = np.rint(grid.indices_zyx(np.array([ras_of(point)]))[0]).astype(int)
    if not np.all((index >= 0) & (index < grid.shape_zyx)):
        return "This place is outside the CT."
    here = int(labels[tuple(index[::-1].tolist())])
    if here in known.organ_labels(kind.organ):
        return ""
    there = known.by_label[here].name.lower() if here else "no organ of the segmentation"
    organ = known.organs[kind.organ].name.lower()
    return f"A {kind.name.lower()} lies in the {organ}; here is {there}."
