"""The keys of the panel: they work in the whole window while the module is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer

from PASTALib.ui.findings_panel import FindingsPanel
from PASTALib.ui.gesture_panel import GesturePanel


class Shortcuts:
    """N and P go through the findings, A accepts, X rejects, E edits, C corrects by gestures,
    Ctrl+Z takes back, Ctrl+Y does again.

    While gestures are drawn, P, B, S and L choose the tool, T turns the sign, E begins a finding,
    R resets and Esc ends; P and E do then not what they do else.

    Attributes:
        enabled: whether the keys work now.
    """

    def __init__(self, findings: FindingsPanel, gestures: GesturePanel) -> None:
        self.enabled = False
        self._drawing = False
        self._window = slicer.util.mainWindow()
        self._keys: dict[str, Any] = self._made(
            {
                "N": findings.next,
                "P": findings.previous,
                "A": findings.accept,
                "X": findings.reject,
                "E": findings.toggle_edit,
                "C": gestures.toggle,
                "Ctrl+Z": findings.undo,
                "Ctrl+Y": findings.redo,
            }
        )
        self._gesture_keys: dict[str, Any] = self._made(
            {
                "P": lambda: gestures.use("point"),
                "B": lambda: gestures.use("box"),
                "S": lambda: gestures.use("scribble"),
                "L": lambda: gestures.use("lasso"),
                "T": gestures.flip,
                "E": gestures.begin,
                "R": gestures.reset,
                "Esc": gestures.stop,
            }
        )
        gestures.switched.connect(self.draw)

    def _made(self, actions: dict[str, Callable[[], Any]]) -> dict[str, Any]:
        if self._window is None:
            return {}
        keys = {}
        for key, action in actions.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), self._window)
            shortcut.connect("activated()", action)
            shortcut.setEnabled(False)
            keys[key] = shortcut
        return keys

    def enable(self, on: bool) -> None:
        """Let the keys work, or not: other modules have keys of their own."""
        self.enabled = on
        self._apply()

    def draw(self, on: bool) -> None:
        """Let the keys of gestures work, or not."""
        self._drawing = on
        self._apply()

    def _apply(self) -> None:
        for key, shortcut in self._keys.items():
            taken = self._drawing and key in self._gesture_keys
            shortcut.setEnabled(self.enabled and not taken)
        for shortcut in self._gesture_keys.values():
            shortcut.setEnabled(self.enabled and self._drawing)

    def remove(self) -> None:
        """Take the keys away from the window."""
        self.enable(False)
        for shortcut in (*self._keys.values(), *self._gesture_keys.values()):
            shortcut.deleteLater()
        self._keys.clear()
        self._gesture_keys.clear()
