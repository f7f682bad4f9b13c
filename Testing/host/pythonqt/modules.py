"""``import qt`` and ``import ctk``."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from host.api import api
from host.pythonqt.classes import qt_class
from host.ui_loader import UiLoader


class ClassModule(ModuleType):
    """A module whose classes are built when they are first asked for."""

    def __init__(self, name: str, prefix: str) -> None:
        super().__init__(name)
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not name.startswith(self._prefix):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name == "QUiLoader":
            return UiLoader
        return qt_class(name)

    def __dir__(self) -> list[str]:
        return [name for name in api() if name.startswith(self._prefix)]


def qt_modules() -> dict[str, ModuleType]:
    """The modules, by the names that Slicer's Python imports them by."""
    return {"qt": ClassModule("qt", "Q"), "ctk": ClassModule("ctk", "ctk")}
