"""The nodes of a case that is being made: the synthetic volume, its organs and lesions, the list.

The synthetic volume is a copy of the original, with the same matrix and the same transform above
it. Lesions are written into the boxes of their plans only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from PASTAGenLib.boxes import Box, slices, start_of
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.workbench import Patch
from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.geometry import Geometry
from PASTALib.mrml.bundle import add_report
from PASTALib.mrml.case_desk import segment_ids
from PASTALib.mrml.hierarchy import place_beside
from PASTALib.mrml.labelmaps import LABELMAP, put_region, region_of, voxels_of
from PASTALib.mrml.segmentations import (
    add_empty_segment,
    add_segments,
    fill_segments,
    segment_keys,
)
from PASTALib.mrml.volumes import grid_of, voxels_of_volume
from PASTALib.region import Region
from PASTALib.segments import lesion_segment, list_segments
from PASTALib.synthetic import NODE_ATTRIBUTE, SYNTHETIC

KIND, LIST = "PASTAGen.Kind", "list"
"""Attribute of a text node with a list of lesions."""
ROLES = ("original", "given", "volume", "organs", "lesions")
"""References of the list's text node."""
PREVIEW = "preview"
"""Id of the segment of a lesion that is not kept yet."""


@dataclass(frozen=True)
class BenchNodes:
    """The nodes of one case.

    Attributes:
        original: the CT without lesions; never changed.
        given: segmentation of its organs, as the user gave it.
        volume: the CT with lesions.
        organs: its organs, with the lesions in them.
        lesions: a segment for each lesion.
        text: the list of lesions as JSON; it refers to the others.
    """

    original: Any
    given: Any
    volume: Any
    organs: Any
    lesions: Any
    text: Any

    def write(self, facts: dict[str, Any]) -> None:
        """Keep the list in the scene."""
        self.text.SetText(json.dumps({"synthetic": True, **facts}, indent=1))

    def read(self) -> dict[str, Any]:
        """The list that the scene keeps."""
        facts: dict[str, Any] = json.loads(self.text.GetText())
        return facts

    def remove(self) -> None:
        """Take everything that was added out of the scene; original and organs stay."""
        for node in (self.volume, self.organs, self.lesions, self.text):
            if node.GetScene() is not None:
                node.GetScene().RemoveNode(node)

    # Voxels --------------------------------------------------------------------------------------

    def show(self, boxes: Iterable[Box], patches: Sequence[Patch], labels: sitk.Image) -> None:
        """Bring the voxels of some boxes up to date.

        Args:
            boxes: where something changed, ``z, y, x``.
            patches: of all lesions that are shown, in the order in which they were put in.
            labels: organ labels of the original.
        """
        hu, original = voxels_of_volume(self.volume), voxels_of_volume(self.original)
        given = sitk.GetArrayViewFromImage(labels)
        organs = self._organ_voxels(given.shape)
        if organs is None:  # drawn in, or saved and read again: shared no longer
            fill_organs(self.organs, labels)
            organs, boxes = (
                self._organ_voxels(given.shape),
                [*boxes, *(p.plan.box for p in patches)],
            )
        assert organs is not None
        for box in boxes:
            hu[slices(box)] = original[slices(box)]
            organs[slices(box)] = given[slices(box)]
            for patch in patches:
                shared = _shared(box, patch.plan.box)
                if shared is not None:
                    own = slices(_moved(shared, start_of(patch.plan.box)))
                    changed = patch.changed[own]
                    hu[slices(shared)][changed] = patch.hu[own][changed]
                    organs[slices(shared)] = patch.organs[own]
        slicer.util.arrayFromVolumeModified(self.volume)
        self.organs.Modified()

    def _organ_voxels(self, shape: tuple[int, ...]) -> np.ndarray | None:
        """The label map of the whole CT that all organs share with their catalogue labels, a view;
        None if they do so no longer.
        """
        segmentation, known = self.organs.GetSegmentation(), catalog().structures
        shared = None
        for segment_id, key in segment_keys(self.organs).items():
            segment = segmentation.GetSegment(segment_id)
            labelmap = segment.GetRepresentation(LABELMAP)
            if labelmap is None or shared not in (None, labelmap):
                return None
            if segment.GetLabelValue() != known[key].label:
                return None
            shared = labelmap
        if shared is None or shared.GetDimensions() != shape[::-1]:
            return None
        return voxels_of(shared)

    def segment_ids(self) -> list[str]:
        """Ids of the segments of lesions."""
        return segment_ids(self.lesions)

    def outline(self, segment_id: str, lesion_type: str, region: Region | None) -> None:
        """Make these the voxels of a lesion's segment; None removes it."""
        segmentation = self.lesions.GetSegmentation()
        if region is None:
            segmentation.RemoveSegment(segment_id)
            return
        row = lesion_segment(segment_id, lesion_type)
        segment = segmentation.GetSegment(segment_id)
        if segment is not None and not segment.GetName().endswith(row.name.split(" ", 1)[1]):
            segmentation.RemoveSegment(segment_id)
        if segmentation.GetSegment(segment_id) is None:
            add_empty_segment(self.lesions, row)
        put_region(self.lesions, segment_id, region)
        display = self.lesions.GetDisplayNode()
        if display is not None:
            display.SetSegmentOpacity2DFill(segment_id, 0.0)
            display.SetSegmentOpacity2DOutline(segment_id, 0.6 if segment_id == PREVIEW else 1.0)

    def patch(
        self, plan: InsertionPlan, segment_id: str, truth: dict[str, Any], organs: np.ndarray
    ) -> Patch | None:
        """The patch of a lesion as the scene's own voxels have it; None where they do not.

        `organs` are the catalogue labels of the node `organs`.
        """
        grid = grid_of(self.volume)
        region = region_of(self.lesions, segment_id, grid)
        if region is None or grid.shape_zyx != plan.grid_shape:
            return None
        box = slices(plan.box)
        mask = np.zeros(grid.shape_zyx, bool)
        mask[region.slices] = region.mask
        hu, before = (voxels_of_volume(node)[box].copy() for node in (self.volume, self.original))
        return Patch(plan, hu, hu != before, mask[box], organs[box].copy(), truth)


