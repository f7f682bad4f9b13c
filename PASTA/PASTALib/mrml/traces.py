"""The traces of gestures in the views: green marks the lesion, red what is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk

from PASTALib.gestures.marks import Gesture
from PASTALib.mrml.volumes import ras_of

COLORS = {True: (0.25, 0.95, 0.35), False: (1.0, 0.3, 0.25)}
"""By whether lesion is marked."""
LINE_MM = 0.8
POINT_SCALE = 2.2
NODES = {
    "point": "vtkMRMLMarkupsFiducialNode",
    "scribble": "vtkMRMLMarkupsCurveNode",
    "lasso": "vtkMRMLMarkupsClosedCurveNode",
    "box": "vtkMRMLMarkupsClosedCurveNode",
}


class Traces:
    """Markup nodes that nobody can drag, that are in no list, and that are not saved.

    Attributes:
        nodes: of the gestures that are shown, by gesture.
        live: of the one that is being drawn.
    """

    def __init__(self, scene: Any) -> None:
        self.nodes: dict[Gesture, Any] = {}
        self.live: Any = None
        self._scene = scene

    def show(self, gestures: Sequence[Gesture]) -> None:
        """Show these, and no others."""
        for gesture in [one for one in self.nodes if one not in gestures]:
            self._remove(self.nodes.pop(gesture))
        for gesture in gestures:
            if gesture not in self.nodes:
                node = self._add(gesture.kind, gesture.inside)
                _lay(node, [ras_of(point) for point in _line(gesture)])
                self.nodes[gesture] = node

    def draw(self, kind: str, points: Sequence[Sequence[float]], inside: bool) -> None:
        """Show what is being drawn.

        Args:
            kind: of gesture.
            points: RAS mm; of a box its four corners.
            inside: whether it marks lesion.
        """
        if self.live is not None and not self.live.IsA(NODES[kind]):
            self.drawn()
        if self.live is None:
            self.live = self._add(kind, inside)
        _lay(self.live, points)

    def drawn(self) -> None:
        """Nothing is being drawn any more."""
        if self.live is not None:
            self._remove(self.live)
            self.live = None

    def remove(self) -> None:
        """Take all traces out of the scene."""
        self.drawn()
        self.show(())

    def _add(self, kind: str, inside: bool) -> Any:
        node = getattr(slicer, NODES[kind])()
        node.SetName("gesture")
        node.SetSaveWithScene(False)
        node.SetHideFromEditors(True)
        node.SetLocked(True)
        if kind != "point":
            node.SetCurveTypeToLinear()
        node = self._scene.AddNode(node)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetColor(*COLORS[inside])
        display.SetSelectedColor(*COLORS[inside])
        display.SetPointLabelsVisibility(False)
        display.SetPropertiesLabelVisibility(False)
        display.SetVisibility3D(False)
        display.SetGlyphScale(POINT_SCALE if kind == "point" else 0.1)
        display.SetCurveLineSizeMode(display.UseLineDiameter)
        display.SetLineDiameter(LINE_MM)
        return node

    def _remove(self, node: Any) -> None:
        if node.GetScene() is not None:
            self._scene.RemoveNode(node)


def _line(gesture: Gesture) -> Sequence[Sequence[float]]:
    """The points to show, LPS mm; of a box the rectangle in the middle of its depth."""
    if gesture.kind != "box":
        return gesture.points
    first, (u, v, w) = gesture.frame[0], gesture.frame[1].T
    corners: list[Sequence[float]] = np.add(first + w / 2, [np.zeros(3), u, u + v, v]).tolist()
    return corners


def _lay(node: Any, points: Sequence[Sequence[float]]) -> None:
    """Give a node these control points; those that it has already are moved."""
    modifying = node.StartModify()
    for number, point in enumerate(points):
        if number < node.GetNumberOfControlPoints():
            node.SetNthControlPointPositionWorld(number, *point)
        else:
            node.AddControlPointWorld(vtk.vtkVector3d(*point), "")
    node.EndModify(modifying)
