"""Volumes under transforms that bend: where their points go, and copies that are hardened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from PASTALib.bending import Field, straightened
from PASTALib.geometry import Floats, Geometry, as_index, as_vector
from PASTALib.mrml.volumes import add_volume, own_image_of
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.steps import Steps, finished
from PASTALib.synthetic import NODE_ATTRIBUTE

STEPS_MM = (16.0, 8.0, 4.0)
"""Distances between the points of a field, from which the coarsest that suffices is taken."""
ERROR_MM = 0.25
"""How far a field may be from its transform, between its points."""
PROBES = 2000
POINTS = 5000
"""Asked of a transform in one step: some 20 ms of an inverted spline."""

_RAS = np.array([-1.0, -1.0, 1.0])


def is_bent(volume: Any) -> bool:
    """Whether a volume is under a transform that is not linear, which no grid can follow."""
    transform = volume.GetParentTransformNode()
    return transform is not None and not transform.IsTransformToWorldLinear()


def reach_in_steps(node: Any, grid: Geometry) -> Steps[Geometry]:
    """A grid, made larger or smaller until it holds what the transform of a node makes of it.

    Args:
        node: a node under a transform of any kind.
        grid: where the node's voxels lie before its transform.
    """
    to_world = _between(node.GetParentTransformNode(), None)
    points = _points(_coarse(grid, STEPS_MM[0]))
    index = grid.indices_xyz(points + (yield from _displacements(to_world, points)))
    low, high = np.floor(index.min(axis=0) + 1e-3), np.ceil(index.max(axis=0) - 1e-3) + 1
    return grid.cropped((as_index(low), as_index(high)))


def field_in_steps(node: Any, grid: Geometry) -> Steps[Field]:
    """Where the points of a grid, in the world, lie before the transform of a node, as a field.

    It is made finer until it is right to `ERROR_MM` between its points too, at most to the last of
    `STEPS_MM`: finer bends than that no registration of CT should have.

    Args:
        node: a node under a transform of any kind.
        grid: the field covers all of it.
    """
    to_node = _between(None, node.GetParentTransformNode())
    for step in STEPS_MM:
        coarse = _coarse(grid, step)
        moved = yield from _displacements(to_node, _points(coarse))
        field = Field(moved.reshape(*coarse.shape_zyx, 3).astype(np.float32), coarse)
        error = yield from _error(field, to_node)
        if error <= ERROR_MM:
            break
    return field


def hardened_copy(
    scene: Any, volume: Any, *, progress: Progress = silent, cancel: CancelToken | None = None
) -> Any:
    """A new volume with the transform of `volume` worked into its voxels; `volume` stays as it is.

    Blocks until it is done; the panels have it done by the worker. What the transform brings in
    from beyond the scan becomes the lowest value of the scan, which in a CT is air.
    """
    image = own_image_of(volume)
    grid = finished(reach_in_steps(volume, Geometry.of(image)))
    field = finished(field_in_steps(volume, grid))
    hardened = straightened(image, field, grid, progress=progress, cancel=cancel)
    return add_hardened(scene, volume, hardened)


def add_hardened(scene: Any, volume: Any, image: Any) -> Any:
    """Add the image of a hardened volume, shown as that is."""
    copy = add_volume(scene, image, f"{volume.GetName()} hardened")
    if volume.GetAttribute(NODE_ATTRIBUTE):
        copy.SetAttribute(NODE_ATTRIBUTE, volume.GetAttribute(NODE_ATTRIBUTE))
    if volume.GetDisplayNode() is not None and copy.GetDisplayNode() is not None:
        copy.GetDisplayNode().CopyContent(volume.GetDisplayNode())
    return copy


def _coarse(grid: Geometry, step_mm: float) -> Geometry:
    """Points some `step_mm` apart that hold all voxels of a grid between them."""
    extent = np.multiply(np.subtract(grid.size, 1), grid.spacing)
    cells = np.maximum(np.ceil(extent / step_mm), 1)
    spacing = np.maximum(extent, step_mm) / cells * (1 + 1e-6)
    return replace(grid, size=as_index(cells + 1), spacing=as_vector(spacing))


def _points(grid: Geometry) -> Floats:
    """All points of a grid, LPS mm ``(n, 3)``, in the order of its array."""
    return grid.points_of_zyx(np.moveaxis(np.indices(grid.shape_zyx), 0, -1).reshape(-1, 3))


def _between(source: Any, target: Any) -> Any:
    """From the coordinates under a transform node to those under another; None is the world."""
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(source, target, transform)
    return transform


def _displacements(transform: Any, points: Floats) -> Steps[Floats]:
    """How far a transform moves points ``(n, 3)``, LPS mm; some `POINTS` a step."""
    moved = np.empty_like(points)
    for start in range(0, len(points), POINTS):
        part = points[start : start + POINTS]
        given, taken = vtk.vtkPoints(), vtk.vtkPoints()
        given.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(part * _RAS)))
        taken.SetDataTypeToDouble()
        transform.TransformPoints(given, taken)
        moved[start : start + POINTS] = numpy_support.vtk_to_numpy(taken.GetData()) * _RAS - part
        yield
    return moved


def _error(field: Field, transform: Any) -> Steps[float]:
    """The largest error of a field in the middle of some of its cells, mm."""
    shape = np.subtract(field.grid.shape_zyx, 1)
    count = min(PROBES, int(shape.prod()))
    chosen = np.linspace(0, shape.prod() - 1, count).astype(int)
    low = np.stack(np.unravel_index(chosen, shape), axis=-1)
    corners = [low + np.array(corner) for corner in np.ndindex(2, 2, 2)]
    told = np.mean([field.displacements[tuple(c.T)] for c in corners], axis=0)
    true = yield from _displacements(transform, field.grid.points_of_zyx(low + 0.5))
    return float(np.linalg.norm(true - told, axis=1).max())
