"""The keys of the panel: they work in the whole window while the module is open."""

from __future__ import annotations

from PASTALib.ui.findings_panel import FindingsPanel
from PASTALib.ui.gesture_panel import GesturePanel
from PASTALib.ui.keys import Keys


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
        self._keys = Keys(
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
        self._gesture_keys = Keys(
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

    def enable(self, on: bool) -> None:
        """Let the keys work, or not: other modules have keys of their own."""
        self.enabled = on
        self._apply()

    def draw(self, on: bool) -> None:
        """Let the keys of gestures work, or not."""
        self._drawing = on
        self._apply()

    def _apply(self) -> None:
        self._keys.enable(self.enabled, but=list(self._gesture_keys) if self._drawing else ())
        self._gesture_keys.enable(self.enabled and self._drawing)

    def remove(self) -> None:
        """Take the keys away from the window."""
        self.enabled = False
        self._keys.remove()
        self._gesture_keys.remove()
