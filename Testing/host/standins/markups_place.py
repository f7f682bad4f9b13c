"""``qSlicerMarkupsPlaceWidget``: puts Slicer into the mode in which clicks place points."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QToolButton

from host.pythonqt.classes import register_stand_in
from host.standins.mrml_widget import qSlicerWidget
from host.standins.stored import stored


@register_stand_in
class qSlicerMarkupsPlaceWidget(qSlicerWidget):
    activeMarkupsPlaceModeChanged = Signal(bool)
    (
        ShowPlaceMultipleMarkupsOption,
        HidePlaceMultipleMarkupsOption,
        ForcePlaceSingleMarkup,
        ForcePlaceMultipleMarkups,
    ) = range(4)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node_id = ""
        self._place, self._remove = QToolButton(), QToolButton()
        self._place.setText("＋")
        self._place.setCheckable(True)
        self._place.setToolTip("Place a control point")
        self._remove.setText("✕")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._place)
        row.addWidget(self._remove)
        row.addStretch(1)
        self._place.toggled.connect(self.setPlaceModeEnabled)
        self._remove.clicked.connect(self.deleteAllPoints)

    def setCurrentNode(self, node: Any) -> None:
        self._node_id = node.GetID() if node else ""

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._node_id) if self._scene and self._node_id else None

    currentMarkupsNode = currentNode

    def interactionNode(self) -> Any:
        return self._scene.GetNodeByID("vtkMRMLInteractionNodeSingleton")

    def selectionNode(self) -> Any:
        return self._scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")

    def _place_mode(self) -> bool:
        node = self.currentNode()
        if node is None or self.interactionNode() is None:
            return False
        placing = (
            self.interactionNode().GetCurrentInteractionMode()
            == slicer.vtkMRMLInteractionNode.Place
        )
        return placing and self.selectionNode().GetActivePlaceNodeID() == self._node_id

    def setPlaceModeEnabled(self, enabled: bool) -> None:
        node = self.currentNode()
        if node is None or enabled == self._place_mode():
            return
        if enabled:
            self.selectionNode().SetReferenceActivePlaceNodeClassName(node.GetClassName())
            self.selectionNode().SetActivePlaceNodeID(self._node_id)
            self.interactionNode().SetPlaceModePersistence(self.placeModePersistency)
            self.interactionNode().SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
        else:
            self.interactionNode().SetCurrentInteractionMode(
                slicer.vtkMRMLInteractionNode.ViewTransform
            )
        self._place.setChecked(enabled)
        self.activeMarkupsPlaceModeChanged.emit(enabled)

    placeModeEnabled = Property(bool, _place_mode, setPlaceModeEnabled)
    placeModePersistency = stored(bool, False)
    placeMultipleMarkups = stored(int, 0)
    buttonsVisible = stored(
        bool,
        True,
        lambda self: [b.setVisible(self.buttonsVisible) for b in (self._place, self._remove)],
    )
    deleteAllControlPointsOptionVisible = stored(
        bool, True, lambda self: self._remove.setVisible(self.deleteAllControlPointsOptionVisible)
    )
    nodeColor = stored(QColor, QColor())
    defaultNodeColor = stored(QColor, QColor())

    def setPlaceModePersistency(self, persistent: bool) -> None:
        self.placeModePersistency = persistent

    def placeButton(self) -> QToolButton:
        return self._place

    def deleteButton(self) -> QToolButton:
        return self._remove

    def deleteAllPoints(self, *_: Any) -> None:
        if self.currentNode() is not None:
            self.currentNode().RemoveAllControlPoints()

    def deleteLastPoint(self) -> None:
        node = self.currentNode()
        if node is not None and node.GetNumberOfControlPoints():
            node.RemoveNthControlPoint(node.GetNumberOfControlPoints() - 1)