def fill_organs(node: Any, labels: sitk.Image) -> None:
    """Make the catalogue labels of an image the segments of a node."""
    empty = sitk.Image(labels.GetSize(), sitk.sitkUInt8)
    empty.CopyInformation(labels)
    listed = list_segments(Segmentation(labels, empty, empty))
    fill_segments(node, listed.segments, listed.layers)


def add_bench(original: Any, given: Any, labels: sitk.Image) -> BenchNodes:
    """Add the nodes of a new case to the scene of a CT.

    Args:
        original: the CT.
        given: segmentation of its organs.
        labels: the same as catalogue labels in the geometry of the CT.
    """
    scene, name = original.GetScene(), synthetic_name(original.GetName())
    volume = _copied(scene, original, name)
    organs = add_segments(scene, f"{name} organs", [], [], volume)
    fill_organs(organs, labels)
    lesions = add_segments(scene, f"{name} lesions", [], [], volume)
    organs.GetDisplayNode().SetVisibility(False)
    text = add_report(scene, "{}", f"{name} lesions, as planned", "json")
    text.SetAttribute("PASTA.Report", "plans")
    nodes = BenchNodes(original, given, volume, organs, lesions, text)
    for role in ROLES:
        text.SetNodeReferenceID(role, getattr(nodes, role).GetID())
    text.SetAttribute(KIND, LIST)
    for node in (volume, organs, lesions, text):
        place_beside(node, original)
    return nodes


def synthetic_name(name: str) -> str:
    """What the copy of a volume with lesions in it is called."""
    if name.startswith(SYNTHETIC):
        return f"{name} with lesions"
    return f"{SYNTHETIC} {name}"


def benches_in(scene: Any) -> list[BenchNodes]:
    """The cases in the making of a scene, the latest last; those that lack a node are left out."""
    found = []
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLTextNode")):
        text = scene.GetNthNodeByClass(number, "vtkMRMLTextNode")
        nodes = [text.GetNodeReference(role) for role in ROLES]
        if text.GetAttribute(KIND) == LIST and all(nodes):
            original, given, volume, organs, lesions = nodes
            found.append(BenchNodes(original, given, volume, organs, lesions, text))
    return found


def region_in(patch: Patch, grid: Geometry) -> Region | None:
    """Where a patch has its lesion on the grid of the CT."""
    return Region.of(patch.mask, grid, start_of(patch.plan.box))


def _copied(scene: Any, original: Any, name: str) -> Any:
    """A volume node with a copy of the voxels, in the same place under the same transform."""
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    data = vtk.vtkImageData()
    data.DeepCopy(original.GetImageData())
    volume.SetAndObserveImageData(data)
    matrix = vtk.vtkMatrix4x4()
    original.GetIJKToRASMatrix(matrix)
    volume.SetIJKToRASMatrix(matrix)
    volume.SetAndObserveTransformNodeID(original.GetTransformNodeID())
    volume.SetAttribute(NODE_ATTRIBUTE, "1")
    volume.CreateDefaultDisplayNodes()
    shown, display = original.GetDisplayNode(), volume.GetDisplayNode()
    if shown is not None and display is not None:
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(shown.GetWindow(), shown.GetLevel())
    return volume


def boxes_meet(first: Box, second: Box) -> bool:
    """Whether two boxes have a voxel in common."""
    return _shared(first, second) is not None


def _shared(first: Box, second: Box) -> Box | None:
    """What two boxes have in common."""
    (z, y, x) = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(first, second, strict=True))
    return (z, y, x) if all(low < high for low, high in (z, y, x)) else None


def _moved(box: Box, start: Sequence[int]) -> Box:
    """A box, counted from another voxel."""
    (z, y, x) = ((a - first, b - first) for (a, b), first in zip(box, start, strict=True))
    return z, y, x
