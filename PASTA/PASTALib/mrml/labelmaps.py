"""Voxels of single segments: read into boxes of the CT's grid, and written back there.

The cost goes with the box of the segment, not with the size of the CT.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, as_index
from PASTALib.mrml.volumes import geometry_to_ras, matrix_of, vtk_array
from PASTALib.region import Region

LABELMAP = "Binary labelmap"
CLOSED_SURFACE = "Closed surface"
"""Names of representations, as all versions of Slicer spell them."""


def region_of(node: Any, segment_id: str, grid: Geometry) -> Region | None:
    """The voxels of a segment on the CT's grid; None if it is empty or not there.

    Args:
        node: segmentation node.
        segment_id: the segment.
        grid: geometry of the CT, in LPS.

    Raises:
        PastaError: the segment is a surface only.
    """
    segment = node.GetSegmentation().GetSegment(segment_id)
    labelmap = None if segment is None else segment.GetRepresentation(LABELMAP)
    if labelmap is None:
        if segment is not None and segment.GetRepresentation(CLOSED_SURFACE) is not None:
            raise PastaError(
                f"The segment '{segment.GetName()}' has no label map; make one in the module "
                "Segmentations."
            )
        return None
    if labelmap.GetNumberOfPoints() == 0:
        return None
    offset = offset_of(node, labelmap, grid)
    if offset is None:
        return Region.of(_resampled(node, segment_id, grid), grid)
    inside = voxels_of(labelmap) == segment.GetLabelValue()
    # What lies beyond the CT is no part of it.
    low = np.maximum(0, -offset)
    high = np.minimum(inside.shape, np.array(grid.shape_zyx) - offset)
    if (low >= high).any():
        return None
    kept = inside[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return Region.of(kept, grid, as_index(low + offset))


def regions_of(node: Any, grid: Geometry) -> dict[str, Region]:
    """The voxels of all segments that have some, by segment id.

    Segments that share a label map are found in one pass over it.
    """
    from scipy import ndimage  # here: it costs 0.2 s, which opening a module must not

    segmentation = node.GetSegmentation()
    boxes: dict[Any, list[Any]] = {}
    found = {}
    for number in range(segmentation.GetNumberOfSegments()):
        segment_id = segmentation.GetNthSegmentID(number)
        segment = segmentation.GetSegment(segment_id)
        labelmap = segment.GetRepresentation(LABELMAP)
        offset = None
        if labelmap is not None and labelmap.GetNumberOfPoints() > 0:
            offset = offset_of(node, labelmap, grid)
        if offset is None or (offset < 0).any():
            region = region_of(node, segment_id, grid)
        else:
            voxels = voxels_of(labelmap)
            if labelmap not in boxes:
                boxes[labelmap] = ndimage.find_objects(voxels)
            label = segment.GetLabelValue()
            box = boxes[labelmap][label - 1] if label <= len(boxes[labelmap]) else None
            if box is None:
                continue
            start = as_index(offset + [part.start for part in box])
            region = Region.of(voxels[box] == label, grid, start)
        if region is not None:
            found[segment_id] = region
    return found


def put_region(node: Any, segment_id: str, region: Region | None) -> None:
    """Make these the voxels of a segment. Voxels of other segments stay as they are.

    Raises:
        PastaError: Slicer refused.
    """
    if region is None:
        mask, place = np.zeros((1, 1, 1), np.uint8), node_grid(node)
    else:
        mask = region.mask.astype(np.uint8)
        low = region.start[::-1]
        high = np.add(low, mask.shape[::-1])
        place = geometry_to_ras(region.geometry.cropped((low, as_index(high))))
    data = oriented(mask, place)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if not logic.SetBinaryLabelmapToSegment(data, node, segment_id, logic.MODE_REPLACE):
        raise PastaError(f"The segment '{segment_id}' could not be changed.")


def node_grid(node: Any) -> np.ndarray:
    """Index to RAS of a segmentation's first label map; the identity if there is none."""
    segmentation = node.GetSegmentation()
    for number in range(segmentation.GetNumberOfSegments()):
        labelmap = segmentation.GetNthSegment(number).GetRepresentation(LABELMAP)
        if labelmap is not None:
            matrix = vtk.vtkMatrix4x4()
            labelmap.GetImageToWorldMatrix(matrix)
            return matrix_of(matrix)
    return np.eye(4)


def oriented(array: np.ndarray, index_to_ras: np.ndarray) -> Any:
    """An array ``[z, y, x]`` as ``vtkOrientedImageData`` in its place; the voxels are copied."""
    data = slicer.vtkOrientedImageData()
    data.SetDimensions(*array.shape[::-1])
    data.GetPointData().SetScalars(vtk_array(array))
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(index_to_ras.ravel())
    data.SetImageToWorldMatrix(matrix)
    return data


def voxels_of(labelmap: Any) -> np.ndarray:
    """The voxels ``[z, y, x]`` of a label map, a view."""
    values = numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars())
    return values.reshape(labelmap.GetDimensions()[::-1])


def offset_of(node: Any, labelmap: Any, grid: Geometry) -> np.ndarray | None:
    """Index ``(z, y, x)`` in the CT of a label map's first voxel; None if their grids differ."""
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    own = matrix_of(matrix)
    transform = node.GetParentTransformNode()
    if transform is not None:
        if not transform.IsTransformToWorldLinear():
            return None
        transform.GetMatrixTransformToWorld(matrix)
        own = matrix_of(matrix) @ own
    to_grid = np.linalg.solve(geometry_to_ras(grid), own)
    first = to_grid @ np.array([*labelmap.GetExtent()[::2], 1.0])
    whole = np.round(first[:3])
    if not np.allclose(to_grid[:3, :3], np.eye(3), atol=1e-4):
        return None
    if not np.allclose(first[:3], whole, atol=0.01):
        return None
    return whole[::-1].astype(int)


def _resampled(node: Any, segment_id: str, grid: Geometry) -> np.ndarray:
    """Voxels [z, y, x] of a segment on another grid."""
    wanted = slicer.vtkOrientedImageData()
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(geometry_to_ras(grid).ravel())
    wanted.SetDimensions(*grid.size)
    wanted.SetImageToWorldMatrix(matrix)
    wanted.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    own = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segment_id, own)
    world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetParentTransformNode(), None, world)
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        own, wanted, wanted, False, False, world
    )
    return voxels_of(wanted) > 0
