"""Figures that describe the shape of one mask, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.attributes import ellipsoid_fit
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.measure import measure
from PASTALib.region import Region

SMOOTHING_SHARE = 0.2
"""Roughness is what a Gaussian of this share of the equivalent radius takes off."""
MANY_VOXELS = 48
"""A mask is looked at with at most so many voxels along its longest extent."""


@dataclass(frozen=True)
class ShapeFigures:
    """Shape of one mask. All figures but the volume are free of scale.

    Attributes:
        log_volume: natural logarithm of the volume in ml.
        sphericity: surface of the ball of that volume divided by the surface.
        solidity: share of the mask in its convex hull.
        elongation: second of the principal diameters divided by the first.
        flatness: third of the principal diameters divided by the second.
        ellipsoid_fit: share of the mask in the ellipsoid of its moments.
        roughness: mean distance in percent of the equivalent diameter between the surface and the
            surface after smoothing by `SMOOTHING_SHARE`.
    """

    log_volume: float
    sphericity: float
    solidity: float
    elongation: float
    flatness: float
    ellipsoid_fit: float
    roughness: float


NAMES = tuple(field.name for field in fields(ShapeFigures))


def shape_figures(mask: sitk.Image) -> ShapeFigures:
    """Figures of the nonzero voxels of an image.

    Raises:
        PastaError: the mask is empty.
    """
    region = Region.of(sitk.GetArrayViewFromImage(mask) != 0, Geometry.of(mask))
    if region is None:
        raise PastaError("The mask whose shape is asked for is empty; give one with a lesion.")
    size = measure(region)
    longest, middle, shortest = size.principal_diameters_mm
    return ShapeFigures(
        log_volume=float(np.log(size.volume_mm3 / 1000)),
        sphericity=size.sphericity,
        solidity=size.solidity,
        elongation=middle / longest,
        flatness=shortest / middle,
        ellipsoid_fit=ellipsoid_fit(region),
        roughness=_roughness(region, size.surface_mm2, size.equivalent_diameter_mm),
    )


def _roughness(region: Region, surface_mm2: float, diameter_mm: float) -> float:
    """Volume between a surface and its smoothed self, over area and equivalent diameter, in %."""
    sigma = SMOOTHING_SHARE * diameter_mm / 2 / region.geometry.spacing_zyx
    margin = [(int(np.ceil(4 * s)),) * 2 for s in sigma]
    mask = np.pad(region.mask, margin)
    smooth = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    level = np.partition(smooth.ravel(), smooth.size - region.voxels)[smooth.size - region.voxels]
    moved = float(np.count_nonzero((smooth >= level) != mask)) * region.geometry.voxel_mm3
    return 100 * moved / (surface_mm2 * diameter_mm)


def as_table(figures: Sequence[ShapeFigures]) -> NDArray[np.float64]:
    """One row a mask, one column a figure in the order of `NAMES`."""
    return np.array([astuple(row) for row in figures], dtype=float)


def sampling(mask: sitk.Image) -> tuple[float, float, float]:
    """Voxel size (x, y, z) in mm to look at a mask with: its own, or `MANY_VOXELS` a length."""
    extents = [n * s for n, s in zip(mask.GetSize(), mask.GetSpacing(), strict=True)]
    least = max(extents) / MANY_VOXELS
    x, y, z = (max(s, least) for s in mask.GetSpacing())
    return x, y, z


def resampled(mask: sitk.Image, spacing: tuple[float, float, float]) -> sitk.Image:
    """A mask on other voxels, by the half level of the share of mask in each."""
    share = sitk.Cast(mask != 0, sitk.sitkFloat32)
    own = mask.GetSpacing()
    for axis, (new, old) in enumerate(zip(spacing, own, strict=True)):
        sigma = max(0.0, (new**2 - old**2) / 12) ** 0.5
        if sigma > 0.1 * old and mask.GetSize()[axis] >= 4:  # what the filter needs
            share = sitk.RecursiveGaussian(share, sigma, direction=axis)
    extents = [n * s for n, s in zip(mask.GetSize(), own, strict=True)]
    size = [int(np.ceil(e / new)) + 2 for e, new in zip(extents, spacing, strict=True)]
    origin = [o - new for o, new in zip(mask.GetOrigin(), spacing, strict=True)]
    fine = sitk.Resample(
        share, size, sitk.Transform(), sitk.sitkLinear, origin, spacing, mask.GetDirection(), 0.0
    )
    return fine >= 0.5
