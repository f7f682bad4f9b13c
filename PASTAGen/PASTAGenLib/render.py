"""From a plan to voxels: the share of each voxel that is lesion, and the tissue that fills it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from PASTAGenLib.boxes import Box, grown, offsets_from, slices
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.scene import Scene
from PASTALib.geometry import Geometry
from PASTALib.margin import POINT_SPREAD_SIGMA_MM, TEN_TO_NINETY

LIKELY_INSIDE = 0.5
LEAST_SHARE = 0.01
SMALL_VOXELS = 40
"""Masks of fewer voxels get the volume of the lesion rather than its half-share contour."""
STRUCTURE_NOISE_SD = 2.5
"""What differs by more from its surroundings is anatomy (vessel, wall, gas), not noise."""
NOISE_GRAIN = 1.2
"""Grain of drawn noise in voxels."""
FAT_HU = (-160, -20)
RIM_HU = 60
RIM_VOXELS = 2
"""Between an organ and its fat lie one or two voxels of neither HU."""


def room(
    plan: InsertionPlan, hu: NDArray[np.int16], organs: NDArray[np.uint8], box: Box
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Voxels of a box that belong to the lesion's organ, and those that the lesion may take.

    The second set holds the first. For a lesion that protrudes it also holds unlabelled fat, and
    the partial-volume voxels between the organ and that fat.
    """
    where = slices(box)
    host = Scene.table(plan.host_labels)[organs[where]]
    if plan.outward_mm <= 0:
        return host, host
    near = hu[where]
    free = (organs[where] == 0) & (near >= FAT_HU[0])
    fat = free & (near <= FAT_HU[1])
    rim = free & (near <= RIM_HU) & ndimage.binary_dilation(host, iterations=RIM_VOXELS)
    return host, host | fat | rim


