"""CTK's widgets for numbers: a slider with a spin box, a spin box, a range."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QWidget

from host.pythonqt.classes import register_stand_in
from host.standins.stored import forwarded, stored

_STEPS = 10000


@register_stand_in
class ctkDoubleSpinBox(QDoubleSpinBox):
    SetAlways, SetIfDifferent = 0, 1
    setMode = stored(int, 0)
    invertedControls = stored(bool, False)
    decimalsOption = stored(int, 0)


@register_stand_in
class ctkSliderWidget(QWidget):
    """A slider and a spin box that show the same number."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    NoSynchronize, SynchronizeWidth, SynchronizeDecimals = 0, 1, 2

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.box = QDoubleSpinBox()
        self.box.setRange(0, 99)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 1)
        row.addWidget(self.box)
        self.slider.valueChanged.connect(self._slid)
        self.box.valueChanged.connect(self._typed)

    def _span(self) -> float:
        return (self.box.maximum() - self.box.minimum()) or 1.0

    def _slid(self, position: int) -> None:
        if self.slider.isSliderDown():
            self.box.setValue(self.box.minimum() + position * self._span() / _STEPS)

    def _typed(self, value: float) -> None:
        self._place(value)
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    def _place(self, value: float) -> None:
        if not self.slider.isSliderDown():
            self.slider.setValue(round((value - self.box.minimum()) / self._span() * _STEPS))

    def _limited(name: str) -> Property:
        def write(self: Any, limit: float) -> None:
            getattr(self.box, f"set{name.capitalize()}")(limit)
            self._place(self.box.value())

        return Property(float, lambda self: getattr(self.box, name)(), write)

    minimum, maximum = _limited("minimum"), _limited("maximum")
    value = forwarded(float, "box", "value")
    singleStep = forwarded(float, "box", "singleStep")
    decimals = forwarded(int, "box", "decimals")
    prefix = forwarded(str, "box", "prefix")
    suffix = forwarded(str, "box", "suffix")
    pageStep = stored(float, 10.0)
    tickInterval = stored(float, 0.0)
    tickPosition = stored(int, 0)
    synchronizeSiblings = stored(int, 3)
    spinBoxAlignment = stored(int, 4)
    tracking = stored(bool, True)
    spinBoxVisible = stored(bool, True, lambda self: self.box.setVisible(self.spinBoxVisible))
    popupSlider = stored(bool, False)
    invertedAppearance = stored(bool, False)
    invertedControls = stored(bool, False)

    def setValue(self, value: float) -> None:
        self.box.setValue(value)

    def setDecimals(self, decimals: int) -> None:
        self.box.setDecimals(decimals)

    def setSpinBoxVisible(self, shown: bool) -> None:
        self.spinBoxVisible = shown

    def reset(self) -> None:
        self.box.setValue(self.box.minimum())


@register_stand_in
class qMRMLSliderWidget(ctkSliderWidget):
    quantity = stored(str, "")
    unitAwareProperties = stored(int, 0)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def mrmlScene(self) -> Any:
        return getattr(self, "_scene", None)

    def setQuantity(self, quantity: str) -> None:
        self.quantity = quantity


@register_stand_in
class ctkRangeWidget(QWidget):
    """Two numbers, the first not above the second."""

    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)
    valuesChanged = Signal(float, float)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for box in (self.low, self.high):
            box.setRange(0, 99)
            row.addWidget(box)
        self.high.setValue(99)
        self.low.valueChanged.connect(self._low_changed)
        self.high.valueChanged.connect(self._high_changed)

    def _low_changed(self, value: float) -> None:
        self.high.setMinimum(value)
        self.minimumValueChanged.emit(value)
        self.valuesChanged.emit(value, self.high.value())

    def _high_changed(self, value: float) -> None:
        self.low.setMaximum(value)
        self.maximumValueChanged.emit(value)
        self.valuesChanged.emit(self.low.value(), value)

    minimum = forwarded(float, "low", "minimum")
    maximum = forwarded(float, "high", "maximum")
    minimumValue = forwarded(float, "low", "value")
    maximumValue = forwarded(float, "high", "value")
    singleStep = forwarded(float, "low", "singleStep")
    decimals = forwarded(int, "low", "decimals")
    suffix = forwarded(str, "low", "suffix")

    def setValues(self, low: float, high: float) -> None:
        self.low.setValue(low)
        self.high.setValue(high)

    def setRange(self, low: float, high: float) -> None:
        self.low.setMinimum(low)
        self.high.setMaximum(high)
