"""The main window: menus, tool bar with the module selector, module panel, views."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Property, QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDockWidget,
    QFrame,
    QLabel,
    QMainWindow,
    QScrollArea,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from host.pythonqt.classes import register_stand_in
from host.standins.buttons import ctkCollapsibleButton

MENUS = ("File", "Edit", "View", "Help")
PANEL_WIDTH = 480


@register_stand_in
class qSlicerModuleSelectorToolBar(QToolBar):
    """Chooses the module whose panel is shown."""

    moduleSelected = Signal(str)

    def __init__(self, window: qSlicerMainWindow) -> None:
        super().__init__("Module Selection", window)
        self._window = window
        self.setMovable(False)
        self.addWidget(QLabel(" Modules: "))
        self._combo = QComboBox()
        self._combo.setMinimumWidth(260)
        self.addWidget(self._combo)

    def show_module(self, module: Any) -> None:
        """Show which module is chosen."""
        self._combo.clear()
        if module is not None:
            self._combo.addItem(module.icon, module.title)
            self.moduleSelected.emit(module.name)

    def selectModule(self, name: str) -> None:
        self._window.select_module(name)

    selectedModule = Property(str, lambda self: self._window.selected)


@register_stand_in
class qSlicerMainWindow(QMainWindow):
    """As in Slicer, with one module panel at a time."""

    def __init__(self, modules: Any, layout: Any) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer (test host)")
        self.selected = ""
        self._modules = modules
        self._widget: Any = None
        for name in MENUS:
            self.menuBar().addMenu(name)
        self._selector = qSlicerModuleSelectorToolBar(self)
        self.addToolBar(self._selector)
        self.setCentralWidget(layout.viewport_widget)
        self.addDockWidget(Qt.LeftDockWidgetArea, self._panel())
        self.statusBar().setSizeGripEnabled(False)
        self.resize(1600, 900)

    def _panel(self) -> QDockWidget:
        dock = QDockWidget(self)
        dock.setObjectName("PanelDockWidget")
        dock.setTitleBarWidget(QWidget())
        dock.setFeatures(QDockWidget.NoDockWidgetFeatures)
        self._help = ctkCollapsibleButton("Help && Acknowledgement")
        self._help_text = QLabel()
        self._help_text.setWordWrap(True)
        QVBoxLayout(self._help).addWidget(self._help_text)
        self._help.collapsed = True
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        probe = ctkCollapsibleButton("Data Probe")
        probe.collapsed = True
        self._panel_content = QWidget()
        column = QVBoxLayout(self._panel_content)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self._help)
        column.addWidget(self.area, 1)
        column.addWidget(probe)
        dock.setWidget(self._panel_content)
        self._fit_panel()
        return dock

    def _fit_panel(self) -> None:
        """As wide as what is in it needs, so that nothing is cut off at the side."""
        needed = self._widget.minimumSizeHint().width() if self._widget is not None else 0
        around = self.area.verticalScrollBar().sizeHint().width() + 12
        self._panel_content.setFixedWidth(max(PANEL_WIDTH, needed + around))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._widget and event.type() in (QEvent.LayoutRequest, QEvent.Resize):
            self._fit_panel()
        return super().eventFilter(watched, event)

    def moduleSelector(self) -> QToolBar:
        return self._selector

    def select_module(self, name: str) -> None:
        """Leave the module that is shown, and enter another; none for an empty name."""
        if self._widget is not None:
            self._widget.removeEventFilter(self)
            self._widget.exit()
            self.area.takeWidget()
            self._widget = None
        module = self._modules.module(name) if name else None
        self.selected = name if module is not None else ""
        self._selector.show_module(module)
        if module is None:
            return
        self._help_text.setText(f"{module.helpText}\n\n{module.acknowledgementText}")
        self._widget = module.widgetRepresentation()
        self.area.setWidget(self._widget)
        self._widget.installEventFilter(self)
        self._widget.show()
        self._fit_panel()
        self._widget.enter()
