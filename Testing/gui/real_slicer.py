"""The real Slicer, with the few functions of the test host that GUI tests use."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer


class RealSlicer:
    """Only runs inside Slicer; there the host is not used."""

    @property
    def scene(self) -> Any:
        return slicer.mrmlScene

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

    def grab(self, path: Path | str | None = None, size: tuple[int, int] | None = None) -> Any:
        """A picture of the main window."""
        if size is not None:
            slicer.util.mainWindow().resize(*size)
        slicer.util.forceRenderAllViews()
        self.process_events()
        picture = slicer.util.mainWindow().grab()
        if path is not None:
            picture.save(str(path))
        return picture

    def clear(self) -> None:
        """Close the scene."""
        slicer.mrmlScene.Clear()
        self.process_events()

    def take_faults(self) -> list[str]:
        """Slicer prints what goes wrong in slots; there is no list of it."""
        return []
