"""What went wrong, for the user: one sentence, and the log for who wants to know."""

from __future__ import annotations

import qt


def show_details(sentence: str, details: str) -> None:
    """The sentence with its log, which can be selected and copied."""
    box = qt.QMessageBox()
    box.setIcon(qt.QMessageBox.Warning)
    box.setWindowTitle("PASTA")
    box.text = sentence
    box.setDetailedText(details or "There is no log.")
    box.setTextInteractionFlags(qt.Qt.TextSelectableByMouse)
    box.exec_()
