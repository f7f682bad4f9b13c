"""CTK's buttons and boxes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QGroupBox,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QTextBrowser,
    QToolButton,
    QWidget,
)

from host.pythonqt.classes import register_stand_in
from host.standins.stored import stored


@register_stand_in
class ctkCollapsibleButton(QAbstractButton):
    """A header across the panel; what is laid out below it shows while it is open."""

    contentsCollapsed = Signal(bool)

    def __init__(self, *arguments: Any) -> None:
        text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        parent = next((a for a in arguments if isinstance(a, QWidget)), None)
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self._hidden: list[QWidget] = []
        self.setContentsMargins(0, self._header(), 0, 0)
        self.setSizePolicy(QSizePolicy.MinimumExpanding, QSizePolicy.Preferred)
        self.toggled.connect(self._show)

    def _header(self) -> int:
        return self.fontMetrics().height() + 8

    def _show(self, opened: bool) -> None:
        for child in self.children():
            if isinstance(child, QWidget):
                self._show_child(child, opened)
        self.setMaximumHeight(16777215 if opened else self._header())
        self.updateGeometry()
        self.contentsCollapsed.emit(not opened)

    def _show_child(self, child: QWidget, opened: bool) -> None:
        if opened and child in self._hidden:
            self._hidden.remove(child)
            child.show()
        elif not opened and not child.isHidden():
            self._hidden.append(child)
            child.hide()

    def childEvent(self, event: Any) -> None:
        super().childEvent(event)
        child = event.child()
        if event.type() == QEvent.ChildAdded and isinstance(child, QWidget) and self.collapsed:
            self._show_child(child, False)

    collapsed = Property(
        bool, lambda self: not self.isChecked(), lambda self, value: self.setChecked(not value)
    )
    collapsedHeight = stored(int, 14)
    flat = stored(bool, False)
    contentsFrameShape = stored(int, 0)
    contentsFrameShadow = stored(int, 0)
    contentsLineWidth = stored(int, 1)
    contentsMidLineWidth = stored(int, 0)
    buttonTextAlignment = stored(int, 132)
    indicatorAlignment = stored(int, 132)

    def sizeHint(self) -> QSize:
        inner = self.layout().totalSizeHint() if self.layout() and self.isChecked() else QSize(0, 0)
        return QSize(
            max(inner.width(), 120), self._header() if not self.isChecked() else inner.height()
        )

    def minimumSizeHint(self) -> QSize:
        inner = (
            self.layout().totalMinimumSize() if self.layout() and self.isChecked() else QSize(0, 0)
        )
        return QSize(inner.width(), max(self._header(), inner.height()))

    def hitButton(self, position: Any) -> bool:
        return position.y() <= self._header()

    def paintEvent(self, event: Any) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = QRect(0, 0, self.width(), self._header())
        option.state |= QStyle.State_Raised
        painter.drawControl(QStyle.CE_PushButtonBevel, option)
        arrow = QStyleOptionButton()
        arrow.initFrom(self)
        arrow.rect = QRect(6, (self._header() - 12) // 2, 12, 12)
        kind = QStyle.PE_IndicatorArrowDown if self.isChecked() else QStyle.PE_IndicatorArrowRight
        painter.drawPrimitive(kind, arrow)
        flags = Qt.AlignVCenter | Qt.AlignLeft | Qt.TextHideMnemonic
        painter.drawText(option.rect.adjusted(26, 0, 0, 0), flags, self.text())


@register_stand_in
class ctkCollapsibleGroupBox(QGroupBox):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.setCheckable(True)
        self.toggled.connect(self._show)

    def _show(self, opened: bool) -> None:
        for child in self.children():
            if isinstance(child, QWidget):
                child.setVisible(opened)

    collapsed = Property(
        bool, lambda self: not self.isChecked(), lambda self, value: self.setChecked(not value)
    )
    collapsedHeight = stored(int, 14)


@register_stand_in
class ctkPushButton(QPushButton):
    buttonTextAlignment = stored(int, 132)
    iconAlignment = stored(int, 129)
    elideMode = stored(int, 3)


@register_stand_in
class ctkCheckablePushButton(ctkPushButton):
    checkBoxToggled = Signal(bool)
    indicatorAlignment = stored(int, 129)
    checkBoxControlsButton = stored(bool, True)
    checkBoxControlsButtonToggleState = stored(bool, True)
    checkBoxUserCheckable = stored(bool, True)
    checkState = stored(int, 0, lambda self: self.checkBoxToggled.emit(self.checkState == 2))


@register_stand_in
class ctkMenuButton(QPushButton):
    """A button with a menu beside its own action."""


@register_stand_in
class ctkCheckBox(QCheckBox):
    indicatorIcon = stored(QIcon, QIcon())
    indicatorIconSize = stored(QSize, QSize(16, 16))


@register_stand_in
class ctkExpandButton(QToolButton):
    orientation = stored(int, 1)
    mirrorOnExpand = stored(bool, False)


@register_stand_in
class ctkComboBox(QComboBox):
    NeverScroll, AlwaysScroll, ScrollWithFocus, ScrollWithNoVScrollBar = range(4)
    defaultText = stored(str, "", lambda self: self.setPlaceholderText(self.defaultText))
    forceDefault = stored(bool, False)
    elideMode = stored(int, 3)
    scrollWheelEffect = stored(int, 1)

    def setCurrentUserDataAsString(self, data: str) -> None:
        self.setCurrentIndex(self.findData(data))

    currentUserDataAsString = Property(
        str, lambda self: str(self.currentData() or ""), setCurrentUserDataAsString
    )


@register_stand_in
class ctkSearchBox(QLineEdit):
    showSearchIcon = stored(bool, False)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.setClearButtonEnabled(True)
        self.setPlaceholderText("Search...")


@register_stand_in
class ctkMessageBox(QMessageBox):
    dontShowAgain = stored(bool, False)
    dontShowAgainVisible = stored(bool, False)
    dontShowAgainSettingsKey = stored(str, "")

    def setDontShowAgain(self, value: bool) -> None:
        self.setProperty("dontShowAgain", value)


@register_stand_in
class ctkFittedTextBrowser(QTextBrowser):
    disableMouseScroll = stored(bool, True)
    collapsed = stored(bool, True)
    showDetailsText = stored(str, "Show details")
    hideDetailsText = stored(str, "Hide details")

    def setCollapsibleText(self, text: str) -> None:
        self.setHtml(text)

    def collapsibleText(self) -> str:
        return self.toHtml()


@register_stand_in
class ctkDynamicSpacer(QWidget):
    activeSizePolicy = stored(QSizePolicy, QSizePolicy())
    inactiveSizePolicy = stored(QSizePolicy, QSizePolicy())
    active = stored(bool, False)


@register_stand_in
class ctkColorPickerButton(QPushButton):
    colorChanged = Signal(QColor)

    def _shown(self) -> None:
        chip = QPixmap(14, 14)
        chip.fill(self.color)
        self.setIcon(QIcon(chip))
        self.setText(self.color.name() if self.displayColorName else "")
        self.colorChanged.emit(self.color)

    color = stored(QColor, QColor(0, 0, 0), _shown)
    displayColorName = stored(bool, True)

    def setColor(self, color: QColor) -> None:
        self.color = color

    def setDisplayColorName(self, shown: bool) -> None:
        self.displayColorName = shown
