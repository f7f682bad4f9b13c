"""Dialogs in tests: what they said is kept, and answers are given beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from host.faults import fault


@dataclass(frozen=True)
class Shown:
    """A dialog that was shown: its kind, title and text."""

    kind: str
    title: str
    text: str


@dataclass
class Dialogs:
    """The dialogs of a test.

    Attributes:
        shown: what was shown, in order.
        answers: what is answered to the next ones: a value to return (such as
            ``qt.QMessageBox.Yes``, or a path for a file dialog), or a function that gets the dialog
            and acts in it.
    """

    shown: list[Shown] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    def answer(self, *answers: Any) -> None:
        """Say what is answered to the next dialogs."""
        self.answers.extend(answers)

    def texts(self, kind: str = "") -> list[str]:
        """The texts of all dialogs so far, or of those of a kind."""
        return [item.text for item in self.shown if kind in ("", item.kind)]

    def take(self, shown: Shown, default: Any = None) -> Any:
        """Note a dialog and give its answer."""
        self.shown.append(shown)
        if self.answers:
            return self.answers.pop(0)
        if default is None:
            fault(f"nobody answers the {shown.kind} '{shown.title}': {shown.text}")
        return default

    def clear(self) -> None:
        """Forget, for the next test."""
        self.shown.clear()
        self.answers.clear()


dialogs = Dialogs()


def display(kind: str) -> Callable[..., None]:
    """One of ``slicer.util.errorDisplay`` and its like: noted instead of shown."""

    def show(text: str, windowTitle: str | None = None, parent: Any = None, **_: Any) -> None:
        dialogs.take(Shown(kind, windowTitle or "", text), True)

    return show


def confirm(text: str, windowTitle: str | None = None, parent: Any = None, **_: Any) -> bool:
    """``slicer.util.confirmOkCancelDisplay`` and its like: True unless answered otherwise."""
    return bool(dialogs.take(Shown("confirm", windowTitle or "", text), True))


UTIL_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "errorDisplay": display("error"),
    "warningDisplay": display("warning"),
    "infoDisplay": display("info"),
    "confirmOkCancelDisplay": confirm,
    "confirmYesNoDisplay": confirm,
    "confirmRetryCloseDisplay": confirm,
}
"""Functions of ``slicer.util`` that show a dialog, and what stands in for them in tests."""
