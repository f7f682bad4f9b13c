"""``qMRMLSegmentEditorWidget``: the segment editor to embed, with Slicer's own history for undo."""

from __future__ import annotations

from typing import Any, ClassVar

import slicer
from PySide6.QtCore import Property, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from host.pythonqt.classes import register_stand_in
from host.standins import segment_effects
from host.standins.effect_icons import effect_icon
from host.standins.mrml_widget import qMRMLWidget
from host.standins.node_combo_box import qMRMLNodeComboBox
from host.standins.scene_watch import Watch
from host.standins.segments_table import (
    qMRMLSegmentationShow3DButton,
    qMRMLSegmentsTableView,
    segments_of,
)
from host.standins.stored import stored


@register_stand_in
class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Edits what its segment-editor node refers to; without such a node it is disabled."""

    SIGNALS: ClassVar[dict[str, str]] = {
        **qMRMLWidget.SIGNALS,
        "segmentationNodeChanged(vtkMRMLSegmentationNode*)": "segmentationNodeChanged",
        "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged",
    }
    currentSegmentIDChanged = Signal(str)
    segmentationNodeChanged = Signal(object)
    sourceVolumeNodeChanged = Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._shortcuts: list[QShortcut] = []
        self._effect: Any = None
        self._history = slicer.vtkSegmentationHistory()
        self._seen = ("", "", "")
        self._effects = {
            name: segment_effects.qSlicerSegmentEditorAbstractEffect(name, self)
            for name in segment_effects.NAMES
        }
        self._watch = Watch(self, self.updateWidgetFromMRML)
        self._build()

    def _build(self) -> None:
        self._nodes, self._volumes = qMRMLNodeComboBox(), qMRMLNodeComboBox()
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._volumes.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        for combo in (self._nodes, self._volumes):
            combo.noneEnabled = True
            self.mrmlSceneChanged.connect(combo.setMRMLScene)
        self._table, self._show3d = qMRMLSegmentsTableView(), qMRMLSegmentationShow3DButton()
        self._add, self._remove = QPushButton("Add"), QPushButton("Remove")
        self._add_remove = QWidget()
        row = QHBoxLayout(self._add_remove)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self._add, self._remove, self._show3d):
            row.addWidget(button)
        self._buttons = QWidget()
        self._grid = QGridLayout(self._buttons)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._tool_buttons = {name: self._tool(name) for name in ("None", *self._effects)}
        self._undo, self._redo = QPushButton("Undo"), QPushButton("Redo")
        history = QHBoxLayout()
        history.addWidget(self._undo)
        history.addWidget(self._redo)
        history.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        for part in (self._nodes, self._volumes, self._add_remove, self._table, self._buttons):
            box.addWidget(part)
        box.addLayout(history)
        self._lay_out_effects()
        self._table.selectionChanged.connect(self._table_selected)
        self._undo.clicked.connect(self.undo)
        self._redo.clicked.connect(self.redo)
        self.setEnabled(False)

    def _tool(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setAutoExclusive(True)
        button.setIcon(effect_icon(name))
        button.setIconSize(QSize(22, 22))
        button.setToolTip(name)
        button.clicked.connect(
            lambda *_: self.setActiveEffectByName("" if name == "None" else name)
        )
        return button

    def _lay_out_effects(self) -> None:
        columns = self.effectColumnCount
        for index, name in enumerate(self._tool_buttons):
            button = self._tool_buttons[name]
            button.setVisible(
                name == "None" or name in self.effectNameOrder() or self.unorderedEffectsVisible
            )
            self._grid.addWidget(button, index // columns, index % columns, Qt.AlignLeft)

    # The node that says what is edited.

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self._watch.stop()
        self._node = node
        self.setEnabled(node is not None and self._scene is not None)
        if node is not None:
            self._watch.start(node)
        self.updateWidgetFromMRML()

    def mrmlSegmentEditorNode(self) -> Any:
        return self._node

    def updateWidgetFromMRML(self) -> None:
        segmentation, volume = self.segmentationNode(), self.sourceVolumeNode()
        seen = (
            segmentation.GetID() if segmentation else "",
            volume.GetID() if volume else "",
            self.currentSegmentID(),
        )
        before, self._seen = self._seen, seen
        if seen[0] != before[0]:
            self._history.SetSegmentation(segmentation.GetSegmentation() if segmentation else None)
            self._table.setSegmentationNode(segmentation)
            self._show3d.setSegmentationNode(segmentation)
            self._nodes.setCurrentNode(segmentation)
            self.segmentationNodeChanged.emit(segmentation)
        if seen[1] != before[1]:
            self._volumes.setCurrentNode(volume)
            self.sourceVolumeNodeChanged.emit(volume)
        if seen[2] != before[2]:
            self._table.setSelectedSegmentIDs([seen[2]] if seen[2] else [])
            self.currentSegmentIDChanged.emit(seen[2])

    def _table_selected(self, *_: Any) -> None:
        chosen = self._table.selectedSegmentIDs()
        if chosen and self._node is not None:
            self._node.SetSelectedSegmentID(chosen[0])

    def setSegmentationNode(self, node: Any) -> None:
        if self._node is None:
            return
        self._node.SetAndObserveSegmentationNode(node)
        ids = [segment_id for segment_id, _ in segments_of(node)]
        if self._node.GetSelectedSegmentID() not in ids:
            self._node.SetSelectedSegmentID(ids[0] if ids else "")
        self.updateWidgetFromMRML()

    def setSegmentationNodeID(self, node_id: str) -> None:
        self.setSegmentationNode(self._scene.GetNodeByID(node_id) if node_id else None)

    def segmentationNode(self) -> Any:
        return self._node.GetSegmentationNode() if self._node else None

    def segmentationNodeID(self) -> str:
        return self.segmentationNode().GetID() if self.segmentationNode() else ""

    def setSourceVolumeNode(self, node: Any) -> None:
        if self._node is not None:
            self._node.SetAndObserveSourceVolumeNode(node)
            self.updateWidgetFromMRML()

    def setSourceVolumeNodeID(self, node_id: str) -> None:
        self.setSourceVolumeNode(self._scene.GetNodeByID(node_id) if node_id else None)

    def sourceVolumeNode(self) -> Any:
        return self._node.GetSourceVolumeNode() if self._node else None

    def sourceVolumeNodeID(self) -> str:
        return self.sourceVolumeNode().GetID() if self.sourceVolumeNode() else ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        if self._node is not None:
            self._node.SetSelectedSegmentID(segment_id)
            self.updateWidgetFromMRML()

    def currentSegmentID(self) -> str:
        return (self._node.GetSelectedSegmentID() or "") if self._node else ""

    # Effects.

    def availableEffectNames(self) -> list[str]:
        return list(self._effects)

    def effectByName(self, name: str) -> Any:
        return self._effects.get(name)

    def effectCount(self) -> int:
        return len(self._effects)

    def activeEffect(self) -> Any:
        return self._effect

    def setActiveEffect(self, effect: Any) -> None:
        self._effect = effect
        name = effect.name if effect is not None else ""
        self._tool_buttons[name or "None"].setChecked(True)
        if self._node is not None:
            self._node.SetActiveEffectName(name)

    def setActiveEffectByName(self, name: str) -> None:
        self.setActiveEffect(self._effects.get(name))

    def setEffectNameOrder(self, names: list[str]) -> None:
        self._order = list(names)
        self._lay_out_effects()

    def effectNameOrder(self) -> list[str]:
        return getattr(self, "_order", list(self._effects))

    def setEffectColumnCount(self, count: int) -> None:
        self.effectColumnCount = count

    def setEffectButtonStyle(self, style: Any) -> None:
        self.effectButtonStyle = style

    # Undo.

    def saveStateForUndo(self) -> None:
        if self.segmentationNode() is not None:
            self._history.SaveState()

    def undo(self) -> None:
        self._history.RestorePreviousState()

    def redo(self) -> None:
        self._history.RestoreNextState()

    # Shortcuts and views.

    def installKeyboardShortcuts(self, widget: Any = None) -> None:
        self.uninstallKeyboardShortcuts()
        for index in range(1, 10):
            names = self.effectNameOrder()
            if index <= len(names):
                shortcut = QShortcut(QKeySequence(str(index)), widget or self.window())
                shortcut.activated.connect(
                    lambda name=names[index - 1]: self.setActiveEffectByName(name)
                )
                self._shortcuts.append(shortcut)
        for key, action in (("z", self.undo), ("y", self.redo)):
            shortcut = QShortcut(QKeySequence(key), widget or self.window())
            shortcut.activated.connect(action)
            self._shortcuts.append(shortcut)

    def uninstallKeyboardShortcuts(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts.clear()

    def setupViewObservations(self) -> None:
        """Nothing to observe: effects do not act on the views of the host."""

    def removeViewObservations(self) -> None:
        """See `setupViewObservations`."""

    def _part(name: str, part: str) -> Property:
        return stored(bool, True, lambda self: getattr(self, part).setVisible(getattr(self, name)))

    segmentationNodeSelectorVisible = _part("segmentationNodeSelectorVisible", "_nodes")
    sourceVolumeNodeSelectorVisible = _part("sourceVolumeNodeSelectorVisible", "_volumes")
    addRemoveSegmentButtonsVisible = _part("addRemoveSegmentButtonsVisible", "_add_remove")
    show3DButtonVisible = _part("show3DButtonVisible", "_show3d")
    switchToSegmentationsButtonVisible = stored(bool, True)
    maskingSectionVisible = stored(bool, True)
    specifyGeometryButtonVisible = stored(bool, True)
    autoShowSourceVolumeNode = stored(bool, True)
    jumpToSelectedSegmentEnabled = stored(bool, False)
    readOnly = stored(bool, False)
    undoEnabled = stored(bool, True)
    unorderedEffectsVisible = stored(bool, True, _lay_out_effects)
    effectButtonStyle = stored(int, 0)
    effectColumnCount = stored(int, 8, _lay_out_effects)
    maximumNumberOfUndoStates = stored(
        int, 10, lambda self: self._history.SetMaximumNumberOfStates(self.maximumNumberOfUndoStates)
    )
    defaultTerminologyEntry = stored(str, "")
    defaultTerminologyEntrySettingsKey = stored(str, "")

    def setUndoEnabled(self, enabled: bool) -> None:
        self.undoEnabled = enabled

    def setMaximumNumberOfUndoStates(self, count: int) -> None:
        self.maximumNumberOfUndoStates = count

    def setSegmentationNodeSelectorVisible(self, shown: bool) -> None:
        self.segmentationNodeSelectorVisible = shown

    def setSourceVolumeNodeSelectorVisible(self, shown: bool) -> None:
        self.sourceVolumeNodeSelectorVisible = shown

    def setAddRemoveSegmentButtonsVisible(self, shown: bool) -> None:
        self.addRemoveSegmentButtonsVisible = shown

    def setShow3DButtonVisible(self, shown: bool) -> None:
        self.show3DButtonVisible = shown

    def setSwitchToSegmentationsButtonVisible(self, shown: bool) -> None:
        self.switchToSegmentationsButtonVisible = shown

    def setMaskingSectionVisible(self, shown: bool) -> None:
        self.maskingSectionVisible = shown

    def setSpecifyGeometryButtonVisible(self, shown: bool) -> None:
        self.specifyGeometryButtonVisible = shown

    def setReadOnly(self, read_only: bool) -> None:
        self.readOnly = read_only
