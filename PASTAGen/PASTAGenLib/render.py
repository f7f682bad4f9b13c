"""From a plan to voxels: the share of each voxel that is lesion, and the tissue that fills it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from PASTAGenLib.grid import Box, Grid, grown, slices
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.scene import Scene

TEN_TO_NINETY = 2.563
"""10-90 % width of an edge blurred by a Gaussian, in its standard deviations."""
LIKELY_INSIDE = 0.5
CLIP_NOISE_SD = 2.5
"""What differs more from its surroundings is anatomy (vessel, wall, gas), not noise."""


def host_mask(plan: InsertionPlan, organs: NDArray[np.uint8], box: Box) -> NDArray[np.bool_]:
    """Voxels of a box that belong to the lesion's organ."""
    return np.asarray(Scene.table(plan.host_labels)[organs[slices(box)]])


def lesion_share(plan: InsertionPlan, grid: Grid, organs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Share of lesion in each voxel of the plan's box, 0 to 1; 0 outside of the organ.

    Lesions of few voxels are evaluated at several points a voxel, so that a stone of 2 mm dims
    in a voxel of 3 mm as it does in a scan.
    """
    host = host_mask(plan, organs, plan.box)
    depth = _wall_depth(plan, grid, organs) if plan.thickness_mm is not None else None
    spacing = grid.spacing
    finest = min(plan.blob.semi_axes) if depth is None else plan.thickness_mm or 1.0
    parts = np.clip(np.ceil(1.5 * spacing / finest), 1, 3).astype(int)
    offsets = grid.offsets(plan.box, np.array(plan.blob.center))
    share = np.zeros(host.shape, np.float32)
    for shift in np.ndindex(*parts):
        part = (np.array(shift) + 0.5) / parts - 0.5
        away, normal = plan.blob.distance(offsets + (grid.steps @ part).astype(np.float32))
        # A voxel that the edge crosses at an angle blurs it by its width along the normal.
        widths = normal @ (grid.steps / parts).astype(np.float32)
        sd = np.sqrt(
            np.float32((plan.density.edge_mm / TEN_TO_NINETY) ** 2)
            + np.einsum("...k,...k->...", widths, widths) / 12
        )
        if depth is not None:
            # Shoulders: the wall is thickest in the middle of the lesion.
            half = np.float32(plan.long_axis_mm / 2)
            thick = plan.thickness_mm * np.sqrt(np.clip(-away / (0.5 * half), 0.0, 1.0))
            away = np.maximum(away, depth - thick)
        share += ndtr(-away / sd).astype(np.float32)
    share /= int(np.prod(parts))
    share[(share < 0.01) | ~host] = 0
    return share


def _wall_depth(plan: InsertionPlan, grid: Grid, organs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Distance in mm from the organ's outer surface for the voxels of the box."""
    reach = float(plan.thickness_mm or 0) + float(grid.spacing.max())
    wide = grown(plan.box, np.ceil(reach / grid.spacing), grid.shape)
    inside = host_mask(plan, organs, wide)
    depth = ndimage.distance_transform_edt(inside, sampling=grid.spacing).astype(np.float32)
    inner = tuple(
        slice(own[0] - whole[0], own[1] - whole[0])
        for own, whole in zip(plan.box, wide, strict=True)
    )
    return np.asarray(depth[inner] - np.float32(0.5 * grid.spacing.mean()))


def lesion_mask(share: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels that are mostly lesion; the fullest voxel for a lesion smaller than a voxel."""
    mask = share >= LIKELY_INSIDE
    if not mask.any() and share.max(initial=0.0) > 0:
        mask = share == share.max()
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
    grid: Grid,
    hu: NDArray[np.float32],
    host: NDArray[np.bool_],
    share: NDArray[np.float32],
) -> NDArray[np.float32]:
    """HU that a voxel of the box would have if it were all lesion.

    Mean, texture and core of the plan, and on top the scan's own noise at that place: what
    remains of the scan after its local mean is taken away, without vessels and walls, filled up
    with drawn noise where the organ has less of it than the scan.
    """
    rng = np.random.default_rng(plan.texture_seed)
    texture = correlated_noise(hu.shape, plan.grain_mm, grid.spacing, rng)
    drawn = correlated_noise(hu.shape, 1.2 * float(grid.spacing.min()), grid.spacing, rng)
    inside = host.astype(np.float32)
    size = 3
    weight = ndimage.uniform_filter(inside, size)
    mean = ndimage.uniform_filter(hu * inside, size) / np.maximum(weight, 1e-3)
    limit = CLIP_NOISE_SD * plan.noise_hu
    own = np.clip(hu - mean, -limit, limit) * inside
    core = share > LIKELY_INSIDE
    if core.sum() > 8:
        texture = (texture - texture[core].mean()) / max(float(texture[core].std()), 0.2)
        own = own - own[core].mean()
        kept = min(float(own[core].std()), plan.noise_hu)
        if kept > 0:
            own *= kept / max(float(own[core].std()), 1e-3)
    else:
        kept = 0.0
        own = own * 0
    missing = np.sqrt(max(plan.noise_hu**2 - kept**2, 0.0))
    filled = plan.density.mean_hu + plan.density.texture_sd * texture + own + missing * drawn
    if plan.core_hu:
        away = np.linalg.norm(grid.offsets(plan.box, np.array(plan.blob.center)), axis=-1)
        bump = np.exp(-0.5 * (away / (0.22 * plan.long_axis_mm)) ** 2)
        if core.any():
            bump -= bump[core].mean()  # the mean stays what was planned
        filled = filled + plan.core_hu * bump
    return np.asarray(filled, np.float32)
