"""What Slicer 5.12 shows to Python of Qt, CTK and its own widgets (``slicer_api.json``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PYTHONQT_METHODS = frozenset(
    {"className", "connect", "disconnect", "delete", "inherits", "exec_", "help"}
)
"""What PythonQt adds to every object by itself."""


@dataclass(frozen=True)
class ClassApi:
    """Names of one class, without those of its base."""

    name: str
    base: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    signals: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()


@cache
def python_api() -> dict[str, list[str]]:
    """Public names of Slicer's Python modules, such as ``slicer.util``."""
    return _table()["python"]


@cache
def _table() -> dict[str, Any]:
    path = Path(__file__).with_name("slicer_api.json")
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def api() -> dict[str, ClassApi]:
    """The table, by class name."""
    return {name: ClassApi(name, **row) for name, row in _table()["classes"].items()}


def lineage(name: str) -> Iterator[ClassApi]:
    """A class and its bases, the class first."""
    while name in api():
        yield api()[name]
        name = api()[name].base


def normalized(signature: str) -> str:
    """A signal's signature as Qt compares it: without spaces, ``const`` and references."""
    return re.sub(r"\bconst\b|[\s&]", "", signature)


def signals(name: str) -> tuple[str, ...]:
    """Normalized signatures of all signals of a class, its own first."""
    return tuple(normalized(text) for row in lineage(name) for text in row.signals)


def properties(name: str) -> dict[str, str]:
    """Type of each property of a class, with those of its bases."""
    found: dict[str, str] = {}
    for row in lineage(name):
        found = {**row.properties, **found}
    return found


def has_method(name: str, method: str) -> bool:
    """Whether a class shows a method of that name."""
    return any(method in row.methods for row in lineage(name)) or method in PYTHONQT_METHODS


def names(name: str) -> set[str]:
    """All attribute names of the objects of a class."""
    found = {"name", *PYTHONQT_METHODS}
    for row in lineage(name):
        found |= {*row.properties, *row.methods, *row.constants}
        found |= {text.split("(")[0] for text in row.signals}
    return found
