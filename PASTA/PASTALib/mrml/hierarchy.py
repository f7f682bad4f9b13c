"""Where nodes appear in Slicer's subject hierarchy: beside the CT, under its study."""

from __future__ import annotations

from typing import Any

import slicer


def place_beside(node: Any, volume: Any) -> None:
    """Put a node under the study of a volume, so that both are found and exported together."""
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volume.GetScene())
    if tree is None:
        return
    parent = tree.GetItemParent(_item(tree, volume))
    tree.SetItemParent(_item(tree, node), parent)


def _item(tree: Any, node: Any) -> int:
    """The node's item. Slicer makes it when the node is added; the package slicer-core does not."""
    known = tree.GetItemByDataNode(node)
    return known or tree.CreateItem(tree.GetSceneItemID(), node)
