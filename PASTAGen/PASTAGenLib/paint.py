"""The HU of a lesion and of what it does to its surroundings.

A voxel of the scan is structure and noise. Noise belongs to the acquisition: it stays in its place
while anatomy moves, and inserted tissue takes it over. So

    after = (1 - s) (structure, moved) + s (the lesion's tissue) + noise

with the share s of lesion in the voxel. Where the lesion replaces even tissue, the noise is what
the voxel differs from that tissue's mean, at all frequencies: a lesion without contrast changes
nothing and leaves no seam. Where it replaces a vessel, gas or a wall, new noise of the scan's own
spectrum is drawn (see `noise`). Outside of the lesion only what is moved is split at all, and
steep edges count as structure, so that interpolation never makes tissue cleaner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from PASTAGenLib.boxes import slices
from PASTAGenLib.features.canvas import Canvas, paint
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.noise import drawn_noise, grains
from PASTAGenLib.outline import LIKELY_INSIDE, Outline
from PASTAGenLib.scene import Scene
from PASTAGenLib.tensors import flags, gaussian, on
from PASTAGenLib.warp import moved

if TYPE_CHECKING:
    from torch import Tensor

SMOOTHING = 1.2
"""Sigma of the local mean in voxels of the smallest spacing."""
SHARP_SD = 2.5
"""What differs from the local mean by more noise SD is an edge, not noise."""
STRUCTURE_SD = 4.0
"""What differs from the local mean by more noise SD is a wall or a vessel."""
EVEN_SD = 4.0
"""A local mean that differs from the organ's by more of its own SD is another tissue."""
NOISIEST = 1.15
"""Own noise may exceed the scan's by this factor; more is the texture of the replaced tissue."""
BRIGHT_SD = 4.0
"""What is brighter than the organ by more noise SD is a vessel, or the cortex of a bone."""
PURE = 0.95
"""Voxels with this share of lesion hold nothing else."""
QUIETEST = 0.75
"""Own noise of this share of the scan's is the scan's, known to no better; nothing is added."""
FEW_VOXELS = 8.0
LITTLE_NOISE = 0.05
"""Less missing noise variance is not worth drawing."""
GRAINS = ((0.92, 1.0), (0.39, 3.0))
"""Amplitudes and relative sizes of a texture's grains."""


def picture(
    plan: InsertionPlan, scene: Scene, where: Outline, device: str
) -> tuple[Tensor, float, Tensor]:
    """HU of the box with the lesion.

    Returns:
        HU; the mean HU that tissue and features were given; and where the picture is changed.
    """
    hu = on(scene.hu[slices(plan.box)], device)
    rng = np.random.default_rng(plan.texture_seed)
    spacing = scene.geometry.spacing_zyx
    sigma = np.clip(SMOOTHING * spacing.min() / spacing, 0.3, SMOOTHING).tolist()
    smooth = gaussian(hu, sigma)
    blur = float(np.hypot(plan.point_spread_mm, np.sort(spacing)[:2].mean() / 12**0.5))

    behind, changed = _surroundings(plan, where, hu, smooth, blur, device)
    even, mean = _even_tissue(plan, where, hu, sigma)
    own, kept = _own_noise(plan, where.share, hu, even, mean)

    canvas = Canvas(where.offsets, where.away, smooth, blur)
    tissue = plan.density.mean_hu + _texture(plan, where.share, scene, rng, device)
    plain = tissue
    for feature in plan.features:
        if not feature.outside:
            tissue = paint(feature, canvas, tissue, feature.cover(canvas))
    inside = _core(where.share)
    if plan.keeps > 0:  # vessels seen through ground glass, cortex over marrow
        bright = (smooth - (mean + BRIGHT_SD * plan.noise_hu).maximum(tissue)).clamp(min=0)
        tissue = tissue + plan.keeps * bright
    shift = float(((tissue - plain) * inside).sum() / inside.sum().clamp(min=1e-6))

    share = where.share
    after = behind * (1 - share) + share * (tissue + own)
    missing = (1 - ((1 - share) + share * kept).square()).clamp(min=0)
    if float((missing * share).sum() / share.sum().clamp(min=1e-6)) > LITTLE_NOISE:
        drawn = drawn_noise(tuple(hu.shape), scene.noise_correlation, rng, device)
        after = after + plan.noise_hu * missing.sqrt() * drawn
    return after, plan.density.mean_hu + shift, changed | (share > 0)


