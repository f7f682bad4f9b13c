"""Keys that work in the whole window while a module is open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import qt
import slicer


class Keys:
    """Keys and what they do. They are off at first: other modules have keys of their own.

    Args:
        actions: by key, such as ``Ctrl+Z``.
    """

    def __init__(self, actions: Mapping[str, Callable[[], Any]]) -> None:
        self._shortcuts: dict[str, Any] = {}
        window = slicer.util.mainWindow()
        if window is None:
            return
        for key, action in actions.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), window)
            shortcut.connect("activated()", action)
            shortcut.setEnabled(False)
            self._shortcuts[key] = shortcut

    def __iter__(self) -> Any:
        return iter(self._shortcuts)

    def __getitem__(self, key: str) -> Any:
        """The shortcut of a key."""
        return self._shortcuts[key]

    def enable(self, on: bool, but: Collection[str] = ()) -> None:
        """Let the keys work, but for some, or none of them."""
        for key, shortcut in self._shortcuts.items():
            shortcut.setEnabled(on and key not in but)

    def remove(self) -> None:
        """Take the keys away from the window."""
        self.enable(False)
        for shortcut in self._shortcuts.values():
            shortcut.deleteLater()
        self._shortcuts.clear()
