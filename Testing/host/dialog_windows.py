"""What happens where a dialog of Qt would wait for a user: the test's answer is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QFileDialog, QInputDialog, QMessageBox

from host.dialogs import Shown, dialogs
from host.faults import exception_fault, fault
from host.pythonqt.conversion import to_native, to_python

PATIENCE_MS = 20_000
"""A dialog that its answer did not close is closed, and that is a fault."""


def run_dialog(native: QDialog) -> int:
    """What ``exec_`` of a dialog does."""
    is_box = isinstance(native, QMessageBox)
    text = native.text() if is_box else ""
    answer = dialogs.take(Shown(type(native).__name__, native.windowTitle(), text))
    if answer is None:
        return int(QMessageBox.Cancel.value) if is_box else 0
    if not callable(answer):
        return int(answer)
    QTimer.singleShot(0, native, lambda: act(answer, native))
    patience = QTimer()
    patience.setSingleShot(True)
    patience.timeout.connect(lambda: give_up(native))
    patience.start(PATIENCE_MS)
    result = native.exec()
    patience.stop()
    return int(to_python(result))


def act(answer: Callable[[Any], None], native: QDialog) -> None:
    """Let the test act in the dialog."""
    try:
        answer(to_python(native))
    except BaseException as error:  # must not travel through Qt
        exception_fault("in the answer to a dialog", error)
        native.reject()


def give_up(native: QDialog) -> None:
    """Close a dialog that stayed open."""
    fault(f"the dialog '{native.windowTitle()}' stayed open")
    native.reject()


def static_box(kind: str) -> Callable[..., Any]:
    """One of ``QMessageBox.question`` and its like."""

    def show(parent: Any, title: str, text: str, *_buttons: Any) -> Any:
        return dialogs.take(
            Shown(kind, title, text), QMessageBox.Ok if kind != "question" else None
        )

    return show


def static_choice(kind: str, nothing: Any) -> Callable[..., Any]:
    """One of the functions that ask for a file, a folder or a text."""

    def show(parent: Any = None, title: str = "", *_rest: Any) -> Any:
        answer = dialogs.take(Shown(kind, title, ""))
        return nothing if answer is None else to_native(answer)

    return show


STATIC_DIALOGS: dict[tuple[type, str], Callable[..., Any]] = {
    **{
        (QMessageBox, kind): static_box(kind)
        for kind in ("question", "information", "warning", "critical")
    },
    (QFileDialog, "getOpenFileName"): static_choice("file", ""),
    (QFileDialog, "getSaveFileName"): static_choice("file", ""),
    (QFileDialog, "getOpenFileNames"): static_choice("file", ()),
    (QFileDialog, "getExistingDirectory"): static_choice("file", ""),
    (QInputDialog, "getText"): static_choice("input", ""),
    (QInputDialog, "getItem"): static_choice("input", ""),
    (QInputDialog, "getInt"): static_choice("input", 0),
    (QInputDialog, "getDouble"): static_choice("input", 0.0),
}
"""Static functions that would wait for a user, and what they do here."""
