"""``slicer.app`` and what hangs on it: settings, module manager, command-line options."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import Any, ClassVar

from PySide6.QtCore import Property, QObject, QSettings, Signal
from PySide6.QtWidgets import QApplication

from host.look import dress
from host.pythonqt.classes import register_stand_in
from host.qt_messages import listen
from host.standins.stored import stored


@register_stand_in
class qSlicerApplication(QApplication):
    """The application. What it consists of is set by the host when it starts."""

    startupCompleted = Signal()
    SIGNALS: ClassVar[dict[str, str]] = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    mrmlSceneChanged = Signal(object)
    parts: Any = None
    testing = True
    _paused = 0

    def testingEnabled(self) -> bool:
        return self.testing

    def mrmlScene(self) -> Any:
        return self.parts.scene

    def applicationLogic(self) -> Any:
        return self.parts.application_logic

    def moduleManager(self) -> Any:
        return self.parts.modules

    def moduleLogic(self, name: str) -> Any:
        return self.parts.modules.module(name).logic()

    def layoutManager(self) -> Any:
        return self.parts.layout

    def coreIOManager(self) -> Any:
        return self.parts.io

    def ioManager(self) -> Any:
        return self.parts.io

    def commandOptions(self) -> Any:
        return self.parts.options

    def userSettings(self) -> QSettings:
        return QSettings()

    def settings(self) -> QSettings:
        return QSettings()

    def revisionUserSettings(self) -> QSettings:
        return QSettings()

    def startupEnvironment(self) -> dict[str, str]:
        return dict(os.environ)

    def restart(self) -> None:
        logging.info("Slicer would restart now")

    def pauseRender(self) -> None:
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        self.setRenderPaused(False)

    def setRenderPaused(self, paused: bool) -> None:
        self._paused = max(0, self._paused + (1 if paused else -1))

    temporaryPath = stored(str, tempfile.gettempdir())
    majorVersion = Property(int, lambda self: 5)
    minorVersion = Property(int, lambda self: 12)
    revision = Property(str, lambda self: "34627")
    releaseType = Property(str, lambda self: "Stable")
    platform = Property(str, lambda self: "linux-amd64")
    os = Property(str, lambda self: "linux")
    arch = Property(str, lambda self: "amd64")


@register_stand_in
class qSlicerCommandOptions(QObject):
    testingEnabled = Property(bool, lambda self: QApplication.instance().testing)
    noMainWindow = Property(bool, lambda self: False)


def the_application() -> Any:
    """The one application of this process, with settings of its own in a temporary folder."""
    from host.pythonqt.classes import wrap

    native = QApplication.instance()
    if native is None:
        listen()
        folder = tempfile.mkdtemp(prefix="pasta-host-settings-")
        QSettings.setDefaultFormat(QSettings.IniFormat)
        QSettings.setPath(QSettings.IniFormat, QSettings.UserScope, folder)
        native = qSlicerApplication(["Slicer"])
        native.setApplicationName("Slicer")
        native.setOrganizationName("host")
        native.setQuitOnLastWindowClosed(False)
        dress(native)
        native.kept = native  # as long as the process
    return wrap(native)
