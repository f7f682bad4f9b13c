"""Widgets as PythonQt shows them to Python: properties are attributes, signals are strings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_COMMON = {"enabled": True, "visible": True, "toolTip": "", "name": ""}
PROPERTIES: dict[str, dict[str, Any]] = {
    "QWidget": {},
    "QLabel": {"text": "", "wordWrap": False},
    "QPushButton": {"text": "", "checked": False, "checkable": False},
    "QPlainTextEdit": {"plainText": "", "readOnly": False, "placeholderText": ""},
    "QProgressBar": {"value": 0, "minimum": 0, "maximum": 100},
    "QComboBox": {"currentIndex": -1, "currentText": ""},
    "QSpinBox": {"value": 0, "minimum": 0, "maximum": 99, "suffix": "", "specialValueText": ""},
    "QDoubleSpinBox": {
        "value": 0.0, "minimum": 0.0, "maximum": 99.99, "decimals": 2, "suffix": "",
        "specialValueText": "",
    },
    "qMRMLWidget": {},
    "qMRMLNodeComboBox": {
        "nodeTypes": (), "addEnabled": True, "removeEnabled": True, "noneEnabled": False,
    },
    "ctkCollapsibleButton": {"text": "", "collapsed": False},
}  # fmt: skip
SIGNALS: dict[str, tuple[str, ...]] = {
    "QPushButton": ("clicked()", "clicked(bool)", "toggled(bool)"),
    "QComboBox": ("currentIndexChanged(int)",),
    "QSpinBox": ("valueChanged(int)",),
    "QDoubleSpinBox": ("valueChanged(double)",),
    "qMRMLNodeComboBox": ("currentNodeChanged(vtkMRMLNode*)",),
}


class Widget:
    """A widget of a known class."""

    def __init__(self, class_name: str, name: str = "") -> None:
        if class_name not in PROPERTIES:
            raise LookupError(f"the host knows no widget class {class_name}")
        own = {
            "_class": class_name,
            "_properties": {**_COMMON, **PROPERTIES[class_name], "name": name},
            "_children": [],
            "_slots": {},
            "_items": [],
            "_node": None,
            "_scene": None,
        }
        for key, value in own.items():
            object.__setattr__(self, key, value)

    def __getattr__(self, name: str) -> Any:
        properties = object.__getattribute__(self, "_properties")
        if name in properties:
            return properties[name]
        raise AttributeError(f"{self._class} has no property {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._properties:
            raise AttributeError("creating new attributes on C++ objects is not allowed")
        before = self._properties[name]
        fits = isinstance(value, type(before)) and isinstance(value, bool) == isinstance(
            before, bool
        )
        if not (fits or (isinstance(before, float) and isinstance(value, int))):
            raise AttributeError(f"{name} does not accept an object of type {type(value)}")
        self._properties[name] = value

    def className(self) -> str:
        return self._class

    def children(self) -> tuple[Widget, ...]:
        return tuple(self._children)

    def repaint(self) -> None:
        """Qt draws; here there is nothing to draw."""

    def connect(self, signal: str, slot: Callable[..., Any]) -> bool:
        # PythonQt only prints a warning; in a test that would go unseen.
        assert signal in SIGNALS.get(self._class, ()), f"{self._class} has no signal {signal}"
        self._slots.setdefault(signal, []).append(slot)
        return True

    def emit(self, signal: str, *values: Any) -> None:
        for slot in self._slots.get(signal, []):
            slot(*values)

    def click(self) -> None:
        if self.enabled:
            self.emit("clicked()")
            self.emit("clicked(bool)", False)

    def addItem(self, text: str) -> None:
        assert self._class == "QComboBox"
        self._items.append(text)
        self.currentIndex = max(self.currentIndex, 0)

    def setMRMLScene(self, scene: Any) -> None:
        """Hand the scene on to the children, as the connections of our ``.ui`` files do."""
        object.__setattr__(self, "_scene", scene)
        for child in self._children:
            child.setMRMLScene(scene)
        if self._class == "qMRMLNodeComboBox" and not self.noneEnabled:
            self.setCurrentNode(self._first_node())

    def currentNode(self) -> Any:
        assert self._class == "qMRMLNodeComboBox"
        return self._node

    def setCurrentNode(self, node: Any) -> None:
        assert self._class == "qMRMLNodeComboBox"
        if node is not self._node:
            object.__setattr__(self, "_node", node)
            self.emit("currentNodeChanged(vtkMRMLNode*)", node)

    def _first_node(self) -> Any:
        for kind in self.nodeTypes:
            node = self._scene.GetFirstNodeByClass(kind) if self._scene else None
            if node is not None:
                return node
        return None
