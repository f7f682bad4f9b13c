"""Subject hierarchy: new nodes get an item, as the application's plug-ins see to in Slicer."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

SHOWN = (
    "vtkMRMLVolumeNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLModelNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLTransformNode",
)
"""Kinds of nodes that have an item."""


class Items:
    """Adds and removes items with the nodes of a scene."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        events = slicer.vtkMRMLScene
        self._tags = [
            scene.AddObserver(events.NodeAddedEvent, self._added),
            scene.AddObserver(events.NodeAboutToBeRemovedEvent, self._removed),
            scene.AddObserver(events.EndCloseEvent, self._closed),
        ]

    def _tree(self) -> Any:
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _added(self, _scene: Any, _event: Any, node: Any) -> None:
        if node.GetHideFromEditors() or not any(node.IsA(kind) for kind in SHOWN):
            return
        tree = self._tree()
        if not tree.GetItemByDataNode(node):
            tree.CreateItem(tree.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _removed(self, _scene: Any, _event: Any, node: Any) -> None:
        if not any(node.IsA(kind) for kind in SHOWN) or self._scene.IsClosing():
            return
        item = self._tree().GetItemByDataNode(node)
        if item:
            self._tree().RemoveItem(item, False, False)

    def _closed(self, *_: Any) -> None:
        self._tree().RemoveAllItems(False)

    def stop(self) -> None:
        """Leave the scene alone from now on."""
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