def _surroundings(
    plan: InsertionPlan, where: Outline, hu: Tensor, smooth: Tensor, blur: float, device: str
) -> tuple[Tensor, Tensor]:
    """HU without the lesion, moved aside and with what is seen around it; and what is changed."""
    behind, changed, steady = hu, where.share > 0, smooth
    if where.steps is not None:
        differs = hu - smooth
        noise = differs * (-(differs / (SHARP_SD * plan.noise_hu)).pow(4)).exp()
        shifted = where.steps.abs().sum(dim=-1) > 0
        behind = hu.where(~shifted, moved(hu - noise, where.steps) + noise)
        steady = moved(smooth, where.steps)
        changed = changed | shifted
    canvas = Canvas(where.offsets, where.away, steady, blur)
    ground = {
        "organ": flags(where.host, device),
        "fat": flags(where.organs == 0, device),
    }
    for feature in plan.features:
        if feature.outside:
            cover = feature.cover(canvas) * ground[feature.ground]
            cover = cover * (cover > 0.01)
            added = feature.hu if feature.relative else feature.hu - steady
            behind = behind + cover * added
            changed = changed | (cover > 0)
    return behind, changed


def _even_tissue(
    plan: InsertionPlan, where: Outline, hu: Tensor, sigma: list[float]
) -> tuple[Tensor, Tensor]:
    """How much each voxel is even tissue of the organ, 0 to 1, and that tissue's mean here."""
    organ = flags(where.host, str(hu.device))
    inside = organ.to(hu.dtype)  # fat beyond the organ's border must not make it uneven
    smooth = gaussian(hu * inside, sigma) / gaussian(inside, sigma).clamp(min=0.1)
    values = smooth[organ]
    values = values[:: max(1, len(values) // 20_000)]
    if len(values) < FEW_VOXELS:
        return hu.new_zeros(hu.shape), hu.new_tensor(plan.density.base_hu)
    middle = values.median()
    spread = 1.4826 * float((values - middle).abs().median())
    limit = float(np.clip(EVEN_SD * spread, 0.75 * plan.noise_hu, 2.5 * plan.noise_hu + 8))
    # The eighth power keeps what is likely noise whole, up to three SD, and nothing beyond five.
    even = inside * (-((smooth - middle) / limit).pow(8)).exp()
    even = even * (-((hu - smooth) / (STRUCTURE_SD * plan.noise_hu)).pow(8)).exp()
    weight = where.share.square() * even
    total = weight.sum()
    return even, (weight * hu).sum() / total if float(total) > FEW_VOXELS else middle


def _own_noise(
    plan: InsertionPlan, share: Tensor, hu: Tensor, even: Tensor, mean: Tensor
) -> tuple[Tensor, Tensor]:
    """The scan's own noise inside of the lesion, and its amplitude in units of the scan's."""
    differs = hu - mean
    weight = share.square() * even
    total = float(weight.sum())
    sd = float((weight * differs.square()).sum() / max(total, 1e-6)) ** 0.5
    if total < FEW_VOXELS or sd == 0:
        sd = plan.noise_hu
    less = min(1.0, NOISIEST * plan.noise_hu / sd)
    share_of_noise = less * sd / plan.noise_hu
    amplitude = 1.0 if share_of_noise > QUIETEST else share_of_noise
    return less * even * differs, even * amplitude


def _texture(
    plan: InsertionPlan, share: Tensor, scene: Scene, rng: np.random.Generator, device: str
) -> Tensor:
    """The lesion's texture: mean 0 and the planned SD inside of it."""
    spacing, sd = scene.geometry.spacing_zyx, plan.density.texture_sd
    sigma = np.maximum(plan.grain_mm / 2.355, plan.point_spread_mm) / spacing
    shape = tuple(share.shape)
    field = grains(shape, [(amount, size * sigma) for amount, size in GRAINS], rng, device)
    weight = _core(share)
    total = weight.sum()
    if float(total) < 2:
        return field * 0
    field = field - (weight * field).sum() / total
    field = field * (sd / ((weight * field.square()).sum() / total).sqrt().clamp(min=0.3))
    if 0 < plan.density.mean_hu < 200:  # soft tissue: necrosis is water, never fat
        field = field.clamp(min=min(-sd, -plan.density.mean_hu))
        field = field - (weight * field).sum() / total
    return field


def _core(share: Tensor) -> Tensor:
    """Weights of the voxels that tell the lesion's own HU."""
    pure = (share > PURE).to(share.dtype)
    return pure if float(pure.sum()) >= FEW_VOXELS else share * (share >= LIKELY_INSIDE)
