"""Blobs in an organ: places that are brighter or darker than what lies around them in it.

Found by rule (a difference of means within the organ, on several scales), as more examples for the
closer look: most are vessels, bone marrow or noise, and some are lesions that the first network
overlooked. With them it told lesions in unknown scans better apart; as findings they did not pay,
twelve lesions in 1288.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.closer.candidates import Candidate
from PASTALib.cubes import box_of, index_box, resampled
from PASTALib.geometry import LPS_AXES, Geometry, as_index, as_vector
from PASTALib.grid import resample_to
from PASTALib.lesions import is_large_enough, minimum_diameter
from PASTALib.region import Region

Mask = NDArray[np.bool_]
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class BlobRule:
    """What is looked for in an organ.

    Attributes:
        spacing_mm: of the grid that is looked at.
        radii_mm: of the blobs.
        contrast_hu: least difference to what lies around.
        darker: whether darker blobs count as well.
        most: at most so many, those that stand out most.
        closing_mm: so wide gaps of the organ's outline are closed before; lesions at its border
            are often not outlined as part of it.
        clip_hu: the range in which HU are told apart.
    """

    spacing_mm: float
    radii_mm: tuple[float, ...]
    contrast_hu: float
    darker: bool
    most: int
    closing_mm: float
    clip_hu: tuple[float, float]


BLOBS = {
    "lung_tumor": BlobRule(2.0, (2.5, 4.0, 6.5, 10.0), 150.0, False, 30, 9.0, (-900.0, 100.0)),
    "bone_metastasis": BlobRule(2.5, (4.0, 6.5, 10.0), 90.0, True, 30, 4.0, (-100.0, 900.0)),
    "kidney_stone": BlobRule(1.5, (2.0, 3.5), 40.0, False, 8, 6.0, (-60.0, 600.0)),
}
"""By the lesion type that they may be."""
OWN = 1.6
"""A blob is averaged over a cube of so many radii, as a ball fills most of it."""
BLOB_CONFIDENCE = 0.5
"""Raw confidence of a blob, of which the first network says nothing."""
AROUND = 2.0
"""What lies around is averaged over a cube so much larger."""
LEAST_WEIGHT = 0.2
"""A mean counts where so much of its cube lies inside the organ."""
REACH = 1.7
"""What belongs to a blob lies within so many radii of its middle."""


def blobs(image: sitk.Image, organ: Mask, rule: BlobRule) -> Iterator[Region]:
    """Blobs in an organ, those that stand out most first.

    Args:
        image: the CT in HU, any geometry.
        organ: ``[z, y, x]`` in the CT's geometry.
        rule: what is looked for.

    Yields:
        Their voxels in the CT's geometry.
    """
    source = Geometry.of(image)
    whole = Region.of(organ, source)
    if whole is None:
        return
    grid = _grid(whole.grown(rule.closing_mm), rule.spacing_mm)
    hu = sitk.GetArrayFromImage(resample_to(image, grid)).clip(*rule.clip_hu)
    inside = _closed(whole, grid, rule.closing_mm)
    for blob in _blobs_on_grid(hu, inside, rule):
        found = _in_ct(blob, grid, source)
        if found is not None:
            yield found


def _grid(region: Region, spacing_mm: float) -> Geometry:
    """Cubic voxels along the patient's axes over the box of a region."""
    corners = box_of(region).corners()
    lower, upper = corners.min(axis=0), corners.max(axis=0)
    size = np.maximum(1, np.ceil((upper - lower) / spacing_mm))
    return Geometry(as_index(size), (spacing_mm,) * 3, as_vector(lower + spacing_mm / 2), LPS_AXES)


def _closed(organ: Region, grid: Geometry, closing_mm: float) -> Mask:
    """The organ on a grid, with gaps closed."""
    steps = sitk.GetImageFromArray(np.ascontiguousarray(organ.mask.astype(np.uint8)))
    placed = box_of(organ).place(steps)
    on_grid = grid.sample(sitk.Cast(placed, sitk.sitkFloat32), 0.0) > 0.5
    near = sitk.SignedMaurerDistanceMap(on_grid, squaredDistance=False, useImageSpacing=True)
    near = near <= closing_mm
    kept = sitk.SignedMaurerDistanceMap(near, squaredDistance=False, useImageSpacing=True)
    closed: Mask = sitk.GetArrayFromImage(on_grid | (kept <= -closing_mm)) > 0
    return closed


