"""Where a planned lesion is: the share of each voxel that is lesion, and its mask.

The shape is asked at the voxels' own places, several times a voxel where it is small, so that any
grid will do and the scan itself is never resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTAGenLib.boxes import grown, offsets_from, slices
from PASTAGenLib.features.lumen import Lumen
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.scene import BONE_LABELS, OCCUPIED, Scene
from PASTAGenLib.tensors import flags, gaussian, joined, normal_cdf, on
from PASTAGenLib.warp import Shift, displacement, index_steps, moved, moved_labels, stiffness
from PASTALib.margin import TEN_TO_NINETY

if TYPE_CHECKING:
    from torch import Tensor

LIKELY_INSIDE = 0.5
LEAST_SHARE = 0.01
SMALL_VOXELS = 40
"""Masks of fewer voxels get the volume of the lesion rather than its half-share contour."""
FAT_HU = (-160, -20)
RIM_HU = 60
RIM_VOXELS = 2
"""Between an organ and its fat lie one or two voxels of neither HU."""
GAS_HU, HALF_GAS_HU = -400, -200
LEFT_OUT_MM = 4.0
"""So far inside of the wall may an organ map at 3 mm end."""
CUT_VOXELS = 0.5
"""Where the organ ends the lesion is cut as softly as the scan shows the organ's edge."""
MOST_VOXELS = 150_000
"""So many voxels are asked at once; more do not fit into a processor's cache."""
FAR_MM = 1000.0
"""Stands for the distance of voxels that nothing reaches, near the corners of the box."""


@dataclass(frozen=True, eq=False)
class Outline:
    """A lesion in the voxels of its plan's box, ``[z, y, x]``.

    Attributes:
        offsets: LPS mm from the lesion's center, ``[z, y, x, 3]``.
        away: distance in mm from its surface, negative inside, or `FAR_MM`.
        shift: displacement of the surroundings; None if nothing moves.
        organs: labels of the organs after the displacement.
        host: voxels of its organ after the displacement.
        share: share of lesion in each voxel, 0 to 1; 0 where it may not be.
    """

    offsets: Tensor
    away: Tensor
    shift: Shift | None
    organs: NDArray[np.uint8]
    host: NDArray[np.bool_]
    share: Tensor


def outline(plan: InsertionPlan, scene: Scene, device: str = "cpu") -> Outline:
    """The outline of a planned lesion in a scene."""
    where = slices(plan.box)
    geometry = scene.geometry
    organs, hu = scene.organs[where], on(scene.hu[where], device)
    offsets = on(offsets_from(np.array(plan.blob.center), geometry, plan.box), device)
    wider = [feature for feature in plan.features if isinstance(feature, Lumen)]
    near = plan.blob.near(offsets, plan.reach_mm + float(geometry.spacing_zyx.max()))
    for lumen in wider:
        near = near | lumen.near(offsets)
    close = offsets[near]
    walled = [] if plan.thickness_mm is None else [on(wall_depth(plan, scene), device)[near]]
    pieces = zip(*(each.split(MOST_VOXELS) for each in [close, *walled]), strict=True)
    asked = [_asked(plan, scene, *piece) for piece in pieces]
    away, normal, share = (joined(found) for found in zip(*asked, strict=True))
    shift = None
    if plan.mass_effect.push_mm > 0 or wider:
        fixed = flags(BONE_LABELS[organs] | (organs == OCCUPIED), device)
        stiff = stiffness(hu, fixed, geometry)[near]
        steps = displacement(plan.mass_effect, away, normal, stiff, geometry)
        for lumen in wider:
            steps = steps + index_steps(lumen.displacement(close, away), stiff, geometry)
        shift = Shift.of(near, steps)
        organs = moved_labels(organs, shift)
    away = hu.new_full(hu.shape, FAR_MM).masked_scatter(near, away)
    share = hu.new_zeros(hu.shape).masked_scatter(near, share)
    host = Scene.table(plan.host_labels)[organs]
    free = host
    if plan.outward_mm > 0:
        free = free | _free_fat(hu if shift is None else moved(hu, shift), organs, host)
    if plan.form != "mass":
        free = free | _unlabelled_gas(scene.hu[where], organs, host, geometry.spacing_zyx)
    open_ = flags(free, device)
    share = share * gaussian(open_.to(share.dtype), (CUT_VOXELS,) * 3) * open_
    share = share * (share >= LEAST_SHARE)
    return Outline(offsets, away, shift, organs, host, _attached(share, host))


