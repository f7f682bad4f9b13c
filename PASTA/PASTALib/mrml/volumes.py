"""Volume nodes and SimpleITK images. Slicer's RAS ends here: images are LPS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from vtk.util import numpy_support

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, as_index, as_vector

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
"""RAS to LPS and back."""

CT_WINDOW, CT_LEVEL = 400.0, 40.0
"""Soft-tissue window in HU, the usual one for the abdomen."""


def image_of(volume: Any) -> sitk.Image:
    """The voxels of a scalar volume node as an image in LPS, with the node's linear transforms.

    Raises:
        PastaError: no voxels, more than one value per voxel, or a transform that bends or shears.
    """
    return grid_of(volume).place(sitk.GetImageFromArray(voxels_of_volume(volume)))


def voxels_of_volume(volume: Any) -> np.ndarray:
    """The voxels ``[z, y, x]`` of a scalar volume node, a view.

    Raises:
        PastaError: no voxels, or more than one value per voxel.
    """
    data = volume.GetImageData()
    if data is None or data.GetNumberOfPoints() == 0:
        raise PastaError(f"The volume '{volume.GetName()}' is empty; choose one with voxels.")
    if data.GetNumberOfScalarComponents() != 1:
        raise PastaError(
            f"The volume '{volume.GetName()}' has {data.GetNumberOfScalarComponents()} values per "
            "voxel; choose a CT, which has one."
        )
    values = numpy_support.vtk_to_numpy(data.GetPointData().GetScalars())
    return values.reshape(data.GetDimensions()[::-1])


def grid_of(volume: Any) -> Geometry:
    """Where the voxels of a volume node lie, in LPS, with the node's linear transforms.

    Raises:
        PastaError: no voxels, or a transform that bends or shears.
    """
    return _geometry(volume, _index_to_world(volume))


def own_image_of(volume: Any) -> sitk.Image:
    """The voxels of a scalar volume node in LPS, where they lie before its transform.

    Raises:
        PastaError: no voxels, more than one value per voxel, or axes not at right angles.
    """
    voxels = voxels_of_volume(volume)
    return own_grid_of(volume).place(sitk.GetImageFromArray(voxels))


def own_grid_of(volume: Any) -> Geometry:
    """Where the voxels of a volume node lie before its transform, in LPS."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return _geometry(volume, matrix_of(matrix))


def _geometry(volume: Any, to_ras: np.ndarray) -> Geometry:
    """The geometry of a volume by its index to RAS matrix, if its axes are at right angles."""
    geometry = geometry_of_matrix(voxels_of_volume(volume).shape[::-1], FLIP @ to_ras)
    direction = np.reshape(geometry.direction, (3, 3))
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
        raise PastaError(
            f"The axes of the volume '{volume.GetName()}' are not at right angles; resample it "
            "first (module Resample Scalar/Vector/DWI Volume, or Crop Volume)."
        )
    return geometry


def geometry_of_matrix(size: Sequence[int], to_lps: np.ndarray) -> Geometry:
    """The geometry of an image of this size x, y, z by its 4 x 4 matrix from index to LPS mm."""
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    direction = to_lps[:3, :3] / spacing
    return Geometry(
        as_index(size),
        as_vector(spacing),
        as_vector(to_lps[:3, 3]),
        tuple(direction.ravel().tolist()),
    )


def add_volume(scene: Any, image: sitk.Image, name: str, *, labels: bool = False) -> Any:
    """Add an image to the scene as a scalar volume node, or as a label map volume node.

    The new node shows HU in a soft-tissue window; what the slice views show is not changed.
    """
    kind = "vtkMRMLLabelMapVolumeNode" if labels else "vtkMRMLScalarVolumeNode"
    volume = scene.AddNewNodeByClass(kind, name)
    volume.SetAndObserveImageData(vtk_image(image))
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(index_to_ras(image).ravel())
    volume.SetIJKToRASMatrix(matrix)
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    if display is not None and not labels:
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(CT_WINDOW, CT_LEVEL)
    return volume


def index_to_ras(image: sitk.Image) -> np.ndarray:
    """The 4x4 matrix from voxel indices to RAS millimeters."""
    return geometry_to_ras(Geometry.of(image))


def geometry_to_ras(geometry: Geometry) -> np.ndarray:
    """The 4x4 matrix from voxel indices to RAS millimeters."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(geometry.direction, (3, 3)) * geometry.spacing
    matrix[:3, 3] = geometry.origin
    return FLIP @ matrix


def ras_of(point: Sequence[float]) -> tuple[float, float, float]:
    """A point in LPS mm as RAS mm, or the other way round: the same change of signs."""
    x, y, z = point
    return -x, -y, z


def vtk_image(image: sitk.Image) -> Any:
    """A ``vtkOrientedImageData`` with a copy of the voxels, in the place of the image."""
    array = sitk.GetArrayViewFromImage(image)
    if array.dtype == bool or array.ndim != 3:
        raise PastaError("Only 3D images with numbers can be put into the scene.")
    data = slicer.vtkOrientedImageData()
    data.SetDimensions(*image.GetSize())
    data.GetPointData().SetScalars(vtk_array(array))
    return data


def vtk_array(array: np.ndarray) -> Any:
    """A copy of an array as the scalars of an image."""
    kind = numpy_support.get_vtk_array_type(array.dtype)
    scalars = numpy_support.numpy_to_vtk(array.ravel(), deep=True, array_type=kind)
    scalars.SetName("ImageScalars")
    return scalars


def _index_to_world(volume: Any) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    index_to_node = matrix_of(matrix)
    transform = volume.GetParentTransformNode()
    if transform is None:
        return index_to_node
    if not transform.IsTransformToWorldLinear():
        raise PastaError(
            f"The volume '{volume.GetName()}' is under a transform that bends; harden it first "
            "(button Harden)."
        )
    transform.GetMatrixTransformToWorld(matrix)
    return matrix_of(matrix) @ index_to_node


def matrix_of(matrix: Any) -> np.ndarray:
    """A ``vtkMatrix4x4`` as an array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
