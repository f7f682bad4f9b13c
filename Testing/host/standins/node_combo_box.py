"""``qMRMLNodeComboBox``: the nodes of a scene that are of some classes, one of them chosen."""

from __future__ import annotations

from typing import Any, ClassVar

from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from host.pythonqt.classes import register_stand_in
from host.standins.scene_watch import Watch
from host.standins.stored import stored


@register_stand_in
class qMRMLNodeComboBox(QWidget):
    """As in Slicer: disabled without a scene; takes the first node there is, unless none may be."""

    SIGNALS: ClassVar[dict[str, str]] = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "currentNodeIsThere",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
    }
    currentNodeChanged = Signal(object)
    currentNodeIsThere = Signal(bool)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._node_id = ""
        self._attributes: list[tuple[str, str, Any]] = []
        self._combo = QComboBox()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._combo)
        self._combo.currentIndexChanged.connect(self._chosen)
        self._combo.activated.connect(lambda _: self.nodeActivated.emit(self.currentNode()))
        self._watch = Watch(self, self._refresh)
        self._combo.setEnabled(False)

    def _refresh(self) -> None:
        """Bring the list up to date; the choice stays if its node does."""
        if self._scene is not None and self._scene.IsBatchProcessing():
            return
        nodes = self._nodes()
        self._combo.blockSignals(True)
        self._combo.clear()
        if self.noneEnabled:
            self._combo.addItem(self.noneDisplay, "")
        for node in nodes:
            self._combo.addItem(node.GetName(), node.GetID())
        index = max(self._combo.findData(self._node_id), 0 if self._combo.count() else -1)
        self._combo.setCurrentIndex(index)
        self._combo.blockSignals(False)
        self._chosen(index)

    def _nodes(self) -> list[Any]:
        if self._scene is None:
            return []
        found = []
        for number in range(self._scene.GetNumberOfNodes()):
            node = self._scene.GetNthNode(number)
            if self._fits(node):
                found.append(node)
        return found

    def _fits(self, node: Any) -> bool:
        kinds = [k for k in self.nodeTypes if node.IsA(k)]
        if not kinds or (node.GetHideFromEditors() and not self.showHidden):
            return False
        if not self.showChildNodeTypes and node.GetClassName() not in kinds:
            return False
        if any(node.IsA(kind) for kind in self.hideChildNodeTypes):
            return False
        return all(
            node.GetAttribute(name) is not None
            and (value is None or node.GetAttribute(name) == str(value))
            for kind, name, value in self._attributes
            if kind in kinds
        )

    def _chosen(self, index: int) -> None:
        node_id = self._combo.itemData(index) if index >= 0 else ""
        if (node_id or "") == self._node_id:
            return
        self._node_id = node_id or ""
        node = self.currentNode()
        self._watch.stop()
        self._watch.start_scene(self._scene)
        if node is not None:
            self._watch.start(node)  # its name may change
        self.currentNodeChanged.emit(node)
        self.currentNodeIsThere.emit(node is not None)
        self.currentNodeIDChanged.emit(self._node_id)

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        self._watch.stop()
        self._scene = scene
        self._combo.setEnabled(scene is not None)
        if scene is not None:
            self._watch.start_scene(scene)
        self._refresh()

    def mrmlScene(self) -> Any:
        return self._scene

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._node_id) if self._scene and self._node_id else None

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node if isinstance(node, str) else node.GetID() if node else "")

    def setCurrentNodeID(self, node_id: str) -> None:
        if node_id and self._combo.findData(node_id) < 0:
            self._refresh()
        index = self._combo.findData(node_id or "")
        if index >= 0 or not node_id:
            self._combo.setCurrentIndex(index)

    def setCurrentNodeIndex(self, index: int) -> None:
        self._combo.setCurrentIndex(index + bool(self.noneEnabled))

    def nodeFromIndex(self, index: int) -> Any:
        nodes = self._nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    def nodeCount(self) -> int:
        return len(self._nodes())

    def addAttribute(self, kind: str, name: str, value: Any = None) -> None:
        self._attributes.append((kind, name, value))
        self._refresh()

    def removeAttribute(self, kind: str, name: str) -> None:
        self._attributes = [a for a in self._attributes if a[:2] != (kind, name)]
        self._refresh()

    def addNode(self, kind: str = "") -> Any:
        node = self._scene.AddNewNodeByClass(kind or self.nodeTypes[0], self.baseName)
        self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        if self.currentNode() is not None:
            self._scene.RemoveNode(self.currentNode())

    nodeTypes = stored("QStringList", [], _refresh)
    noneEnabled = stored(bool, False, _refresh)
    noneDisplay = stored(str, "None", _refresh)
    showHidden = stored(bool, False, _refresh)
    showChildNodeTypes = stored(bool, True, _refresh)
    hideChildNodeTypes = stored("QStringList", [], _refresh)
    addEnabled = stored(bool, True)
    removeEnabled = stored(bool, True)
    editEnabled = stored(bool, False)
    renameEnabled = stored(bool, False)
    selectNodeUponCreation = stored(bool, True)
    baseName = stored(str, "")
    interactionNodeSingletonTag = stored(str, "Singleton")
    sizeAdjustPolicy = stored(int, 1)
    currentNodeID = Property(str, lambda self: self._node_id, setCurrentNodeID)
