"""Makes slicer-core look like the running application, as far as our modules look."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import slicer
import slicer.util

from host.ui_file import load_ui


class Application:
    """``slicer.app``: what modules connect to at start, and what they told the user."""

    def __init__(self) -> None:
        self.at_startup: list[Any] = []
        self.errors: list[str] = []

    def connect(self, signal: str, slot: Any) -> bool:
        assert signal == "startupCompleted()", signal
        self.at_startup.append(slot)
        return True

    def testingEnabled(self) -> bool:
        return True


class ScriptedLoadableModule:
    def __init__(self, parent: Any) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """Knows the folder of its module, as Slicer's does."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent
        self.layout = SimpleNamespace(addWidget=lambda widget: None)

    def setup(self) -> None:
        """Slicer adds the reload buttons here."""

    def resourcePath(self, name: str) -> str:
        file = sys.modules[type(self).__module__].__file__
        assert file is not None
        return str(Path(file).parent / "Resources" / name)


class ScriptedLoadableModuleLogic:
    pass


class ScriptedLoadableModuleTest:
    def delayDisplay(self, message: str) -> None:
        """Slicer shows the message for a moment."""


@contextmanager
def running_application(scene: Any) -> Iterator[Application]:
    """Within the block, ``import slicer`` finds an application with this scene."""
    application = Application()
    base = ModuleType("slicer.ScriptedLoadableModule")
    for kind in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    ):
        setattr(base, kind.__name__, kind)
    i18n = ModuleType("slicer.i18n")
    i18n.tr = lambda text: text  # type: ignore[attr-defined]
    i18n.translate = lambda context, text: text  # type: ignore[attr-defined]
    modules = {
        "slicer.ScriptedLoadableModule": base,
        "slicer.i18n": i18n,
        "qt": ModuleType("qt"),
        "ctk": ModuleType("ctk"),
    }
    attributes = {"app": application, "mrmlScene": scene, "modules": SimpleNamespace()}
    functions = {
        "loadUI": load_ui,
        "errorDisplay": lambda text, **_: application.errors.append(text),
    }
    before = [{name: sys.modules.get(name) for name in modules}]
    before += [{name: getattr(slicer, name, None) for name in attributes}]
    before += [{name: getattr(slicer.util, name) for name in functions}]
    sys.modules.update(modules)
    for owner, values in ((slicer, attributes), (slicer.util, functions)):
        for name, value in values.items():
            setattr(owner, name, value)
    try:
        yield application
    finally:
        _restore(before)


def _restore(before: list[dict[str, Any]]) -> None:
    for name, module in before[0].items():
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module
    for name, value in before[1].items():
        if value is None:
            delattr(slicer, name)
        else:
            setattr(slicer, name, value)
    for name, value in before[2].items():
        setattr(slicer.util, name, value)
