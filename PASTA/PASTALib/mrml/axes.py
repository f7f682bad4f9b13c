"""The RECIST axes of the chosen finding as two markup lines that a reader can drag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk

from PASTALib.mrml.volumes import ras_of
from PASTALib.signals import Signal

if TYPE_CHECKING:
    from PASTALib.report import Finding, Point

AXES = {"long_axis": ("long axis", (1.0, 0.85, 0.2)), "short_axis": ("short axis", (0.3, 0.9, 1.0))}
"""Key in the report, name, color."""
MOVED_MM = 0.05
"""A smaller change is rounding, no drag."""


class AxisLines:
    """Two lines in the scene, shown for one finding at a time and never saved with it.

    Attributes:
        dragged: emitted with id, key of the axis and its ends in LPS mm when a reader has let go.
    """

    def __init__(self, scene: Any) -> None:
        self.dragged = Signal()
        self._scene = scene
        self._lines: dict[str, Any] = {}
        self._observers: list[tuple[Any, int]] = []
        self._finding: Finding | None = None
        self._placing = False

    def show(self, finding: Finding) -> None:
        """Lay the lines where the report has the axes."""
        self._finding = finding
        self._placing = True
        try:
            for key in AXES:
                axis = getattr(finding.size, key)
                line = self._line(key)
                for number, point in enumerate((axis.start, axis.end)):
                    place = ras_of(point)
                    if line.GetNumberOfControlPoints() > number:
                        line.SetNthControlPointPositionWorld(number, *place)
                    else:
                        line.AddControlPointWorld(vtk.vtkVector3d(*place), "")
                line.GetDisplayNode().SetVisibility(True)
        finally:
            self._placing = False

    def hide(self) -> None:
        """Take the lines out of the views."""
        self._finding = None
        for line in self._lines.values():
            if line.GetScene() is not None:
                line.GetDisplayNode().SetVisibility(False)

    def remove(self) -> None:
        """Take the lines out of the scene."""
        self._finding = None
        for line, tag in self._observers:
            line.RemoveObserver(tag)
        for line in self._lines.values():
            if line.GetScene() is not None:
                self._scene.RemoveNode(line)
        self._lines, self._observers = {}, []

    def ends(self, key: str) -> tuple[Point, Point]:
        """Both ends of a line as it is now, LPS mm."""
        points = []
        for number in range(2):
            place = [0.0, 0.0, 0.0]
            self._lines[key].GetNthControlPointPositionWorld(number, place)
            points.append(ras_of(place))
        return points[0], points[1]

    def _line(self, key: str) -> Any:
        line = self._lines.get(key)
        if line is not None and line.GetScene() is self._scene:
            return line
        name, color = AXES[key]
        line = slicer.vtkMRMLMarkupsLineNode()
        line.SetName(name)
        line.SetSaveWithScene(False)
        line.SetHideFromEditors(True)
        line = self._scene.AddNode(line)
        line.CreateDefaultDisplayNodes()
        display = line.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetSelectedColor(*color)
        display.SetColor(*color)
        display.SetPropertiesLabelVisibility(key == "long_axis")
        display.SetVisibility3D(False)
        display.SetGlyphScale(1.5)
        display.SetTextScale(2.5)
        self._lines[key] = line
        event = slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent
        self._observers.append((line, line.AddObserver(event, lambda *_: self._let_go(key))))
        return line

    def _let_go(self, key: str) -> None:
        if self._placing or self._finding is None:
            return
        axis = getattr(self._finding.size, key)
        now = self.ends(key)
        if _farthest(now, (axis.start, axis.end)) > MOVED_MM:
            self.dragged.emit(self._finding.id, key, now)


def _farthest(first: tuple[Point, Point], second: tuple[Point, Point]) -> float:
    """Largest difference of a coordinate of two pairs of points."""
    pairs = zip(first, second, strict=True)
    return max(abs(a - b) for p, q in pairs for a, b in zip(p, q, strict=True))
