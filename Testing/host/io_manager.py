"""``slicer.app.coreIOManager()``: reads and writes the kinds of files that our modules use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from PySide6.QtCore import QObject

from host.pythonqt.classes import register_stand_in


@register_stand_in
class qSlicerIOManager(QObject):
    def __init__(self, scene: Any, logics: dict[str, Any]) -> None:
        super().__init__()
        self._scene, self._logics = scene, logics

    def loadNodes(self, file_type: str, properties: Any, loaded: Any, messages: Any = None) -> bool:
        """Load a file; the nodes are added to the collection `loaded`."""
        name = str(properties["fileName"])
        if not Path(name).exists():
            return False
        read = {
            "VolumeFile": self._volume,
            "SegmentationFile": self._segmentation,
            "SceneFile": self._load_scene,
        }.get(str(file_type))
        if read is None:
            raise NotImplementedError(f"the test host reads no {file_type}; see host/io_manager.py")
        node = read(name, properties)
        if node is None:
            return False
        if loaded is not None and not isinstance(node, bool):
            loaded.AddItem(node)
        return True

    def _volume(self, name: str, properties: dict[str, Any]) -> Any:
        title = properties.get("name") or Path(name).name.split(".")[0]
        options = 1 if properties.get("labelmap") else 0
        node = self._logics["Volumes"].AddArchetypeVolume(name, title, options)
        if node is not None and properties.get("show", True):
            selection = self._scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
            selection.SetActiveVolumeID(node.GetID())
            slicer.app.applicationLogic().PropagateVolumeSelection()
        return node

    def _segmentation(self, name: str, properties: dict[str, Any]) -> Any:
        node = self._scene.AddNewNodeByClass(
            "vtkMRMLSegmentationNode", Path(name).name.split(".")[0]
        )
        node.CreateDefaultDisplayNodes()
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(name)
        if not node.GetStorageNode().ReadData(node):
            self._scene.RemoveNode(node)
            return None
        return node

    def _load_scene(self, name: str, properties: dict[str, Any]) -> bool | None:
        if properties.get("clear", False):
            self._scene.Clear(0)
        if name.endswith(".mrb"):
            return (
                bool(self._scene.ReadFromMRB(name, False, slicer.vtkMRMLMessageCollection()))
                or None
            )
        self._scene.SetURL(name)
        return bool(self._scene.Import()) or None

    def saveNodes(self, file_type: str, properties: Any, messages: Any = None) -> bool:
        """Save a node to its file."""
        if str(file_type) == "SceneFile":
            return self.saveScene(properties["fileName"])
        node = self._scene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(str(properties["fileName"]))
        node.GetStorageNode().SetUseCompression(int(properties.get("useCompression", 1)))
        return bool(node.GetStorageNode().WriteData(node))

    def saveScene(self, name: str, picture: Any = None, messages: Any = None) -> bool:
        """Save the scene as ``.mrb`` or ``.mrml``."""
        if str(name).endswith(".mrb"):
            return bool(self._scene.WriteToMRB(str(name), None, slicer.vtkMRMLMessageCollection()))
        self._scene.SetURL(str(name))
        return bool(self._scene.Commit(str(name)))

    def fileWriterFileType(self, node: Any) -> str:
        return "SegmentationFile" if node.IsA("vtkMRMLSegmentationNode") else "VolumeFile"

    def fileType(self, name: str) -> str:
        kinds = {".seg.nrrd": "SegmentationFile", ".mrb": "SceneFile", ".mrml": "SceneFile"}
        return next((kind for end, kind in kinds.items() if name.endswith(end)), "VolumeFile")
