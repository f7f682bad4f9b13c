"""How a case in the making is looked at: with and without lesions, the difference, in 3D."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.boxes import Box, slices
from PASTALib.geometry import as_index
from PASTALib.mrml.volumes import add_volume, grid_of, voxels_of_volume

if TYPE_CHECKING:
    from PASTAGenLib.mrml.bench_nodes import BenchNodes

DIFFERENCE = "SYNTHETIC difference"
LEAST_HU = 3
"""A smaller difference is not colored."""
MOST_HU = 150
OPACITY = 0.6
RAINBOW = "vtkMRMLColorTableNodeRainbow"


def show_without(nodes: BenchNodes, without: bool) -> None:
    """Show the CT without its lesions, or with them again."""
    old, new = nodes.original, nodes.volume
    if without:
        old, new = new, old
    swap_background(nodes.volume.GetScene(), old, new)
    display = nodes.lesions.GetDisplayNode()
    if display is not None:
        display.SetVisibility(not without)


def swap_background(scene: Any, old: Any, new: Any) -> None:
    """Show another volume where one is shown; zoom and place of the slices stay."""
    for composite in _composites(scene):
        if composite.GetBackgroundVolumeID() == old.GetID():
            composite.SetBackgroundVolumeID(new.GetID())


def show_difference(nodes: BenchNodes, boxes: Iterable[Box]) -> None:
    """Color what the lesions changed, over the slices; only their boxes are looked at."""
    scene, boxes = nodes.volume.GetScene(), list(boxes)
    hide_difference(scene)
    if not boxes:
        return
    low = np.min([[side[0] for side in box] for box in boxes], axis=0)
    high = np.max([[side[1] for side in box] for box in boxes], axis=0)
    (z, y, x) = zip(low.tolist(), high.tolist(), strict=True)
    box = slices((z, y, x))
    after = voxels_of_volume(nodes.volume)[box].astype(np.int32)
    change = np.abs(after - voxels_of_volume(nodes.original)[box]).astype(np.int16)
    part = grid_of(nodes.volume).cropped((as_index(low[::-1]), as_index(high[::-1])))
    volume = add_volume(scene, part.place(sitk.GetImageFromArray(change)), DIFFERENCE)
    volume.SetSaveWithScene(False)
    display = volume.GetDisplayNode()
    display.SetSaveWithScene(False)
    if scene.GetNodeByID(RAINBOW) is not None:
        display.SetAndObserveColorNodeID(RAINBOW)
    display.SetWindowLevelMinMax(0, MOST_HU)
    display.SetThreshold(LEAST_HU, 4096)
    display.SetApplyThreshold(True)
    for composite in _composites(scene):
        composite.SetForegroundVolumeID(volume.GetID())
        composite.SetForegroundOpacity(OPACITY)


def hide_difference(scene: Any) -> None:
    """Take the colors away again."""
    node = scene.GetFirstNodeByName(DIFFERENCE)
    if node is None:
        return
    for composite in _composites(scene):
        if composite.GetForegroundVolumeID() == node.GetID():
            composite.SetForegroundVolumeID(None)
    scene.RemoveNode(node)


def show_3d(nodes: BenchNodes, shown: bool) -> None:
    """Make surfaces of the lesions, or remove them."""
    if shown:
        nodes.lesions.CreateClosedSurfaceRepresentation()
    else:
        nodes.lesions.RemoveClosedSurfaceRepresentation()


def _composites(scene: Any) -> list[Any]:
    found = scene.GetNodesByClass("vtkMRMLSliceCompositeNode")
    return [found.GetItemAsObject(number) for number in range(found.GetNumberOfItems())]
