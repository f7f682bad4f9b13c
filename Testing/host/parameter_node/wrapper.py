"""The class decorator ``parameterNodeWrapper``."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any

import slicer.util

from host.parameter_node import gui
from host.parameter_node.serializers import serializer_of
from host.parameter_node.validators import Default


@dataclass(frozen=True)
class Parameter:
    """One parameter of a wrapper class."""

    name: str
    kind: Any
    annotations: tuple[Any, ...]
    serializer: Any
    default: Any

    def write(self, node: Any, value: Any) -> None:
        self.serializer.check(value)
        for validator in self.annotations:
            if hasattr(validator, "validate"):
                validator.validate(value)
        self.serializer.write(node, self.name, value)

    def read(self, node: Any) -> Any:
        if not self.serializer.is_in(node, self.name):
            self.write(node, self.default)
        return self.serializer.read(node, self.name)


def parameters_of(kind: type) -> dict[str, Parameter]:
    """The annotated attributes of a class."""
    found = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        annotated = typing.get_origin(hint) is typing.Annotated
        base, *annotations = typing.get_args(hint) if annotated else (hint,)
        serializer = serializer_of(base)
        default = next(
            (a.value for a in annotations if isinstance(a, Default)), serializer.default()
        )
        default = getattr(kind, name, default)
        found[name] = Parameter(name, base, tuple(annotations), serializer, default)
    return found


class Wrapper:
    """Methods of every wrapper class."""

    allParameters: dict[str, Parameter]

    def __init__(self, parameterNode: Any, prefix: str | None = None) -> None:
        self.parameterNode = parameterNode
        self._connections = gui.Connections(self)
        for parameter in self.allParameters.values():
            if not parameter.serializer.is_in(parameterNode, parameter.name):
                parameter.write(parameterNode, parameter.default)

    def _checked(self, name: str) -> Parameter:
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
        return self.allParameters[name]

    def default(self, name: str) -> Default:
        return Default(self._checked(name).default)

    @classmethod
    def dataType(cls, name: str) -> Any:
        return cls.allParameters[name].kind

    def getValue(self, name: str) -> Any:
        return self._checked(name).read(self.parameterNode)

    def setValue(self, name: str, value: Any) -> None:
        self._checked(name).write(self.parameterNode, value)

    def connectGui(self, widgets: Any) -> int:
        """Keep the widgets whose ``SlicerParameterName`` names a parameter equal to it."""
        return self._connections.connect(gui.named_widgets(widgets))

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """The same, for widgets that are told."""
        return self._connections.connect(mapping)

    def disconnectGui(self, tag: int) -> None:
        self._connections.disconnect(tag)

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, before: int) -> int:
        return self.parameterNode.EndModify(before)

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()


def parameterNodeWrapper(kind: type | None = None) -> Any:
    """Class decorator: annotated attributes become parameters that a node keeps."""
    if kind is None:
        return parameterNodeWrapper
    parameters = parameters_of(kind)
    for name in parameters:
        if hasattr(Wrapper, name):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
        setattr(kind, name, _property(name))
    kind.allParameters = parameters  # type: ignore[attr-defined]
    for name, member in vars(Wrapper).items():
        if name == "__init__" or not name.startswith("__"):
            setattr(kind, name, member)
    return kind


def _property(name: str) -> property:
    def write(self: Any, value: Any) -> None:
        with slicer.util.NodeModify(self.parameterNode):
            self.setValue(name, value)

    return property(lambda self: self.getValue(name), write)


def isParameterNodeWrapper(thing: Any) -> bool:
    """Whether a class or object is one of a wrapper."""
    return hasattr(thing, "allParameters")
