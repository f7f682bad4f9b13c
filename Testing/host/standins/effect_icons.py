"""Small icons for the effects of the segment editor; Slicer's own come with the application."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

_SIZE = 44


def effect_icon(name: str) -> QIcon:
    """A sign for an effect: a tool where one draws with it, else a disc with its rim."""
    picture = QPixmap(_SIZE, _SIZE)
    picture.fill(Qt.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.Antialiasing)
    painter.setPen(QPen(QColor("#dddddd"), 3))
    painter.setBrush(QColor("#4fa3d8"))
    if name == "None":
        painter.setBrush(QColor("#f0f0f0"))
        painter.drawPolygon(QPolygonF([QPointF(12, 6), QPointF(12, 36), QPointF(32, 24)]))
    elif name in ("Paint", "Draw", "Erase", "Level tracing", "Scissors"):
        painter.setPen(QPen(QColor("#e8b04a"), 7, Qt.SolidLine, Qt.RoundCap))
        painter.drawLine(QPointF(34, 8), QPointF(18, 26))
        painter.setPen(Qt.NoPen)
        painter.setBrush(QColor("#e06666" if name == "Erase" else "#4fa3d8"))
        painter.drawEllipse(QRectF(8, 24, 13, 13))
    else:
        inner = 6 + sum(map(ord, name)) % 8
        painter.drawEllipse(QRectF(5, 5, 34, 34))
        painter.setBrush(QColor("#2b4f68"))
        painter.drawEllipse(QRectF(22 - inner, 22 - inner, 2 * inner, 2 * inner))
    painter.end()
    return QIcon(picture)
