"""The HU of a lesion and of what it does to its surroundings.

A voxel of the scan is structure and noise. Noise belongs to the acquisition: it stays in its place
while anatomy moves, and inserted tissue takes it over. So

    after = (1 - s) (structure, moved) + s (the lesion's tissue) + noise

with the share s of lesion in the voxel. Where the lesion replaces even tissue, the noise is what
the voxel differs from that tissue's mean, at all frequencies: a lesion without contrast changes
nothing and leaves no seam. Where it replaces a vessel, gas or a wall, new noise of the scan's own
spectrum is drawn (see `noise`). Outside of the lesion only what is moved is split at all: even
tissue in the same way, so that moving it changes nothing, and elsewhere steep edges count as
structure, so that interpolation never makes tissue cleaner.

The mean HU is that of the lesion's core, as a reader measures it in a region of interest that keeps
off the rim (`attributes.core_of`): texture, noise and a soft edge that reaches into the core do not
change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.boxes import slices
from PASTAGenLib.features.canvas import Canvas, paint
from PASTAGenLib.features.lumen import Lumen
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.noise import drawn_noise, grains
from PASTAGenLib.outline import Outline
from PASTAGenLib.scene import Scene
from PASTAGenLib.tensors import flags, gaussian, on
from PASTAGenLib.warp import moved
from PASTALib.attributes import core_of

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
EVEN_NOISE = (0.75, 2.0)
"""In units of the noise SD, where that limit lies: the local mean of mere noise has half its SD,
and cortex and medulla of a kidney are not one tissue."""
NOISIEST = 1.15
"""Own noise may exceed the scan's by this factor; more is the texture of the replaced tissue."""
BRIGHT_SD = 4.0
"""What is brighter than the organ by more noise SD is a vessel, or the cortex of a bone."""
PURE = 0.95
"""Voxels with this share of lesion hold nothing else."""
QUIETEST = 0.75
"""Own noise of this share of the scan's is the scan's, known to no better; nothing is added."""
FEW_VOXELS = 8.0
MOST_RAISED_HU = 30.0
"""What a soft edge takes from the core's mean is made up for by so much at most."""
LITTLE_NOISE = 0.05
"""Less missing noise variance is not worth drawing."""
UNEVEN_REST = (1.0, 0.6)
"""Least SD of the core's texture in units of the whole lesion's, of even and of uneven lesions."""
GRAINS = ((0.92, 1.0), (0.39, 3.0))
"""Amplitudes and relative sizes of a texture's grains."""


def picture(
    plan: InsertionPlan, scene: Scene, where: Outline, mask: NDArray[np.bool_], device: str
) -> tuple[Tensor, float, Tensor]:
    """HU of the box with the lesion.

    Args:
        plan: the plan.
        scene: the scan.
        where: the lesion's outline.
        mask: its mask in the box.
        device: where it is painted.

    Returns:
        HU; the mean HU that tissue and features were given; and where the picture is changed.
    """
    hu = on(scene.hu[slices(plan.box)], device)
    rng = np.random.default_rng(plan.texture_seed)
    spacing = scene.geometry.spacing_zyx
    sigma = np.clip(SMOOTHING * spacing.min() / spacing, 0.3, SMOOTHING).tolist()
    smooth = gaussian(hu, sigma)
    blur = float(np.hypot(plan.point_spread_mm, np.sort(spacing)[:2].mean() / 12**0.5))
    inner = core_of(mask, spacing)
    share, core = where.share, _core(where.share, mask, inner)

    even, mean = _even_tissue(plan, where, hu, core, sigma)
    own, kept = _own_noise(plan, share, hu, even, mean)
    behind, changed = _surroundings(plan, scene, where, hu, smooth, even, mean, blur)

    canvas = Canvas(where.offsets, where.away, smooth, blur)
    plain = plan.density.mean_hu + _texture(plan, share, core, spacing, rng)
    tissue = plain
    for feature in plan.features:
        if not feature.outside:
            tissue = paint(feature, canvas, tissue, feature.cover(canvas))
    if plan.keeps > 0:  # vessels seen through ground glass, cortex over marrow
        bright = (smooth - (mean + BRIGHT_SD * plan.noise_hu).maximum(tissue)).clamp(min=0)
        tissue = tissue + plan.keeps * bright
    planned = plan.density.mean_hu + float(_mean(tissue - plain, core))

    if inner is not None:
        missed = float(planned - _mean(behind * (1 - share) + share * tissue, core))
        raised = float(np.clip(missed, -MOST_RAISED_HU, MOST_RAISED_HU))
        tissue = tissue + raised / _mean(share, core)
        planned += raised - missed
    after = behind * (1 - share) + share * (tissue + own)
    missing = (1 - ((1 - share) + share * kept).square()).clamp(min=0)
    if float(_mean(missing, share)) > LITTLE_NOISE:
        drawn = missing.sqrt() * drawn_noise(tuple(hu.shape), scene.noise_correlation, rng, device)
        after = after + plan.noise_hu * (drawn - share * _mean(drawn, core))
    return after, planned, changed | (share > 0)


