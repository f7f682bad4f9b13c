"""Keeps widgets and parameters equal, both ways."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

import slicer
import slicer.util
import vtk

from host.parameter_node.validators import Choice, Maximum, Minimum, WithinRange
from host.pythonqt.classes import qt_class

_BOUNDED = ("QSlider", "ctkSliderWidget", "qMRMLSliderWidget")


@dataclass(frozen=True)
class Kind:
    """How some classes of widgets show a value, and the signal by which they tell of a change."""

    widgets: tuple[str, ...]
    signal: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]


def _attribute(name: str, widgets: tuple[str, ...], signal: str) -> Kind:
    return Kind(widgets, signal, lambda w: getattr(w, name), lambda w, v: setattr(w, name, v))


_NUMBER = _attribute(
    "value",
    ("QDoubleSpinBox", "ctkSliderWidget", "qMRMLSliderWidget", "ctkDoubleSpinBox"),
    "valueChanged",
)
KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, _attribute("checked", ("QCheckBox", "ctkCheckBox"), "stateChanged")),
    (bool, _attribute("checked", ("QPushButton", "ctkCheckablePushButton"), "toggled")),
    (int, _attribute("value", ("QSlider", "QSpinBox"), "valueChanged")),
    (int, _NUMBER),
    (float, _NUMBER),
    (str, _attribute("text", ("QLineEdit",), "textChanged")),
    (str, _attribute("plainText", ("QTextEdit", "QPlainTextEdit"), "textChanged")),
    (str, _attribute("currentText", ("QComboBox", "ctkComboBox"), "currentIndexChanged")),
    (PurePath, _attribute("currentPath", ("ctkPathLineEdit",), "currentPathChanged")),
    (PurePath, _attribute("directory", ("ctkDirectoryButton",), "directoryChanged")),
    (
        slicer.vtkMRMLNode,
        Kind(
            ("qMRMLNodeComboBox",),
            "currentNodeChanged",
            lambda w: w.currentNode(),
            lambda w, v: w.setCurrentNode(v),
        ),
    ),
)


@dataclass
class Connector:
    """One widget that shows one parameter."""

    widget: Any
    parameter: Any
    kind: Kind
    slot: Any = None

    def read(self) -> Any:
        value = self.kind.read(self.widget)
        if isinstance(self.parameter.kind, type):
            if issubclass(self.parameter.kind, enum.Enum):
                return self.parameter.kind[value]
            if issubclass(self.parameter.kind, int | PurePath):
                return self.parameter.kind(value)
        return value

    def write(self, value: Any) -> None:
        if isinstance(value, enum.Enum):
            value = value.name
        if isinstance(value, PurePath):
            value = str(value)
        self.kind.write(self.widget, value)

    def signal(self) -> Any:
        return getattr(self.widget, self.kind.signal)


def connector_of(widget: Any, parameter: Any) -> Connector:
    """The way to show a parameter by a widget.

    Raises:
        RuntimeError: such a parameter cannot be shown by such a widget.
    """
    kind = parameter.kind
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        kind = str
    elif not isinstance(kind, type):
        kind = slicer.vtkMRMLNode
    for value_kind, shown in KINDS:
        exact = kind is value_kind or (
            value_kind in (PurePath, slicer.vtkMRMLNode) and issubclass(kind, value_kind)
        )
        if exact and widget.className() in shown.widgets:
            connector = Connector(widget, parameter, shown)
            _set_limits(connector)
            return connector
    raise RuntimeError(
        f"Unable to create GUI connector from datatype '{parameter.kind}' to widget type "
        f"'{widget.className()}'"
    )


def _set_limits(connector: Connector) -> None:
    """The limits of a number, and the items of a choice, as the annotations say."""
    widget, notes = connector.widget, connector.parameter.annotations
    for note in notes:
        if isinstance(note, WithinRange | Minimum):
            widget.minimum = note.minimum
        if isinstance(note, WithinRange | Maximum):
            widget.maximum = note.maximum
    names = [type(note) for note in notes]
    bounded = WithinRange in names or (Minimum in names and Maximum in names)
    if widget.className() in _BOUNDED and not bounded:
        raise RuntimeError(f"A {widget.className()} cannot show a number without limits.")
    if widget.inherits("QComboBox"):
        kind = connector.parameter.kind
        choices = [item.name for item in kind] if issubclass(kind, enum.Enum) else []
        choices += [str(c) for note in notes if isinstance(note, Choice) for c in note.choices]
        for choice in choices:
            if widget.findText(choice) < 0:
                widget.addItem(choice)


class Connections:
    """All widgets that show parameters of one wrapper."""

    def __init__(self, wrapper: Any) -> None:
        self._wrapper = wrapper
        self._by_tag: dict[int, tuple[int, list[Connector]]] = {}
        self._updating = False

    def connect(self, mapping: dict[str, Any]) -> int:
        for name in mapping:
            self._wrapper._checked(name)
        connectors = [connector_of(w, self._wrapper._checked(n)) for n, w in mapping.items()]
        for connector in connectors:
            connector.write(self._wrapper.getValue(connector.parameter.name))
            connector.slot = partial(self._from_widget, connector)
            connector.signal().connect(connector.slot)
        observer = self._wrapper.AddObserver(
            vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_widgets()
        )
        tag = max(self._by_tag, default=-1) + 1
        self._by_tag[tag] = (observer, connectors)
        return tag

    def disconnect(self, tag: int) -> None:
        if tag not in self._by_tag:
            return
        observer, connectors = self._by_tag.pop(tag)
        self._wrapper.RemoveObserver(observer)
        for connector in connectors:
            connector.signal().disconnect(connector.slot)

    def _from_widget(self, connector: Connector, *_: Any) -> None:
        if not self._updating:
            with slicer.util.NodeModify(self._wrapper.parameterNode):
                self._wrapper.setValue(connector.parameter.name, connector.read())

    def _to_widgets(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for _, connectors in list(self._by_tag.values()):
                for connector in connectors:
                    connector.write(self._wrapper.getValue(connector.parameter.name))
        finally:
            self._updating = False


def named_widgets(widgets: Any) -> dict[str, Any]:
    """Widgets by the parameter that their property ``SlicerParameterName`` names."""
    if getattr(widgets, "isWidgetType", lambda: False)():
        every = widgets.findChildren(qt_class("QWidget"))
    else:
        every = vars(widgets).values()
    return {
        widget.property("SlicerParameterName"): widget
        for widget in every
        if hasattr(widget, "property") and widget.property("SlicerParameterName")
    }


def findChildWidgetForParameter(widget: Any, parameter: str) -> Any:
    """The widget below that shows a parameter, or None."""
    return named_widgets(widget).get(parameter)
