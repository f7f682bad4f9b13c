"""``slicer.modules`` and the module manager: C++ modules with their logics, and scripted ones."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PySide6.QtCore import Property, QObject, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QVBoxLayout

from host.faults import exception_fault
from host.pythonqt.classes import register_stand_in, wrap
from host.scripted_module import import_module_file
from host.standins.mrml_widget import qSlicerWidget
from host.standins.stored import stored


@register_stand_in
class qSlicerAbstractModule(QObject):
    """A module of Slicer's own, written in C++: here only its name and its logic."""

    def __init__(self, name: str, logic: Any = None) -> None:
        super().__init__()
        self._name, self._logic = name, logic
        self.title = name

    name = Property(str, lambda self: self._name)
    title = stored(str, "")
    path = stored(str, "")
    hidden = stored(bool, False)

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> None:
        return None


@register_stand_in
class qSlicerScriptedLoadableModule(QObject):
    """A scripted module: the object that a module class gets as ``parent``."""

    def __init__(self, path: Path, scene: Any) -> None:
        super().__init__()
        self._path, self._scene = path, scene
        self._widget: qSlicerScriptedLoadableModuleWidget | None = None
        self.python: Any = None
        """The instance of the module class."""

    name = Property(str, lambda self: self._path.stem)
    path = Property(str, lambda self: str(self._path))
    title = stored(str, "")
    categories = stored("QStringList", [])
    contributors = stored("QStringList", [])
    dependencies = stored("QStringList", [])
    associatedNodeTypes = stored("QStringList", [])
    helpText = stored(str, "")
    acknowledgementText = stored(str, "")
    hidden = stored(bool, False)
    index = stored(int, -1)
    icon = stored(QIcon, QIcon())

    def widgetRepresentation(self) -> Any:
        if self._widget is None:
            self._widget = qSlicerScriptedLoadableModuleWidget(self)
            self._widget.setMRMLScene(self._scene)
            self._widget.reload()
        return self._widget

    def logic(self) -> Any:
        return None

    def mrmlScene(self) -> Any:
        return self._scene


@register_stand_in
class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The panel of a scripted module: the object that a widget class gets as ``parent``."""

    def __init__(self, module: qSlicerScriptedLoadableModule) -> None:
        super().__init__()
        self._module = module
        self._python: Any = None
        QVBoxLayout(self).setContentsMargins(4, 4, 4, 4)

    isEntered = stored(bool, False)
    moduleName = Property(str, lambda self: self._module.name)

    def reload(self) -> None:
        """Make the Python class anew from the module that is loaded now."""
        import slicer

        kind = getattr(sys.modules[self._module.name], f"{self._module.name}Widget")
        self._python = kind(wrap(self))
        self._python.setup()
        setattr(slicer.modules, f"{self._module.name}Widget", self._python)

    def self(self) -> Any:
        return self._python

    def module(self) -> Any:
        return self._module

    def enter(self) -> None:
        self.isEntered = True
        self._call("enter")

    def exit(self) -> None:
        self.isEntered = False
        self._call("exit")

    def _call(self, name: str) -> None:
        try:
            getattr(self._python, name, lambda: None)()
        except Exception as error:
            exception_fault(f"in {name}() of {self._module.name}", error)


@register_stand_in
class qSlicerModuleFactoryManager(QObject):
    def __init__(self, manager: qSlicerModuleManager) -> None:
        super().__init__()
        self._manager = manager

    def loadedModuleNames(self) -> list[str]:
        return self._manager.modulesNames()

    def isLoaded(self, name: str) -> bool:
        return name in self._manager.modulesNames()


@register_stand_in
class qSlicerModuleManager(QObject):
    """Knows the modules by name."""

    moduleLoaded = Signal(str)
    moduleAboutToBeUnloaded = Signal(str)

    def __init__(self, scene: Any, logics: dict[str, Any]) -> None:
        super().__init__()
        self._scene = scene
        self.names = SimpleNamespace()
        """What ``slicer.modules`` is: modules by their name in small letters."""
        self._modules: dict[str, Any] = {}
        for name, logic in logics.items():
            self._add(name, qSlicerAbstractModule(name, logic))
        self._factory = qSlicerModuleFactoryManager(self)

    def _add(self, name: str, module: QObject) -> None:
        self._modules[name] = module
        setattr(self.names, name.lower(), wrap(module))

    def module(self, name: str) -> Any:
        return self._modules.get(name)

    def modulesNames(self) -> list[str]:
        return list(self._modules)

    def factoryManager(self) -> Any:
        return self._factory

    def load(self, path: Path) -> qSlicerScriptedLoadableModule:
        """Load a scripted module from its file; its panel is made when it is first opened."""
        module = qSlicerScriptedLoadableModule(path, self._scene)
        self._add(path.stem, module)
        kind = getattr(import_module_file(path), path.stem)
        module.python = kind(wrap(module))
        self.moduleLoaded.emit(path.stem)
        return module

    def unload(self, name: str) -> None:
        """Take a scripted module away; its panel is told to clean up."""
        module = self._modules.pop(name)
        self.moduleAboutToBeUnloaded.emit(name)
        for attribute in (name.lower(), f"{name}Widget"):
            self.names.__dict__.pop(attribute, None)
        if module._widget is not None:
            module._widget.hide()
            module._widget.deleteLater()
        sys.modules.pop(name, None)
