"""The keys of the panel: they work in the whole window while the module is open."""

from __future__ import annotations

from typing import Any

import qt
import slicer

from PASTALib.ui.findings_panel import FindingsPanel


class Shortcuts:
    """N and P go through the findings, A accepts, X rejects, E edits, I and O take in and leave out
    what is clicked next, Ctrl+Z takes back, Ctrl+Y does again.

    Attributes:
        enabled: whether the keys work now.
    """

    def __init__(self, findings: FindingsPanel) -> None:
        self.enabled = False
        self._keys: list[Any] = []
        window = slicer.util.mainWindow()
        if window is None:
            return
        for key, action in (
            ("N", findings.next),
            ("P", findings.previous),
            ("A", findings.accept),
            ("X", findings.reject),
            ("E", findings.toggle_edit),
            ("I", findings.take_in),
            ("O", findings.leave_out),
            ("Ctrl+Z", findings.undo),
            ("Ctrl+Y", findings.redo),
        ):
            shortcut = qt.QShortcut(qt.QKeySequence(key), window)
            shortcut.connect("activated()", action)
            shortcut.setEnabled(False)
            self._keys.append(shortcut)

    def enable(self, on: bool) -> None:
        """Let the keys work, or not: other modules have keys of their own."""
        self.enabled = on
        for shortcut in self._keys:
            shortcut.setEnabled(on)

    def remove(self) -> None:
        """Take the keys away from the window."""
        self.enable(False)
        for shortcut in self._keys:
            shortcut.deleteLater()
        self._keys.clear()
