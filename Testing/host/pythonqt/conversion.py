"""Values on their way between Python as PythonQt shows it and PySide6."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

_wrappers: list[Callable[[Any], Any]] = []


def wrap_with(function: Callable[[Any], Any]) -> None:
    """Say what gives the wrapper of a PySide6 object."""
    _wrappers[:] = [function]


class EnumValue(int):
    """An enum value: an integer for Python, and still the enum for PySide6."""

    native: enum.Enum

    def __or__(self, other: Any) -> Any:
        return combined(self, other, lambda a, b: a | b, int.__or__)

    def __and__(self, other: Any) -> Any:
        return combined(self, other, lambda a, b: a & b, int.__and__)

    def __xor__(self, other: Any) -> Any:
        return combined(self, other, lambda a, b: a ^ b, int.__xor__)

    def __invert__(self) -> Any:
        return (
            enum_value(~self.native) if isinstance(self.native, enum.Flag) else int.__invert__(self)
        )

    __ror__, __rand__ = __or__, __and__


def combined(one: EnumValue, other: Any, as_enums: Any, as_integers: Any) -> Any:
    """Two flags put together; a plain integer where the other is of another kind."""
    if isinstance(other, EnumValue) and type(other.native) is type(one.native):
        return enum_value(as_enums(one.native, other.native))
    return as_integers(int(one), int(other))


def enum_value(native: enum.Enum) -> Any:
    """A PySide6 enum as an integer."""
    if not isinstance(native.value, int):
        return native
    value = EnumValue(native.value)
    value.native = native
    return value


def to_python(value: Any) -> Any:
    """What PySide6 gave, as PythonQt gives it: enums are integers, lists are tuples."""
    if isinstance(value, enum.Enum):
        return enum_value(value)
    if isinstance(value, list | tuple):
        return tuple(to_python(item) for item in value)
    if isinstance(value, dict):
        return {key: to_python(item) for key, item in value.items()}
    return _wrappers[0](value)


def to_native(value: Any) -> Any:
    """What Python gives, as PySide6 takes it."""
    if isinstance(value, EnumValue):
        return value.native
    if isinstance(value, list | tuple):
        return [to_native(item) for item in value]
    if isinstance(value, type):
        return getattr(value, "native_class", value)
    return value.native_of_wrapper() if hasattr(value, "native_of_wrapper") else value
