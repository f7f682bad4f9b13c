"""Qt properties of the stand-ins that are just remembered."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from PySide6.QtCore import Property

_numbers = count()


def stored(kind: Any, default: Any, changed: Callable[[Any], None] | None = None) -> Property:
    """A property with a value of its own; `changed` is called with the object after a change."""
    key = f"_stored_{next(_numbers)}"

    def read(self: Any) -> Any:
        return self.__dict__.get(key, default)

    def write(self: Any, value: Any) -> None:
        before = read(self)
        self.__dict__[key] = value
        if changed is not None and value != before:
            changed(self)

    return Property(kind, read, write)


def forwarded(kind: Any, part: str, name: str) -> Property:
    """A property that is one of a child widget, kept as attribute `part`."""
    setter = f"set{name[0].upper()}{name[1:]}"
    return Property(
        kind,
        lambda self: getattr(getattr(self, part), name)(),
        lambda self, value: getattr(getattr(self, part), setter)(value),
    )
