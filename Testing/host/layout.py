from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from host.pythonqt.classes import register_stand_in


@register_stand_in
class qSlicerLayoutManager(QObject):
    def __init__(self, scene, logic):
        super().__init__()
        self._scene = scene
        self._logic = logic
        self.viewport_widget = QWidget()

    def add_view_nodes(self):
        pass

    def render(self):
        pass

    def close(self):
        pass
