"""Organs of a segmentation node on the grid of a CT, wherever the segmentation lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
import vtk

from PASTALib.bending import LabelPart, LabelParts, Warp
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.mrml.bent import field_in_steps, is_bent
from PASTALib.mrml.labelmaps import CLOSED_SURFACE, LABELMAP, voxels_of
from PASTALib.mrml.segmentations import segment_keys
from PASTALib.mrml.volumes import FLIP, geometry_of_matrix, grid_of, matrix_of
from PASTALib.steps import Steps, finished


def organ_map(node: Any, volume: Any) -> sitk.Image:
    """Organs of a segmentation node as catalogue labels in the geometry of a volume node.

    Blocks until it is done; the panels hand `organs_in_steps` to the worker instead.

    Raises:
        PastaError: see `organs_in_steps`.
    """
    grid = grid_of(volume)
    return finished(organs_in_steps(node, grid)).on(grid)


def organs_in_steps(node: Any, grid: Geometry) -> Steps[LabelParts]:
    """The organs of a segmentation node, by catalogue labels, and where they lie in the world.

    A segment is known by its tag `KEY_TAG`, else by its id, else by its name (``Left kidney`` or
    ``kidney_left``); segments that the catalogue does not know as structures are left out.

    Args:
        node: segmentation node, under a transform of any kind.
        grid: where they are wanted.

    Raises:
        PastaError: no segment is a structure of the catalogue, or one is a surface only.
    """
    parts = organ_parts(node)
    warp = (yield from field_in_steps(node, grid)) if is_bent(node) else _to_node(node)
    return LabelParts(parts, warp)


def lie_on(node: Any, grid: Geometry) -> bool:
    """Whether the voxels of all organs of a segmentation node are voxels of a grid."""
    if is_bent(node):
        return False
    warp = _to_node(node)
    return all(part.offset_in(grid, warp) is not None for part in organ_parts(node))


def organ_parts(node: Any) -> tuple[LabelPart, ...]:
    """The label maps of a segmentation node that hold organs, before its transform; views."""
    known = catalog().structures
    wanted = {item: known[key].label for item, key in segment_keys(node).items() if key in known}
    if not wanted:
        raise PastaError(
            f"The segmentation '{node.GetName()}' has no organ that PASTA knows; name its "
            "segments as in the catalogue, such as 'liver' or 'kidney_left'."
        )
    labels: dict[Any, dict[int, int]] = {}
    for segment_id, label in wanted.items():
        segment = node.GetSegmentation().GetSegment(segment_id)
        labelmap = segment.GetRepresentation(LABELMAP)
        if labelmap is not None and labelmap.GetNumberOfPoints() > 0:
            labels.setdefault(labelmap, {})[segment.GetLabelValue()] = label
        elif labelmap is None and segment.GetRepresentation(CLOSED_SURFACE) is not None:
            raise PastaError(
                f"The segment '{segment.GetName()}' has no label map; make one in the module "
                "Segmentations."
            )
    return tuple(_part(labelmap, values) for labelmap, values in labels.items())


def _part(labelmap: Any, labels: dict[int, int]) -> LabelPart:
    voxels = voxels_of(labelmap)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    first = np.eye(4)
    first[:3, 3] = labelmap.GetExtent()[::2]
    grid = geometry_of_matrix(voxels.shape[::-1], FLIP @ matrix_of(matrix) @ first)
    return LabelPart(voxels, grid, labels)


def _to_node(node: Any) -> Warp:
    """From LPS points of the world to those of the node, whose transform is linear."""
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return np.asarray(np.linalg.inv(FLIP @ matrix_of(matrix) @ FLIP))
