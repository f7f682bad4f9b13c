"""The host: an application with a scene, a window and the modules that a test loads."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QEventLoop, QPointF, Qt
from PySide6.QtGui import QKeySequence, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from host import sample_data, standins
from host.application import qSlicerCommandOptions, the_application
from host.dialogs import Dialogs, dialogs
from host.environment import Environment
from host.faults import take_faults
from host.io_manager import qSlicerIOManager
from host.layout import qSlicerLayoutManager
from host.main_window import qSlicerMainWindow
from host.modules import qSlicerModuleManager, qSlicerScriptedLoadableModule
from host.packages import Installations, installations
from host.pythonqt.classes import wrap
from host.pythonqt.slots import disconnect_all
from host.scene import add_default_nodes, make_scene
from host.subject_hierarchy import Items
from host.ui_loader import widget_loader

ROOT = Path(__file__).resolve().parents[2]
assert standins.__all__


@dataclass
class Parts:
    """What the application consists of."""

    scene: Any
    application_logic: Any
    modules: qSlicerModuleManager
    io: qSlicerIOManager
    layout: qSlicerLayoutManager
    options: qSlicerCommandOptions


class Host:
    """Stands in for the running Slicer. One at a time; `stop` takes everything back.

    Attributes:
        dialogs: what dialogs said, and what is answered to the next ones.
        installations: what would have been installed.
        samples: what makes the node of a sample of the module SampleData, by its name.
    """

    dialogs: Dialogs = dialogs
    installations: Installations = installations
    samples = sample_data.samples

    def __init__(self) -> None:
        self.app = the_application()
        self._native: Any = QApplication.instance()
        self._made = make_scene()
        self.scene = self._made.scene
        modules = qSlicerModuleManager(self.scene, self._made.logics)
        layout = qSlicerLayoutManager(self.scene, self._made.application)
        self._parts = Parts(
            self.scene,
            self._made.application,
            modules,
            qSlicerIOManager(self.scene, self._made.logics),
            layout,
            qSlicerCommandOptions(),
        )
        self._native.parts = self._parts
        self._environment = Environment(self._parts, self.app)
        self._environment.install()
        self._items = Items(self.scene)
        widget_loader()
        self.window = qSlicerMainWindow(modules, layout)

    def stop(self) -> None:
        """Quit: unload the modules and take the host out of ``slicer`` and ``sys.modules``."""
        self.quit()
        self.window.select_module("")
        for name in [n for n in self._parts.modules.modulesNames() if n in sys.modules]:
            self._parts.modules.unload(name)
        self.scene.Clear(0)
        self._items.stop()
        self.window.close()
        self._parts.layout.finish()
        self.window.deleteLater()
        self.process_events()
        self._environment.remove()
        self._native.parts = None

    def load_module(self, name: str, folder: Path | None = None) -> Any:
        """Load a module of this repository as Slicer does, open its panel, and give its widget.

        Raises:
            Exception: what the module raised, as Slicer would print it.
        """
        path = (folder or ROOT / name) / f"{name}.py"
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        if name in self._parts.modules.modulesNames():
            self._parts.modules.unload(name)
        disconnect_all(self._native, "startupCompleted()")  # told once to each module
        module = self._parts.modules.load(path)
        self._native.startupCompleted.emit()
        widget = module.widgetRepresentation()
        self.window.select_module(name)
        self.process_events()
        return widget.self()

    def module_object(self, path: Path | str) -> Any:
        """What a module class gets as ``parent``, for a module that is not to be loaded."""
        return wrap(qSlicerScriptedLoadableModule(Path(path), self.scene))

    def process_events(self, until: Callable[[], Any] | None = None, timeout: float = 10.0) -> None:
        """Let Qt work: once, or until something is true.

        Raises:
            TimeoutError: it did not become true in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._native.processEvents(QEventLoop.AllEvents, 20)
            self._native.sendPostedEvents(None, QEvent.DeferredDelete)
            if until is None or until():
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{until} did not become true within {timeout} s")
            time.sleep(0.005)

    def quit(self) -> None:
        """Tell the modules that the application is about to quit, as Slicer does."""
        self._native.aboutToQuit.emit()
        disconnect_all(self._native, "aboutToQuit()")

    def press(self, keys: str) -> None:
        """Press keys in the main window, such as ``N`` or ``Ctrl+Z``."""
        combination = QKeySequence(keys)[0]
        self.window.show()
        self.window.activateWindow()
        self.process_events()
        QTest.keyClick(
            self._native.focusWidget() or self.window,
            combination.key(),
            combination.keyboardModifiers(),
        )
        # As a user lets go of Ctrl: Qt would hold it for pressed, and rows be toggled, not chosen.
        QTest.keyRelease(self.window, Qt.Key_Control, Qt.NoModifier)
        self.process_events()

    def click(self, widget: Any, x: int, y: int) -> None:
        """Click into a widget with the left button, in its pixels from the upper left."""
        self.drag(widget, [(x, y)])

    def drag(self, widget: Any, way: Sequence[tuple[int, int]]) -> None:
        """Press the left button at the first pixel of a way, and let it go at the last."""
        native = widget.native_of_wrapper()
        self.window.show()
        press, release = QEvent.MouseButtonPress, QEvent.MouseButtonRelease
        none, left, move = Qt.NoButton, Qt.LeftButton, QEvent.MouseMove
        events = [(move, none, none, way[0]), (press, left, left, way[0])]
        events += [(move, none, left, pixel) for pixel in way[1:]]
        events.append((release, left, none, way[-1]))
        for kind, button, held, pixel in events:
            place = QPointF(*pixel)
            event = QMouseEvent(kind, place, native.mapToGlobal(place), button, held, Qt.NoModifier)
            self._native.sendEvent(native, event)
        self.process_events()

    def clear(self) -> None:
        """Close the scene and forget dialogs and installations, for the next test."""
        self.scene.Clear(0)
        add_default_nodes(self.scene)
        self.dialogs.clear()
        self.installations.clear()
        sample_data.clear()
        self._native.testing = True
        self.process_events()

    def grab(self, path: Path | str | None = None, size: tuple[int, int] | None = None) -> Any:
        """A picture of the main window, as ``qt.QPixmap``; saved as a file if a path is given."""
        if size is not None:
            self.window.resize(*size)
        self.window.show()
        self.process_events()
        self._parts.layout.render()
        self.process_events()
        picture = self.window.grab()
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            if not picture.save(str(path)):
                raise OSError(f"{path} could not be written")
        return wrap(picture)

    def take_faults(self) -> list[str]:
        """What went wrong since the last call where Qt would only have printed it."""
        return take_faults()
