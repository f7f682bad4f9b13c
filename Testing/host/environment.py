"""Puts the host where Slicer's Python looks: ``slicer.app``, ``import qt``, ``slicer.util`` ..."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import slicer
import slicer.util

from host import packages, parameter_node, sample_data, scripted_module
from host.api import api
from host.dialogs import UTIL_FUNCTIONS
from host.pythonqt.classes import qt_class
from host.pythonqt.modules import qt_modules

_MISSING = object()


def module_of(name: str, members: dict[str, Any]) -> ModuleType:
    """A module with these members."""
    module = ModuleType(name)
    vars(module).update(members)
    return module


def python_modules() -> dict[str, ModuleType]:
    """What Slicer's Python can import beside ``slicer`` itself."""
    i18n = {
        "tr": lambda text, context=None: text,
        "translate": lambda context, text: text,
    }
    scripted = {kind.__name__: kind for kind in scripted_module.CLASSES}
    return {
        **qt_modules(),
        "slicer.i18n": module_of("slicer.i18n", i18n),
        "slicer.ScriptedLoadableModule": module_of(
            "slicer.ScriptedLoadableModule", {**scripted, "__all__": list(scripted)}
        ),
        "slicer.parameterNodeWrapper": parameter_node,
        "slicer.packaging": packages.packaging_module(),
        "PyTorchUtils": packages.pytorch_module(),
        "SampleData": sample_data.sample_data_module(),
    }


def util_functions() -> dict[str, Any]:
    """Functions of ``slicer.util`` that would wait for a user or install packages."""
    return {
        **UTIL_FUNCTIONS,
        "delayDisplay": lambda message, *_, **__: slicer.app.processEvents(),
        "pip_install": packages.pip_install,
    }


class Environment:
    """What is put into place, and what was there before."""

    def __init__(self, parts: Any, app: Any) -> None:
        modules = python_modules()
        widgets = [name for name in api() if name.startswith(("qMRML", "qSlicer"))]
        self._wanted: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (sys.modules, modules),
            (
                vars(slicer),
                {
                    **{name: qt_class(name) for name in widgets},
                    **{n.split(".")[1]: m for n, m in modules.items() if n.startswith("slicer.")},
                    "app": app,
                    "mrmlScene": parts.scene,
                    "modules": parts.modules.names,
                    "selfTests": {},
                },
            ),
            (vars(slicer.util), util_functions()),
        ]
        self._before: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def install(self) -> None:
        """Put it into place."""
        for place, values in self._wanted:
            self._before.append((place, {name: place.get(name, _MISSING) for name in values}))
            place.update(values)

    def remove(self) -> None:
        """Put back what was there."""
        for place, values in self._before:
            for name, value in values.items():
                if value is _MISSING:
                    place.pop(name, None)
                else:
                    place[name] = value
        self._before.clear()
