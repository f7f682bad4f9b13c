"""Effects of the segment editor: their names and parameters, which is what scripts handle."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, QObject

from host.pythonqt.classes import register_stand_in

NAMES = (
    "Threshold", "Paint", "Draw", "Erase", "Level tracing", "Grow from seeds",
    "Fill between slices", "Margin", "Hollow", "Smoothing", "Scissors", "Islands",
    "Logical operators", "Mask volume",
)  # fmt: skip
"""In the order of Slicer's segment editor."""


@register_stand_in
class qSlicerSegmentEditorAbstractEffect(QObject):
    def __init__(self, name: str, editor: Any) -> None:
        super().__init__(editor)
        self._name, self._editor = name, editor

    name = Property(str, lambda self: self._name)
    title = Property(str, lambda self: self._name)

    def active(self) -> bool:
        return self._editor.activeEffect() is self

    def parameterSetNode(self) -> Any:
        return self._editor.mrmlSegmentEditorNode()

    def setParameter(self, name: str, value: Any) -> None:
        text = repr(value) if isinstance(value, float) else str(value)
        self.parameterSetNode().SetAttribute(f"{self._name}.{name}", text)

    def setCommonParameter(self, name: str, value: Any) -> None:
        self.parameterSetNode().SetAttribute(name, str(value))

    def parameter(self, name: str) -> str:
        node = self.parameterSetNode()
        return node.GetAttribute(f"{self._name}.{name}") or node.GetAttribute(name) or ""

    def parameterDefined(self, name: str) -> bool:
        return bool(self.parameter(name))

    def integerParameter(self, name: str) -> int:
        return int(self.parameter(name) or 0)

    def doubleParameter(self, name: str) -> float:
        return float(self.parameter(name) or 0.0)

    def saveStateForUndo(self) -> None:
        self._editor.saveStateForUndo()

    def scene(self) -> Any:
        return self._editor.mrmlScene()