def _asked(
    plan: InsertionPlan, scene: Scene, offsets: Tensor, depth: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Distance, normal and share of some voxels."""
    geometry = scene.geometry
    finest = plan.thickness_mm or min(plan.blob.semi_axes)
    parts = np.clip(np.ceil(1.5 * geometry.spacing_zyx / finest), 1, 3).astype(int)
    steps = on(geometry.steps_zyx / parts, str(offsets.device))
    own = (plan.density.edge_mm / TEN_TO_NINETY) ** 2 + plan.point_spread_mm**2
    total = offsets.new_zeros(len(offsets))
    for shift in np.ndindex(*parts):
        part = geometry.steps_zyx @ ((np.array(shift) + 0.5) / parts - 0.5)
        moved_offsets = offsets + offsets.new_tensor(part) if parts.max() > 1 else offsets
        away, normal = plan.blob.distance(moved_offsets)
        # A voxel that the edge crosses at an angle blurs it by its width along the normal.
        sd = ((normal @ steps).square().sum(dim=-1) / 12 + own).sqrt()
        if depth is not None:
            away = _along_wall(plan, away, depth)
        total += normal_cdf(-away / sd)
    if parts.max() > 1:
        away, normal = plan.blob.distance(offsets)
        away = away if depth is None else _along_wall(plan, away, depth)
    return away, normal, total / int(parts.prod())


def _along_wall(plan: InsertionPlan, away: Tensor, depth: Tensor) -> Tensor:
    """Distance to a layer on the wall: thickest in its middle, running out to its ends."""
    assert plan.thickness_mm is not None
    taper = (-away / (min(plan.blob.semi_axes) / 2)).clamp(0, 1).sqrt()
    layer = (depth - plan.thickness_mm * taper).maximum(-plan.outward_mm * taper - depth)
    return away.maximum(layer)


def _free_fat(hu: Tensor, organs: NDArray[np.uint8], host: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Unlabelled fat, and the partial-volume voxels between the organ and that fat."""
    near = hu.cpu().numpy()
    free = (organs == 0) & (near >= FAT_HU[0])
    rim = (near <= RIM_HU) & ndimage.binary_dilation(host, iterations=RIM_VOXELS)
    return np.asarray(free & ((near <= FAT_HU[1]) | rim))


def _unlabelled_gas(
    hu: NDArray[np.int16],
    organs: NDArray[np.uint8],
    host: NDArray[np.bool_],
    spacing: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Gas of the lumen that a coarse organ map leaves out: no rim of it parts lesion and wall."""
    found = np.zeros(hu.shape, bool)
    open_ = (organs == 0) & (hu < HALF_GAS_HU)
    if not open_.any():
        return found
    # Distances are slow to find, and only those near to what may be such gas are needed.
    bounds = [(part.start, part.stop) for part in ndimage.find_objects(open_.view(np.uint8))[0]]
    reach = np.ceil(LEFT_OUT_MM / spacing) + 2
    cut = slices(grown((bounds[0], bounds[1], bounds[2]), reach, hu.shape))
    gas = (hu[cut] < GAS_HU) & ((organs[cut] == 0) | host[cut])  # a lung's is another matter
    near = ndimage.distance_transform_edt(~host[cut], sampling=spacing) <= LEFT_OUT_MM
    found[cut] = ndimage.binary_dilation(gas & near) & near & open_[cut]
    return found


def _attached(share: Tensor, host: NDArray[np.bool_]) -> Tensor:
    """Only the largest piece in the organ: a loop of bowel nearby is another place."""
    pieces, count = ndimage.label(share.cpu().numpy() >= LIKELY_INSIDE)
    if count < 2:
        return share
    weights = np.bincount(pieces[host], minlength=count + 1)
    weights[0] = 0
    largest = pieces == int(np.argmax(weights))
    return share * flags(ndimage.binary_dilation(largest, iterations=2), str(share.device))


def wall_depth(plan: InsertionPlan, scene: Scene) -> NDArray[np.float32]:
    """Distance in mm from the organ's outer surface, negative outside, in the box's voxels."""
    spacing = scene.geometry.spacing_zyx
    reach = float(plan.thickness_mm or 0) + float(spacing.max())
    wide = grown(plan.box, np.ceil(reach / spacing), scene.geometry.shape_zyx)
    organs = scene.organs[slices(wide)]
    host = Scene.table(plan.host_labels)[organs]
    inside = host | _unlabelled_gas(scene.hu[slices(wide)], organs, host, spacing)
    inner = tuple(
        slice(own[0] - whole[0], own[1] - whole[0])
        for own, whole in zip(plan.box, wide, strict=True)
    )
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(scene.geometry.spacing)
    # To the centers of the organ's outermost voxels; their faces are half a voxel further out.
    distance = sitk.SignedMaurerDistanceMapImageFilter()
    distance.SetSquaredDistance(False)
    distance.SetUseImageSpacing(True)
    distance.SetNumberOfThreads(1)  # starting threads takes longer than such a box
    away = distance.Execute(image)
    half = np.float32(0.5 * spacing.mean())
    return np.asarray(half - sitk.GetArrayViewFromImage(away)[inner], np.float32)


def lesion_mask(share: Tensor) -> NDArray[np.bool_]:
    """Voxels that are mostly lesion; at least one if there is any lesion at all.

    Half-share contours lose most of a lesion of a few voxels, so small masks take the fullest
    voxels up to the lesion's volume.
    """
    shares = share.cpu().numpy()
    mask = shares >= LIKELY_INSIDE
    if mask.sum() < SMALL_VOXELS and shares.any():
        count = min(max(int(mask.sum()), round(float(shares.sum())), 1), int((shares > 0.2).sum()))
        fullest = np.argsort(-shares, axis=None, kind="stable")[: max(count, 1)]
        mask = np.zeros(shares.shape, bool)
        mask.ravel()[fullest] = True
    return np.asarray(mask)
