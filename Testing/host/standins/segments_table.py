"""``qMRMLSegmentsTableView``, the button for 3D and the selector: what a segmentation holds."""

from __future__ import annotations

from typing import Any, ClassVar

import slicer
from PySide6.QtCore import Property, QItemSelection, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from host.pythonqt.classes import register_stand_in
from host.standins.buttons import ctkMenuButton
from host.standins.mrml_widget import qMRMLWidget
from host.standins.node_combo_box import qMRMLNodeComboBox
from host.standins.scene_watch import Watch
from host.standins.stored import stored

_COLUMNS = ("", "Color", "Opacity", "Name")


def segments_of(node: Any) -> list[tuple[str, Any]]:
    """Segment ids and segments of a segmentation node."""
    if node is None:
        return []
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())]
    return [(segment_id, segmentation.GetSegment(segment_id)) for segment_id in ids]


@register_stand_in
class qMRMLSegmentsTableView(qMRMLWidget):
    selectionChanged = Signal(QItemSelection, QItemSelection)
    segmentAboutToBeModified = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        for column in range(3):
            header.setSectionResizeMode(column, QHeaderView.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.Stretch)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.table)
        self.table.selectionModel().selectionChanged.connect(self.selectionChanged)
        self._watch = Watch(self, self._refresh)

    def setSegmentationNode(self, node: Any) -> None:
        self._watch.stop()
        self._node = node
        if node is not None:
            kinds = ("SegmentAdded", "SegmentRemoved", "SegmentModified", "SegmentsOrderModified")
            self._watch.start(
                node.GetSegmentation(), *(getattr(slicer.vtkSegmentation, k) for k in kinds)
            )
            self._watch.start(node)
        self._refresh()

    def segmentationNode(self) -> Any:
        return self._node

    def _refresh(self) -> None:
        chosen = self.selectedSegmentIDs()
        rows = [
            r for r in segments_of(self._node) if self.textFilter.lower() in r[1].GetName().lower()
        ]
        self.table.blockSignals(True)
        self.table.setRowCount(len(rows))
        display = self._node.GetDisplayNode() if self._node else None
        for row, (segment_id, segment) in enumerate(rows):
            shown = display is None or display.GetSegmentVisibility(segment_id)
            opacity = display.GetSegmentOpacity3D(segment_id) if display else 1.0
            cells = ("●" if shown else "○", "", f"{opacity:.2f}", segment.GetName())
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setData(Qt.UserRole, segment_id)
                self.table.setItem(row, column, item)
            self.table.item(row, 1).setBackground(QColor.fromRgbF(*segment.GetColor()))
        self.table.blockSignals(False)
        if chosen:
            self.setSelectedSegmentIDs(chosen)

    def displayedSegmentIDs(self) -> list[str]:
        return [self.table.item(r, 3).data(Qt.UserRole) for r in range(self.table.rowCount())]

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [self.table.item(r, 3).data(Qt.UserRole) for r in rows if self.table.item(r, 3)]

    def setSelectedSegmentIDs(self, ids: list[str]) -> None:
        if list(ids) == self.selectedSegmentIDs():
            return
        self.table.clearSelection()
        for row, segment_id in enumerate(self.displayedSegmentIDs()):
            if segment_id in ids:
                self.table.selectRow(row)

    def clearSelection(self) -> None:
        self.table.clearSelection()

    def tableWidget(self) -> QTableWidget:
        return self.table

    def setSelectionMode(self, mode: Any) -> None:
        self.table.setSelectionMode(QAbstractItemView.SelectionMode(mode))

    def _column(name: str, column: int) -> Property:
        return stored(
            bool,
            True,
            lambda self: self.table.setColumnHidden(column, not getattr(self, name)),
        )

    visibilityColumnVisible = _column("visibilityColumnVisible", 0)
    colorColumnVisible = _column("colorColumnVisible", 1)
    opacityColumnVisible = _column("opacityColumnVisible", 2)
    statusColumnVisible = stored(bool, True)
    layerColumnVisible = stored(bool, False)
    readOnly = stored(bool, False)
    filterBarVisible = stored(bool, False)
    jumpToSelectedSegmentEnabled = stored(bool, False)
    headerVisible = stored(
        bool, True, lambda self: self.table.horizontalHeader().setVisible(self.headerVisible)
    )
    textFilter = stored(str, "", _refresh)
    selectionMode = Property(int, lambda self: self.table.selectionMode().value, setSelectionMode)
    segmentCount = Property(int, lambda self: len(segments_of(self._node)))


@register_stand_in
class qMRMLSegmentationShow3DButton(ctkMenuButton):
    """Makes the closed surface when pressed, and not before."""

    locked = stored(bool, False)
    _node: Any = None

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setText("Show 3D")
        self.setCheckable(True)
        self.setEnabled(False)
        self.toggled.connect(self._show)

    def _show(self, shown: bool) -> None:
        if self._node is None:
            return
        if shown:
            self._node.CreateClosedSurfaceRepresentation()
            self._node.GetDisplayNode().SetPreferredDisplayRepresentationName3D("Closed surface")
        else:
            self._node.RemoveClosedSurfaceRepresentation()

    def setSegmentationNode(self, node: Any) -> None:
        self._node = node
        self.setEnabled(node is not None)
        has = node is not None and node.GetSegmentation().ContainsRepresentation("Closed surface")
        self.blockSignals(True)
        self.setChecked(has)
        self.blockSignals(False)

    def segmentationNode(self) -> Any:
        return self._node

    def setLocked(self, locked: bool) -> None:
        self.locked = locked


@register_stand_in
class qMRMLSegmentSelectorWidget(qMRMLWidget):
    """A segmentation and one of its segments."""

    SIGNALS: ClassVar[dict[str, str]] = {
        **qMRMLWidget.SIGNALS,
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
    }
    currentNodeChanged = Signal(object)
    currentSegmentChanged = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._nodes, self._segments = qMRMLNodeComboBox(), QComboBox()
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._nodes)
        box.addWidget(self._segments)
        self.mrmlSceneChanged.connect(self._nodes.setMRMLScene)
        self._nodes.currentNodeChanged.connect(self._changed)
        self._segments.currentIndexChanged.connect(
            lambda _: self.currentSegmentChanged.emit(self.currentSegmentID())
        )

    def _changed(self, node: Any) -> None:
        self._segments.clear()
        for segment_id, segment in segments_of(node):
            self._segments.addItem(segment.GetName(), segment_id)
        self.currentNodeChanged.emit(node)

    noneEnabled = stored(
        bool, False, lambda self: setattr(self._nodes, "noneEnabled", self.noneEnabled)
    )
    editEnabled = stored(bool, False)
    segmentationNodeSelectorVisible = stored(
        bool, True, lambda self: self._nodes.setVisible(self.segmentationNodeSelectorVisible)
    )
    multiSelection = stored(bool, False)
    horizontalLayout = stored(bool, False)
    selectNodeUponCreation = stored(bool, True)

    def currentNode(self) -> Any:
        return self._nodes.currentNode()

    def setCurrentNode(self, node: Any) -> None:
        self._nodes.setCurrentNode(node)

    def currentNodeID(self) -> str:
        return self._nodes.currentNodeID

    def setCurrentNodeID(self, node_id: str) -> None:
        self._nodes.setCurrentNodeID(node_id)

    def currentSegmentID(self) -> str:
        return self._segments.currentData() or ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self._segments.setCurrentIndex(self._segments.findData(segment_id))
