from __future__ import annotations

from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QToolBar

from host.pythonqt.classes import register_stand_in


@register_stand_in
class qSlicerModuleSelectorToolBar(QToolBar):
    moduleSelected = Signal(str)
    _selected = ""

    def __init__(self, window):
        super().__init__(window)
        self._window = window

    def selectModule(self, name):
        self._window.select_module(name)

    selectedModule = Property(str, lambda self: self._selected)


@register_stand_in
class qSlicerMainWindow(QMainWindow):
    def __init__(self, modules, layout):
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self._modules = modules
        self.setCentralWidget(layout.viewport_widget)
        dock = QDockWidget("Modules")
        dock.setObjectName("PanelDockWidget")
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        dock.setWidget(self.area)
        self.addDockWidget(Qt.LeftDockWidgetArea, dock)
        self.selector = qSlicerModuleSelectorToolBar(self)
        self.addToolBar(self.selector)
        self.resize(1280, 800)
        self._current = None

    def moduleSelector(self):
        return self.selector

    def select_module(self, name):
        if self._current is not None:
            self._current.exit()
            self.area.takeWidget()
        self._current = None
        self.selector._selected = name
        module = self._modules.module(name) if name else None
        if module is not None:
            widget = module.widgetRepresentation()
            self.area.setWidget(widget)
            widget.show()
            self._current = widget
            widget.enter()
            self.selector.moduleSelected.emit(name)
