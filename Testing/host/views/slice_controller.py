"""The colored bar above a slice view: which view, where it cuts."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSlider,
    QStyleFactory,
    QToolButton,
    QWidget,
)

from host.pythonqt.classes import register_stand_in

COLORS = {"Red": "#f34a33", "Yellow": "#edd54c", "Green": "#6eb04b", "1": "#7f7fb2"}
"""Of the bars, as Slicer has them."""
_STEPS = 1000


def pin_icon() -> QIcon:
    """The pin that opens the rest of the bar."""
    return drawn_icon(
        lambda p: (p.drawEllipse(QRectF(9, 3, 14, 14)), p.drawLine(16, 17, 16, 29)),
    )


def fit_icon() -> QIcon:
    """The frame that fits the view to the volume."""
    return drawn_icon(lambda p: (p.drawRect(5, 5, 22, 22), p.drawRect(12, 12, 8, 8)))


def drawn_icon(draw: Any) -> QIcon:
    """A small icon of lines."""
    picture = QPixmap(32, 32)
    picture.fill(Qt.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.Antialiasing)
    painter.setPen(QPen(QColor("#202020"), 3))
    draw(painter)
    painter.end()
    return QIcon(picture)


class Bar(QWidget):
    """A colored bar with a pin, the name of the view and a button that fits it."""

    def __init__(self, color: str, label: str) -> None:
        super().__init__()
        self.setAttribute(Qt.WA_StyledBackground)
        self.setFixedHeight(24)
        self.setObjectName("bar")
        self.setStyleSheet(
            f"#bar {{ background: {color}; }}"
            "QLabel { color: #101010; font-weight: bold; }"
            "QToolButton { border: none; background: transparent; }"
            "QSlider::groove:horizontal { height: 4px; background: rgba(0, 0, 0, 70); }"
            "QSlider::handle:horizontal { width: 9px; margin: -6px 0; background: #f4f4f4;"
            " border: 1px solid #505050; border-radius: 3px; }"
        )
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(3, 1, 3, 1)
        self.row.setSpacing(4)
        self._button(pin_icon(), "Show all options of the view")
        self.row.addWidget(QLabel(label))
        self.fit = self._button(fit_icon(), "Reset field of view")

    def _button(self, icon: QIcon, text: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon)
        button.setIconSize(QSize(16, 16))
        button.setToolTip(text)
        self.row.addWidget(button)
        return button


@register_stand_in
class qMRMLSliceControllerWidget(Bar):
    """The bar of a slice view: its slider and its number move the slice."""

    def __init__(self, name: str, logic: Any) -> None:
        super().__init__(COLORS[name], name[0])
        self._logic = logic
        self._showing = False
        self.slider = QSlider(Qt.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.number = QDoubleSpinBox()
        self.number.setPrefix({"Red": "S: ", "Yellow": "R: ", "Green": "A: "}[name])
        self.number.setSuffix("mm")
        self.number.setDecimals(3)
        self.number.setButtonSymbols(QDoubleSpinBox.NoButtons)
        self.number.setFixedWidth(106)
        self.number.setStyle(QStyleFactory.create("Fusion"))
        palette = self.number.palette()
        palette.setColor(QPalette.Base, QColor("#fcfcfc"))
        palette.setColor(QPalette.Text, QColor("#101010"))
        self.number.setPalette(palette)
        self.row.addWidget(self.slider, 1)
        self.row.addWidget(self.number)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)
        self.fit.clicked.connect(lambda *_: logic.FitSliceToBackground())

    def _range(self) -> tuple[float, float]:
        low_high, step = [0.0, 0.0], vtk.reference(1.0)
        self._logic.GetSliceOffsetRangeResolution(low_high, step)
        return (low_high[0], low_high[1]) if low_high[1] > low_high[0] else (-100.0, 100.0)

    def show_state(self) -> None:
        """Bring slider and number to where the slice is."""
        low, high = self._range()
        offset = self._logic.GetSliceOffset()
        self._showing = True
        self.number.setRange(low, high)
        self.number.setValue(offset)
        self.slider.setValue(round((offset - low) / (high - low) * _STEPS))
        self._showing = False

    def _slid(self, position: int) -> None:
        low, high = self._range()
        if not self._showing:
            self._logic.SetSliceOffset(low + position / _STEPS * (high - low))

    def _typed(self, offset: float) -> None:
        if not self._showing:
            self._logic.SetSliceOffset(offset)

    def sliceOffsetSlider(self) -> Any:
        return self.slider

    def setSliceOffsetValue(self, offset: float) -> None:
        self._logic.SetSliceOffset(offset)

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()

    def setSliceVisible(self, shown: bool) -> None:
        self.mrmlSliceNode().SetSliceVisible(shown)
