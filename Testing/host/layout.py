"""``slicer.app.layoutManager()``: four views, or one of them alone."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, QObject, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from host.pythonqt.classes import register_stand_in
from host.standins.scene_watch import Watch
from host.views.slice_view import qMRMLSliceWidget
from host.views.threed_view import qMRMLThreeDWidget

SLICES = {"Red": (0, 0), "Green": (1, 0), "Yellow": (1, 1)}
"""Slice views, and row and column of each in the layout of four."""


@register_stand_in
class qSlicerLayoutManager(QObject):
    """The views. A layout shows those that it maps, in the places that the layout of four has."""

    layoutChanged = Signal(int)

    def __init__(self, scene: Any, application_logic: Any) -> None:
        super().__init__()
        self._application_logic = application_logic
        self._scene = scene
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLScene(scene)  # makes the nodes of the views that its layouts have
        self._logic.GetLayoutNode().SetViewArrangement(
            slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
        )
        self._slices = {name: qMRMLSliceWidget(name, scene, application_logic) for name in SLICES}
        self._three_d = qMRMLThreeDWidget("1", scene, application_logic)
        self.viewport_widget = QWidget()
        grid = QGridLayout(self.viewport_widget)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for name, place in SLICES.items():
            grid.addWidget(self._slices[name], *place)
        grid.addWidget(self._three_d, 0, 1)
        for index in (0, 1):
            grid.setRowStretch(index, 1)
            grid.setColumnStretch(index, 1)
        self._watch = Watch(self, self._arrange)
        self._watch.start(self._logic.GetLayoutNode())
        self._arrange()

    def _arrange(self) -> None:
        shown = self._logic.GetViewNodes()
        for widget in (*self._slices.values(), self._three_d):
            mapped = bool(shown.IsItemPresent(widget.view_node()))
            widget.view_node().SetMappedInLayout(mapped)
            widget.setVisible(mapped)

    def setLayout(self, layout: int) -> None:
        node = self._logic.GetLayoutNode()
        if layout != node.GetViewArrangement():
            node.SetViewArrangement(layout)
            self._arrange()  # the logic has set up the views only now
            self.layoutChanged.emit(layout)

    layout = Property(int, lambda self: self._logic.GetLayoutNode().GetViewArrangement(), setLayout)
    threeDViewCount = Property(int, lambda self: 1)

    def layoutLogic(self) -> Any:
        return self._logic

    def sliceViewNames(self) -> list[str]:
        return list(self._slices)

    def sliceWidget(self, name: str) -> Any:
        return self._slices.get(name)

    def threeDWidget(self, number: int) -> Any:
        return self._three_d if number == 0 else None

    def mrmlSliceLogics(self) -> Any:
        return self._application_logic.GetSliceLogics()

    def mrmlScene(self) -> Any:
        return self._scene

    def viewport(self) -> Any:
        return self.viewport_widget

    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        self._three_d.threeDView().resetFocalPoint()

    def render(self) -> None:
        """Draw the views that are shown."""
        for widget in (*self._slices.values(), self._three_d):
            if widget.isVisible():
                widget.draw()

    def finish(self) -> None:
        """Let go of the scene."""
        self._watch.stop()
        self._logic.SetMRMLScene(None)
        for widget in (*self._slices.values(), self._three_d):
            widget.finish()
        self._application_logic.GetSliceLogics().RemoveAllItems()
        self._application_logic.GetViewLogics().RemoveAllItems()
