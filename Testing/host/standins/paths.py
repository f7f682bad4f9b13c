"""CTK's widgets to choose a file or a folder."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, QDir, QSettings, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QToolButton, QWidget

from host.pythonqt.classes import register_stand_in
from host.standins.stored import stored


@register_stand_in
class ctkPathLineEdit(QWidget):
    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)
    Dirs, Files, Drives, NoSymLinks, Readable, Writable, Executable = 1, 2, 4, 8, 16, 32, 64
    Modified, Hidden, System, AllDirs, CaseSensitive = 0x80, 0x100, 0x200, 0x400, 0x800
    NoDot, NoDotDot, AllEntries, NoFilter = 0x2000, 0x4000, 7, -1

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.combo = QComboBox()
        self.combo.setEditable(True)
        self.combo.setInsertPolicy(QComboBox.NoInsert)
        self.button = QToolButton()
        self.button.setText("...")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.combo, 1)
        row.addWidget(self.button)
        self.combo.editTextChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        self.combo.setEditText(path)

    currentPath = Property(str, lambda self: self.combo.currentText(), setCurrentPath)
    filters = stored(int, 0x6007)
    nameFilters = stored("QStringList", [])
    options = stored(int, 0)
    label = stored(str, "")
    settingKey = stored(str, "", lambda self: self.retrieveHistory())
    showBrowseButton = stored(
        bool, True, lambda self: self.button.setVisible(self.showBrowseButton)
    )
    showHistoryButton = stored(bool, True)
    minimumContentsLength = stored(int, 0)

    def comboBox(self) -> QComboBox:
        return self.combo

    def addCurrentPathToHistory(self) -> None:
        if self.combo.currentText() and self.combo.findText(self.combo.currentText()) < 0:
            self.combo.addItem(self.combo.currentText())
        history = [self.combo.itemText(i) for i in range(self.combo.count())]
        if self.settingKey:
            QSettings().setValue(self.settingKey, history)

    def retrieveHistory(self) -> None:
        history = QSettings().value(self.settingKey) or []
        self.combo.addItems([history] if isinstance(history, str) else history)


@register_stand_in
class ctkDirectoryButton(QWidget):
    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(next((a for a in arguments if isinstance(a, QWidget)), None))
        self.button = QPushButton()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)
        self._directory = QDir(arguments[0] if arguments and isinstance(arguments[0], str) else ".")
        self._show()

    def _show(self) -> None:
        self.button.setText(self.text or self._directory.absolutePath())

    def _set_directory(self, path: str) -> None:
        changed = QDir(path).absolutePath() != self._directory.absolutePath()
        self._directory = QDir(path)
        self._show()
        if changed:
            self.directoryChanged.emit(self._directory.absolutePath())

    text = stored(str, "", _show)
    directory = Property(str, lambda self: self._directory.absolutePath(), _set_directory)
    caption = stored(str, "")
    acceptMode = stored(int, 0)
    elideMode = stored(int, int(Qt.ElideNone.value))
    options = stored(int, 1)
