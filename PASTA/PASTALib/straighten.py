"""Images whose axes are not at right angles (gantry tilt, sheared affines) are made so.

SimpleITK expects orthonormal directions. A volume whose slices are shifted against each other is
read here with its true affine and resampled once, by linear interpolation, onto a grid whose
first axis is kept and whose slices stay in their planes.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import SimpleITK as sitk

AIR_HU = -1024
ORTHONORMAL_TOLERANCE = 1e-3
"""Largest deviation of D^T D from the identity that is taken for rounding (0.06 degrees)."""


def affine_of(image: sitk.Image) -> np.ndarray:
    """4x4 affine of a 3D image: index ``(x, y, z)`` to LPS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


def shear_degrees(affine: np.ndarray) -> float:
    """Largest deviation of the angle between two axes of an affine from 90 degrees."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs((columns.T @ columns)[np.triu_indices(3, 1)])
    return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1))))


def is_sheared(affine: np.ndarray) -> bool:
    """Whether the axes of an affine are not at right angles, beyond rounding."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(columns.T @ columns - np.eye(3)).max() > ORTHONORMAL_TOLERANCE)


def with_affine(image: sitk.Image, affine: np.ndarray) -> sitk.Image:
    """Set the geometry of `image` from an affine (LPS) that is orthogonal up to rounding.

    The direction becomes exactly orthonormal (nearest rotation or reflection).
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    u, _, v = np.linalg.svd(affine[:3, :3] / spacing)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((u @ v).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def straightened(image: sitk.Image, affine: np.ndarray, fill: int = AIR_HU) -> sitk.Image:
    """Resample voxels that lie at a sheared `affine` onto a grid with right angles.

    Args:
        image: the voxels; its own geometry is ignored.
        affine: index ``(x, y, z)`` to LPS mm; may be sheared.
        fill: value outside of the old volume.

    Returns:
        An image that covers the whole old volume; its slices lie in the planes of the old ones.
    """
    steps = affine[:3, :3]
    row = steps[:, 0] / np.linalg.norm(steps[:, 0])
    column = steps[:, 1] - row * (row @ steps[:, 1])
    column_mm = float(np.linalg.norm(column))
    column /= column_mm
    normal = np.cross(row, column)
    slice_mm = float(normal @ steps[:, 2])
    if slice_mm < 0:  # keep the order of the slices
        normal, slice_mm = -normal, -slice_mm
    direction = np.stack([row, column, normal], axis=1)
    spacing = np.array([np.linalg.norm(steps[:, 0]), column_mm, slice_mm])

    last = np.array(image.GetSize()) - 1
    corners = np.array(list(product(*((0, n) for n in last))))
    placed = (corners @ steps.T) @ direction / spacing  # in voxels of the new grid
    low = np.floor(placed.min(axis=0) + 1e-6)
    size = np.ceil(placed.max(axis=0) - 1e-6) - low + 1

    to_index = sitk.AffineTransform(3)
    inverse = np.linalg.inv(steps)
    to_index.SetMatrix(inverse.ravel().tolist())
    to_index.SetTranslation((-inverse @ affine[:3, 3]).tolist())
    voxels = sitk.Image(image)
    voxels.SetSpacing((1.0, 1.0, 1.0))
    voxels.SetOrigin((0.0, 0.0, 0.0))
    voxels.SetDirection(np.eye(3).ravel().tolist())
    return sitk.Resample(
        voxels,
        [int(n) for n in size],
        to_index,
        sitk.sitkLinear,
        (affine[:3, 3] + direction @ (low * spacing)).tolist(),
        spacing.tolist(),
        direction.ravel().tolist(),
        fill,
        image.GetPixelID(),
    )
