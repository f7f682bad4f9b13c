"""Volume nodes and SimpleITK images. Slicer's RAS ends here: images are LPS."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
import vtk
from vtk.util import numpy_support

from PASTALib.errors import PastaError

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
"""RAS to LPS and back."""

CT_WINDOW, CT_LEVEL = 400.0, 40.0
"""Soft-tissue window in HU, the usual one for the abdomen."""


def image_of(volume: Any) -> sitk.Image:
    """The voxels of a scalar volume node as an image in LPS, with the node's linear transforms.

    Raises:
        PastaError: no voxels, more than one value per voxel, or a transform that bends or shears.
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
    image = sitk.GetImageFromArray(values.reshape(data.GetDimensions()[::-1]))
    matrix = _FLIP @ _index_to_world(volume)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    direction = matrix[:3, :3] / spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
        raise PastaError(
            f"The axes of the volume '{volume.GetName()}' are not at right angles; resample it "
            "first (module Resample Scalar/Vector/DWI Volume, or Crop Volume)."
        )
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    return image


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
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return _FLIP @ matrix


def vtk_image(image: sitk.Image) -> Any:
    """A ``vtkOrientedImageData`` with a copy of the voxels, in the place of the image."""
    array = sitk.GetArrayViewFromImage(image)
    if array.dtype == bool or array.ndim != 3:
        raise PastaError("Only 3D images with numbers can be put into the scene.")
    kind = numpy_support.get_vtk_array_type(array.dtype)
    scalars = numpy_support.numpy_to_vtk(array.ravel(), deep=True, array_type=kind)
    scalars.SetName("ImageScalars")
    data = slicer.vtkOrientedImageData()
    data.SetDimensions(*image.GetSize())
    data.GetPointData().SetScalars(scalars)
    return data


def _index_to_world(volume: Any) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    index_to_node = _array(matrix)
    transform = volume.GetParentTransformNode()
    if transform is None:
        return index_to_node
    if not transform.IsTransformToWorldLinear():
        raise PastaError(
            f"The volume '{volume.GetName()}' is under a transform that bends; harden it first."
        )
    transform.GetMatrixTransformToWorld(matrix)
    return _array(matrix) @ index_to_node


def _array(matrix: Any) -> np.ndarray:
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