def lesion_share(
    plan: InsertionPlan, geometry: Geometry, hu: NDArray[np.int16], organs: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Share of lesion in each voxel of the plan's box, 0 to 1; 0 where it may not be.

    Lesions of few voxels are evaluated at several points a voxel, so that a stone of 2 mm dims
    in a voxel of 3 mm as it does in a scan.
    """
    host, free = room(plan, hu, organs, plan.box)
    depth = None if plan.thickness_mm is None else _wall_depth(plan, geometry, organs)
    finest = plan.thickness_mm or min(plan.blob.semi_axes)
    parts = np.clip(np.ceil(1.5 * geometry.spacing_zyx / finest), 1, 3).astype(int)
    offsets = offsets_from(np.array(plan.blob.center), geometry, plan.box)
    share = np.zeros(host.shape, np.float32)
    for shift in np.ndindex(*parts):
        part = (np.array(shift) + 0.5) / parts - 0.5
        away, normal = plan.blob.distance(offsets + (geometry.steps_zyx @ part).astype(np.float32))
        # A voxel that the edge crosses at an angle blurs it by its width along the normal.
        widths = normal @ (geometry.steps_zyx / parts).astype(np.float32)
        sd = np.sqrt(
            np.float32((plan.density.edge_mm / TEN_TO_NINETY) ** 2 + POINT_SPREAD_SIGMA_MM**2)
            + np.einsum("...k,...k->...", widths, widths) / 12
        )
        if depth is not None:
            # Shoulders: thickest in the middle of the lesion, running out along the wall.
            taper = np.sqrt(np.clip(-away / np.float32(plan.long_axis_mm / 4), 0.0, 1.0))
            away = np.maximum(away, depth - plan.thickness_mm * taper)
            away = np.maximum(away, -plan.outward_mm * taper - depth)
        share += ndtr(-away / sd).astype(np.float32)
    share /= int(np.prod(parts))
    share[(share < LEAST_SHARE) | ~free] = 0
    return _attached(share, host)


def _attached(share: NDArray[np.float32], host: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Only the largest piece in the organ: a loop of bowel nearby is another place."""
    pieces, count = ndimage.label(share >= LIKELY_INSIDE)
    if count < 2:
        return share
    weights = ndimage.sum_labels(host, pieces, np.arange(1, count + 1))
    largest = pieces == 1 + int(np.argmax(weights))
    return np.where(ndimage.binary_dilation(largest, iterations=2), share, np.float32(0))


def _wall_depth(
    plan: InsertionPlan, geometry: Geometry, organs: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Distance in mm from the organ's outer surface, negative outside, in the box's voxels."""
    reach = float(plan.thickness_mm or 0) + float(geometry.spacing_zyx.max())
    wide = grown(plan.box, np.ceil(reach / geometry.spacing_zyx), geometry.shape_zyx)
    inside = Scene.table(plan.host_labels)[organs[slices(wide)]]
    inner = tuple(
        slice(own[0] - whole[0], own[1] - whole[0])
        for own, whole in zip(plan.box, wide, strict=True)
    )
    half = np.float32(0.5 * geometry.spacing_zyx.mean())  # from the voxel's center to its face
    depth = ndimage.distance_transform_edt(inside, sampling=geometry.spacing_zyx)[inner] - half
    if plan.outward_mm > 0:
        out = ndimage.distance_transform_edt(~inside[inner], sampling=geometry.spacing_zyx) - half
        depth = np.where(inside[inner], depth, -out)
    return np.asarray(depth, np.float32)


def lesion_mask(share: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels that are mostly lesion; at least one if there is any lesion at all.

    Half-share contours lose most of a lesion of a few voxels, so small masks take the fullest
    voxels up to the lesion's volume.
    """
    mask = share >= LIKELY_INSIDE
    if mask.sum() < SMALL_VOXELS and share.any():
        count = min(max(int(mask.sum()), round(float(share.sum())), 1), int((share > 0.2).sum()))
        fullest = np.argsort(-share, axis=None, kind="stable")[: max(count, 1)]
        mask = np.zeros(share.shape, bool)
        mask.ravel()[fullest] = True
    return np.asarray(mask)


def correlated_noise(
    shape: tuple[int, ...], grain_mm: float, spacing: NDArray, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A field of unit SD whose grains are about `grain_mm` wide."""
    field = rng.standard_normal(shape, dtype=np.float32)
    sigma = grain_mm / 2.355 / spacing
    if max(sigma) > 0.3:
        field = ndimage.gaussian_filter(field, sigma, mode="wrap", truncate=2.5)
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)


def tissue(
    plan: InsertionPlan,
    geometry: Geometry,
    hu: NDArray[np.float32],
    free: NDArray[np.bool_],
    share: NDArray[np.float32],
) -> NDArray[np.float32]:
    """HU that a voxel of the box would have if it were all lesion.

    Mean, texture and core of the plan, and on top the scan's own noise at that place: what
    remains of the scan after its local mean is taken away, without vessels and walls, filled up
    with drawn noise where the organ has less of it than the scan.

    Args:
        plan: the plan.
        geometry: geometry of the whole scan.
        hu: HU of the box before.
        free: voxels of the box that the lesion may take.
        share: share of lesion in each voxel.
    """
    rng = np.random.default_rng(plan.texture_seed)
    spacing = geometry.spacing_zyx
    core = share > LIKELY_INSIDE
    if core.sum() < 8:
        core = share > 0
    texture = _standard(correlated_noise(hu.shape, plan.grain_mm, spacing, rng), core)
    texture *= np.float32(plan.density.texture_sd)
    if plan.core_hu:
        away = np.linalg.norm(offsets_from(np.array(plan.blob.center), geometry, plan.box), axis=-1)
        texture += plan.core_hu * np.exp(-0.5 * (away / (0.22 * plan.long_axis_mm)) ** 2)
    if 0 < plan.density.mean_hu < 200:  # soft tissue: necrosis is water, never fat
        texture = np.maximum(texture, min(-plan.density.texture_sd, -plan.density.mean_hu))
    texture -= texture[core].mean()
    noise = _own_noise(plan, hu, free)
    kept = min(float(noise[core].std()), plan.noise_hu)
    drawn = correlated_noise(hu.shape, NOISE_GRAIN * float(spacing.min()), spacing, rng)
    noise += np.sqrt(max(plan.noise_hu**2 - kept**2, 0.0)) * drawn
    return np.asarray(plan.density.mean_hu + texture + noise - noise[core].mean(), np.float32)


def _own_noise(
    plan: InsertionPlan, hu: NDArray[np.float32], free: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The scan's own noise: what differs from the mean of the neighbors, but no anatomy.

    Differences far beyond the noise SD fade to zero rather than to a limit, otherwise the wall of
    a gas bubble stays as an outline.
    """
    inside = free.astype(np.float32)
    weight = np.maximum(ndimage.uniform_filter(inside, 3), 1e-3)
    differs = (hu - ndimage.uniform_filter(hu * inside, 3) / weight) * inside
    fade = np.exp(-0.5 * (differs / (STRUCTURE_NOISE_SD * plan.noise_hu)) ** 4)
    return np.asarray(differs * fade, np.float32)


def _standard(field: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A field with mean 0 and SD 1 over some voxels; small SD of few voxels are not blown up."""
    values = field[where]
    if values.size < 2:
        return field * 0
    return (field - values.mean()) / max(float(values.std()), 0.3)