def _blobs_on_grid(hu: Volume, inside: Mask, rule: BlobRule) -> Iterator[Region]:
    """Local extremes of the contrast over place and size, each with the voxels that are like it."""
    contrasts, means = [], []
    weight = inside.astype(np.float32)
    for radius in rule.radii_mm:
        edge = max(2, round(OWN * radius / rule.spacing_mm))
        own, share = _mean(hu, weight, edge)
        around, _ = _mean(hu, weight, round(AROUND * edge))
        contrast = np.where(inside & (share > LEAST_WEIGHT), own - around, 0.0)
        contrasts.append(contrast if rule.darker else np.maximum(contrast, 0.0))
        means.append((own + around) / 2)
    stack = np.stack(contrasts)
    strength = np.abs(stack)
    places = _peaks(strength, rule.contrast_hu)
    order = np.argsort(-strength[tuple(places.T)])
    grid = Geometry.isotropic(hu.shape, rule.spacing_mm)
    taken = np.zeros(hu.shape, bool)
    smooth = ndimage.gaussian_filter(hu, 0.6)
    count = 0
    for scale, *center in places[order]:
        if count == rule.most:
            return
        middle = tuple(int(c) for c in center)
        if taken[middle]:
            continue
        radius = rule.radii_mm[scale] / rule.spacing_mm
        blob = _grown(smooth, inside, middle, means[scale][middle], stack[scale][middle], radius)
        if blob is None:
            continue
        region = Region.of(blob[1], grid, blob[0])
        if region is not None:
            taken[region.slices] |= region.mask
            count += 1
            yield region


def _peaks(strength: Volume, least: float) -> NDArray[np.int64]:
    """Indices ``(n, 4)`` of the local maxima over place and size."""
    places = np.argwhere(strength >= least)
    value = strength[tuple(places.T)]
    largest = np.ones(len(places), bool)
    padded = np.pad(strength, 1)
    for step in np.ndindex(3, 3, 3, 3):
        largest &= value >= padded[tuple((places + step).T)]
    return places[largest]


def _mean(hu: Volume, weight: Volume, edge: int) -> tuple[Volume, Volume]:
    """Mean over a cube of what lies inside the organ, and how much of the cube that is."""
    share = ndimage.uniform_filter(weight, edge, mode="constant")
    total = ndimage.uniform_filter(hu * weight, edge, mode="constant")
    return total / np.maximum(share, 1e-3), share


def _grown(
    hu: Volume, inside: Mask, middle: tuple[int, ...], level: float, contrast: float, radius: float
) -> tuple[tuple[int, int, int], Mask] | None:
    """Connected voxels around the middle on its side of a level: start of their box, and mask."""
    reach = int(np.ceil(REACH * radius))
    box = tuple(
        slice(max(0, m - reach), min(n, m + reach + 1))
        for m, n in zip(middle, hu.shape, strict=True)
    )
    steps = np.ogrid[box]
    away = sum((step - m) ** 2 for step, m in zip(steps, middle, strict=True))
    like = (hu[box] - level) * np.sign(contrast) > 0
    like &= inside[box] & (away <= (REACH * radius) ** 2)
    parts, _ = ndimage.label(like)
    first = tuple(part.start for part in box)
    number = parts[tuple(m - f for m, f in zip(middle, first, strict=True))]
    if number == 0:
        return None
    return (first[0], first[1], first[2]), parts == number


def _in_ct(blob: Region, grid: Geometry, source: Geometry) -> Region | None:
    """Voxels of the CT in a blob."""
    wide = blob.grown(grid.spacing[0])
    part = grid.cropped(index_box(wide))
    low, high = source.box_around(part.corners(), margin=1)
    if any(a >= b for a, b in zip(low, high, strict=True)):
        return None
    seen = resampled(wide.mask, part, source.cropped((low, high))) > 0.5
    return Region.of(seen, source, (low[2], low[1], low[0]))


def overlooked(
    image: sitk.Image, organs: NDArray[np.uint8], lesions: NDArray[np.uint8]
) -> Iterator[Candidate]:
    """Blobs that the network did not outline.

    Args:
        image: the CT.
        organs: labels of structures ``[z, y, x]``.
        lesions: labels of lesion types; a blob that touches one is left out.
    """
    geometry = Geometry.of(image)
    for key, rule in BLOBS.items():
        kind = catalog().lesion_types[key]
        organ = np.isin(organs, catalog().organ_labels(kind.organ))
        smallest = minimum_diameter(key)
        for region in blobs(image, organ, rule):
            free = not lesions[region.slices][region.mask].any()
            if free and is_large_enough(region.voxels, geometry.voxel_mm3, smallest):
                yield Candidate(key, region, BLOB_CONFIDENCE)
