"""The shapes that our own are to surpass: ellipsoids with an elastic deformation.

Written anew from the published description of SynTumor (Hu et al., CVPR 2023, arXiv 2303.14869):
semi-axes drawn within a quarter of a nominal radius, the solid ellipsoid deformed by random
displacements of a 3 x 3 grid in each of the three pairs of axes in turn.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

KNOTS = 3
AXIS_SPREAD = 0.25
STRENGTH = (0.16, 0.31)
"""SD of the displacement in radii. Published for nominal radii of 4, 8, 16 and 32 voxels: 0.5 to 1,
1 to 2, 3 to 6 and 5 to 10 voxels, which is 0.13 to 0.38 radii; these are the limits at 32."""
BOX = 2.0
"""Half the box's edge in semi-axes."""


def deformed_ellipsoid(
    radius_mm: float, spacing: tuple[float, float, float], rng: np.random.Generator
) -> sitk.Image:
    """A mask of a deformed ellipsoid on voxels of the given size (x, y, z) in mm.

    The deformation is made on isotropic voxels of a sixteenth of the radius, then sampled.
    """
    voxel = radius_mm / 16
    semi = 16 * rng.uniform(1 - AXIS_SPREAD, 1 + AXIS_SPREAD, 3)
    half = np.ceil(BOX * semi).astype(int)
    grids = np.ogrid[tuple(slice(-h, h + 1) for h in half)]
    inside = sum((g / a) ** 2 for g, a in zip(grids, semi, strict=True)) <= 1
    strength = 16 * rng.uniform(*STRENGTH)
    for plane in ((0, 1), (1, 2), (0, 2)):
        inside = _deformed_in_plane(inside, plane, strength, rng)
    fine = sitk.GetImageFromArray(inside.astype(np.uint8))
    fine.SetSpacing((voxel,) * 3)
    share = sitk.Cast(fine, sitk.sitkFloat32)
    for axis, step in enumerate(spacing):
        share = sitk.RecursiveGaussian(share, max(step / 12**0.5, 0.5 * voxel), direction=axis)
    size = [int(np.ceil(n * voxel / s)) for n, s in zip(fine.GetSize(), spacing, strict=True)]
    shift = [float(rng.uniform(-0.5, 0.5)) * s for s in spacing]
    return sitk.Resample(share, size, sitk.Transform(), sitk.sitkLinear, shift, spacing) >= 0.5


def _deformed_in_plane(
    inside: NDArray[np.bool_],
    plane: tuple[int, int],
    strength: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """The same displacements of a 3 x 3 grid in every slice across the third axis."""
    shape = [inside.shape[axis] for axis in plane]
    places = list(np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij"))
    for k in range(2):
        knots = rng.normal(0, strength, (KNOTS, KNOTS))
        zoom = [n / KNOTS for n in shape]
        places[k] = places[k] + ndimage.zoom(knots, zoom, order=3, grid_mode=False)
    nearest = [
        np.clip(np.rint(place).astype(int), 0, n - 1)
        for place, n in zip(places, shape, strict=True)
    ]
    stack = np.moveaxis(inside, plane, (0, 1))
    return np.moveaxis(stack[nearest[0], nearest[1]], (0, 1), plane)
