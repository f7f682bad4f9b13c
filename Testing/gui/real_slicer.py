"""The real Slicer, with the functions of the test host that GUI tests use.

Runs in Slicer only; there the host is not used. A test of the host runs it on the host, as far as
that goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer

from host.dialogs import UTIL_FUNCTIONS, Dialogs, dialogs


class DialogsOfSlicer(Dialogs):
    """Functions act in the next modal dialog as soon as it is open; other answers are for
    ``slicer.util``'s questions. What dialogs of Qt itself say is not noted."""

    def answer(self, *answers: Any) -> None:
        for answer in answers:
            if callable(answer):
                self._act_when_open(answer)
            else:
                super().answer(answer)

    def _act_when_open(self, act: Callable[[Any], Any]) -> None:
        timer = qt.QTimer(slicer.util.mainWindow())
        timer.setInterval(50)

        def look() -> None:
            dialog = qt.QApplication.activeModalWidget()
            if dialog is not None:
                timer.stop()
                act(dialog)

        timer.connect("timeout()", look)
        timer.start()


class RealSlicer:
    """Slicer as the tests see it."""

    def __init__(self) -> None:
        self.dialogs = DialogsOfSlicer()
        dialogs.shown, dialogs.answers = self.dialogs.shown, self.dialogs.answers
        for name, function in UTIL_FUNCTIONS.items():
            setattr(slicer.util, name, function)

    @property
    def scene(self) -> Any:
        return slicer.mrmlScene

    @property
    def window(self) -> Any:
        return slicer.util.mainWindow()

    def load_module(self, name: str) -> Any:
        """Open the panel of a module that Slicer has loaded, anew."""
        slicer.util.selectModule(name)
        slicer.util.reloadScriptedModule(name)
        return slicer.util.getModuleWidget(name)

    def process_events(self, until: Callable[[], Any] | None = None, timeout: float = 10.0) -> None:
        """Let Qt work: once, or until something is true."""
        deadline = time.monotonic() + timeout
        slicer.app.processEvents()
        while until is not None and not until():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{until} did not become true within {timeout} s")
            time.sleep(0.005)
            slicer.app.processEvents()

    def press(self, keys: str) -> None:
        """Activate the shortcuts of these keys in the main window."""
        wanted = qt.QKeySequence(keys).toString()
        for shortcut in self.window.findChildren(qt.QShortcut):
            if shortcut.enabled and shortcut.key.toString() == wanted:
                shortcut.activated()
        self.process_events()

    def click(self, view: Any, x: int, y: int) -> None:
        """Click into a slice view or 3D view, in its pixels from the upper left."""
        self.drag(view, [(x, y)])

    def drag(self, view: Any, way: Sequence[tuple[int, int]]) -> None:
        """Press the left button at the first pixel of a way, and let it go at the last."""
        interactor = view.interactor()
        events = [("EnterEvent", way[0]), ("MouseMoveEvent", way[0])]
        events += [("LeftButtonPressEvent", way[0])]
        events += [("MouseMoveEvent", pixel) for pixel in way[1:]]
        events += [("LeftButtonReleaseEvent", way[-1])]
        for event, (x, y) in events:
            interactor.SetEventInformationFlipY(x, y, 0, 0, "\0", 0, None)
            interactor.InvokeEvent(event)
        self.process_events()

    def grab(self, path: Path | str | None = None, size: tuple[int, int] | None = None) -> Any:
        """A picture of the main window."""
        if size is not None:
            self.window.resize(*size)
        slicer.util.forceRenderAllViews()
        self.process_events()
        picture = self.window.grab()
        if path is not None:
            picture.save(str(path))
        return picture

    def clear(self) -> None:
        """Close the scene and forget dialogs, for the next test."""
        slicer.mrmlScene.Clear()
        self.dialogs.clear()
        self.process_events()

    def take_faults(self) -> list[str]:
        """Slicer prints what goes wrong in slots; there is no list of it."""
        return []