def _mean(field: Tensor, weight: Tensor) -> Tensor:
    """Mean of a field by weights."""
    return (field * weight).sum() / weight.sum().clamp(min=1e-6)


def _surroundings(
    plan: InsertionPlan,
    scene: Scene,
    where: Outline,
    hu: Tensor,
    smooth: Tensor,
    even: Tensor,
    mean: Tensor,
    blur: float,
) -> tuple[Tensor, Tensor]:
    """HU without the lesion, moved aside and with what is seen around it; and what is changed."""
    behind, changed, steady = hu, where.share > 0, smooth
    if where.shift is not None:
        differs = hu - smooth
        fine = differs * (-(differs / (SHARP_SD * plan.noise_hu)).pow(4)).exp()
        noise = fine + even * (hu - mean - fine)
        moving = where.shift.moving
        behind = hu.masked_scatter(moving, where.shift.brought(hu - noise) + noise[moving])
        steady = moved(smooth, where.shift)
        changed = changed | moving
    canvas = Canvas(where.offsets, where.away, steady, blur)
    device = str(hu.device)
    ground = {
        "organ": flags(where.host, device),
        "fat": flags(where.organs == 0, device),
    }
    for feature in plan.features:
        if feature.outside:
            cover = feature.cover(canvas) * ground[feature.ground]
            cover = cover * (cover > 0.01)
            if isinstance(feature, Lumen):  # what is filled anew keeps no trace of what was there
                content = feature.hu + _fresh_noise(plan, scene, hu)
                behind = behind + cover * (content - behind)
            else:
                added = feature.hu if feature.relative else feature.hu - steady
                behind = behind + cover * added
            changed = changed | (cover > 0)
    return behind, changed


def _fresh_noise(plan: InsertionPlan, scene: Scene, hu: Tensor) -> Tensor:
    """Noise of the scan's spectrum, in HU, for what is filled around the lesion."""
    rng, sd = np.random.default_rng((plan.texture_seed, 1)), min(plan.noise_hu, scene.noise_hu)
    return sd * drawn_noise(tuple(hu.shape), scene.noise_correlation, rng, str(hu.device))


def _even_tissue(
    plan: InsertionPlan, where: Outline, hu: Tensor, core: Tensor, sigma: list[float]
) -> tuple[Tensor, Tensor]:
    """How much each voxel is even tissue of the organ, 0 to 1, and its mean in the lesion."""
    organ = flags(where.host, str(hu.device))
    inside = organ.to(hu.dtype)  # fat beyond the organ's border must not make it uneven
    smooth = gaussian(hu * inside, sigma) / gaussian(inside, sigma).clamp(min=0.1)
    values = smooth[organ]
    values = values[:: max(1, len(values) // 20_000)]
    if len(values) < FEW_VOXELS:
        return hu.new_zeros(hu.shape), hu.new_tensor(plan.density.base_hu)
    middle = values.median()
    spread = 1.4826 * float((values - middle).abs().median())
    least, most = (times * plan.noise_hu for times in EVEN_NOISE)
    limit = float(np.clip(EVEN_SD * spread, least, most))
    # The eighth power keeps what is likely noise whole, up to three SD, and nothing beyond five.
    even = inside * (-((smooth - middle) / limit).pow(8)).exp()
    even = even * (-((hu - smooth) / (STRUCTURE_SD * plan.noise_hu)).pow(8)).exp()
    weight = core * even
    return even, _mean(hu, weight) if float(weight.sum()) > FEW_VOXELS else middle


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
    plan: InsertionPlan,
    share: Tensor,
    core: Tensor,
    spacing: NDArray[np.float64],
    rng: np.random.Generator,
) -> Tensor:
    """The lesion's texture: mean 0 and the planned SD in its core.

    A core of a few grains may be more even than the rest by chance; what is not to be seen there is
    not made up for by so much more outside (`UNEVEN_REST`).
    """
    sd = plan.density.texture_sd
    sigma = np.maximum(plan.grain_mm / 2.355, plan.point_spread_mm) / spacing
    layers = [(amount, size * sigma) for amount, size in GRAINS]
    field = grains(tuple(core.shape), layers, rng, str(core.device))
    if float(core.sum()) < 2:
        return field * 0
    field = field - _mean(field, core)
    inner, whole = (_mean(field.square(), weight).sqrt() for weight in (core, share))
    least = UNEVEN_REST[plan.density.heterogeneity == "Heterogeneous"] * float(whole)
    field = field * (sd / inner.clamp(min=max(least, 0.3)))
    if 0 < plan.density.mean_hu < 200:  # soft tissue: necrosis is water, never fat
        field = field.clamp(min=min(-sd, -plan.density.mean_hu))
        field = field - _mean(field, core)
    return field


def _core(share: Tensor, mask: NDArray[np.bool_], inner: NDArray[np.bool_] | None) -> Tensor:
    """Weights of the voxels that tell the lesion's own HU."""
    if inner is not None:
        return flags(inner, str(share.device)).to(share.dtype)
    pure = (share > PURE).to(share.dtype)
    return pure if float(pure.sum()) >= FEW_VOXELS else share * flags(mask, str(share.device))
