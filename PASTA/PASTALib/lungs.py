"""Lungs of a CT that has no organ map, by their HU."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.grid import to_model_grid

COARSE_MM = 3.0
"""The lungs are looked for on voxels of this size: airways and vessels of a few mm close up."""


def largest_components(mask: np.ndarray, count: int, minimum: int) -> list[np.ndarray]:
    """The `count` largest connected components with at least `minimum` voxels."""
    labeled, _ = ndimage.label(mask)
    sizes = np.bincount(labeled.ravel())
    sizes[0] = 0
    order = np.argsort(sizes)[::-1][:count]
    return [labeled == component for component in order if sizes[component] >= minimum]


def lungs_by_hu(hu: np.ndarray) -> np.ndarray:
    """Catalogue labels of the lungs: air inside the body, opened apart into right and left.

    The array has LPS axes, so the patient's right is at low x.
    """
    labeled, _ = ndimage.label(hu < -400)
    sides = [labeled[:, 0], labeled[:, -1], labeled[..., 0], labeled[..., -1]]
    border = np.unique(np.concatenate([side.ravel() for side in sides]))
    outside = np.isin(labeled, border[border > 0])
    inside = ndimage.binary_opening((hu < -550) & ~outside, iterations=1)
    labels = np.zeros(hu.shape, np.uint8)
    found = largest_components(inside, 2, 2000)
    if len(found) == 1:  # joined at the anterior junction: part by the middle
        middle = int(ndimage.center_of_mass(found[0])[2])
        half = np.arange(hu.shape[2])[None, None, :] < middle
        found = [found[0] & half, found[0] & ~half]
    found.sort(key=lambda mask: ndimage.center_of_mass(mask)[2])
    for key, mask in zip(("lung_right", "lung_left"), found, strict=False):
        closed = ndimage.binary_closing(mask, iterations=3) & (hu < 300)
        labels[closed | mask] = catalog().label(key)
    return labels


def lungs_of(image: sitk.Image) -> sitk.Image:
    """Lungs of a chest CT, found on a coarse grid, as catalogue labels in the CT's geometry."""
    grid = to_model_grid(image, COARSE_MM).image
    hu = sitk.GetArrayViewFromImage(grid).round().astype(np.int16)
    labels = sitk.GetImageFromArray(lungs_by_hu(hu))
    labels.CopyInformation(grid)
    return sitk.Resample(labels, image, sitk.Transform(), sitk.sitkNearestNeighbor)
