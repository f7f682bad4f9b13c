"""The dark look that Slicer takes on a dark desktop."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

_COLORS = {
    QPalette.Window: "#323232",
    QPalette.WindowText: "#f0f0f0",
    QPalette.Base: "#282828",
    QPalette.AlternateBase: "#303030",
    QPalette.ToolTipBase: "#f5f5dc",
    QPalette.ToolTipText: "#101010",
    QPalette.Text: "#f0f0f0",
    QPalette.Button: "#464646",
    QPalette.ButtonText: "#f0f0f0",
    QPalette.BrightText: "#ffffff",
    QPalette.Light: "#5a5a5a",
    QPalette.Midlight: "#505050",
    QPalette.Mid: "#2a2a2a",
    QPalette.Dark: "#202020",
    QPalette.Shadow: "#101010",
    QPalette.Link: "#6ab0e8",
    QPalette.Highlight: "#3f76a6",
    QPalette.HighlightedText: "#ffffff",
    QPalette.PlaceholderText: "#9a9a9a",
}
_DISABLED = {
    QPalette.WindowText: "#808080",
    QPalette.Text: "#808080",
    QPalette.ButtonText: "#808080",
    QPalette.Highlight: "#505050",
}


def dress(application: QApplication) -> None:
    """Give an application the look."""
    application.setStyle("Fusion")
    palette = QPalette()
    for role, color in _COLORS.items():
        palette.setColor(role, QColor(color))
    for role, color in _DISABLED.items():
        palette.setColor(QPalette.Disabled, role, QColor(color))
    application.setPalette(palette)
    font = QFont(application.font())
    font.setFamilies(["Noto Sans", "Segoe UI", "DejaVu Sans"])
    font.setPointSize(9)
    application.setFont(font)
