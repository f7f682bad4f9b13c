"""How values are kept in a parameter node: text, or a reference to a node."""

from __future__ import annotations

import enum
import types
import typing
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import slicer


@dataclass(frozen=True)
class Serializer:
    """Keeps values of one kind as text."""

    kind: Any

    def default(self) -> Any:
        if issubclass(self.kind, enum.Enum):
            return next(iter(self.kind))
        return self.kind()

    def check(self, value: Any) -> None:
        if value is None:
            raise ValueError("Value must not be None")
        accepted = (int, float) if self.kind is float else self.kind
        if not isinstance(value, accepted):
            raise TypeError(f"Value of type {type(value)} is not an instance of {self.kind}")

    def is_in(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(name))

    def write(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, value.name if isinstance(value, enum.Enum) else str(value))

    def read(self, node: Any, name: str) -> Any:
        text = node.GetParameter(name)
        if self.kind is bool:
            return text == "True"
        if issubclass(self.kind, enum.Enum):
            return self.kind[text]
        return self.kind(text)


@dataclass(frozen=True)
class NodeSerializer:
    """Keeps a node as a reference; None where there is none."""

    kinds: tuple[Any, ...]

    def default(self) -> None:
        return None

    def check(self, value: Any) -> None:
        if value is not None and not isinstance(value, self.kinds):
            raise TypeError(f"Value of type {type(value)} is not an instance of {self.kinds}")

    def is_in(self, node: Any, name: str) -> bool:
        return node.GetNodeReference(name) is not None

    def write(self, node: Any, name: str, value: Any) -> None:
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)


@dataclass(frozen=True)
class ListSerializer:
    """Keeps a list, one parameter for each item. What is read is a copy."""

    item: Serializer | NodeSerializer

    def default(self) -> list[Any]:
        return []

    def check(self, value: Any) -> None:
        if not isinstance(value, list):
            raise TypeError(f"Value of type {type(value)} is not a list")
        for item in value:
            self.item.check(item)

    def is_in(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(f"{name}.len"))

    def write(self, node: Any, name: str, value: list[Any]) -> None:
        node.SetParameter(f"{name}.len", str(len(value)))
        for number, item in enumerate(value):
            self.item.write(node, f"{name}.{number}", item)

    def read(self, node: Any, name: str) -> list[Any]:
        count = int(node.GetParameter(f"{name}.len"))
        return [self.item.read(node, f"{name}.{number}") for number in range(count)]


def serializer_of(kind: Any) -> Any:
    """The serializer for a type.

    Raises:
        TypeError: Slicer, or this host, cannot keep values of the type.
    """
    if typing.get_origin(kind) is list:
        return ListSerializer(serializer_of(typing.get_args(kind)[0]))
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kinds = tuple(k for k in typing.get_args(kind) if k is not type(None))
        if all(issubclass(k, slicer.vtkMRMLNode) for k in kinds):
            return NodeSerializer(kinds)
    elif isinstance(kind, type):
        if issubclass(kind, slicer.vtkMRMLNode):
            return NodeSerializer((kind,))
        if kind in (bool, int, float, str) or issubclass(kind, enum.Enum | PurePath):
            return Serializer(kind)
    raise TypeError(f"Unable to create serializer for type {kind}")
