"""Put a planned lesion into a CT. Pure: the same plan and CT give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import slices
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.plan import plan_in
from PASTAGenLib.render import lesion_mask, lesion_share, room, tissue
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.truth import Truth, truth_of
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry

HU_RANGE = (-1024, 3071)
"""What 12-bit scanners store."""


@dataclass(frozen=True)
class Inserted:
    """One lesion in the voxels of its box.

    Attributes:
        hu: int16 HU of the box after insertion.
        mask: voxels of the box that are lesion.
        share: share of lesion in each voxel, 0 to 1.
    """

    hu: NDArray[np.int16]
    mask: NDArray[np.bool_]
    share: NDArray[np.float32]


@dataclass(frozen=True)
class SyntheticCase:
    """A CT with an inserted lesion; all images are on the grid of the CT.

    Attributes:
        ct: int16 HU with the lesion.
        organs: uint8 catalogue labels; an organ includes its lesions, also where they protrude.
        lesion_mask: uint8 catalogue label of the lesion type, 0 elsewhere.
        fraction: uint8, share of the lesion in each voxel times 255, with its soft edge.
        truth: what is in the picture, measured and as planned.
        plan: how it was made.
    """

    ct: sitk.Image
    organs: sitk.Image
    lesion_mask: sitk.Image
    fraction: sitk.Image
    truth: Truth
    plan: InsertionPlan


def apply_in(
    hu: NDArray[np.int16], organs: NDArray[np.uint8], geometry: Geometry, plan: InsertionPlan
) -> Inserted:
    """The box of a plan after insertion; the arrays handed in are left as they are.

    Raises:
        PastaError: the plan was made for a scan of another size.
    """
    if tuple(plan.grid_shape) != geometry.shape_zyx:
        raise PastaError("The plan was made for a scan of another size; plan the lesion anew.")
    before = hu[slices(plan.box)]
    share = lesion_share(plan, geometry, hu, organs)
    if not share.any():
        raise PastaError("The plan finds no room in this organ map; plan the lesion anew.")
    _, free = room(plan, hu, organs, plan.box)
    filled = tissue(plan, geometry, before.astype(np.float32), free, share)
    after = np.rint(before + share * (filled - before)).clip(*HU_RANGE).astype(np.int16)
    return Inserted(np.where(share > 0, after, before), lesion_mask(share), share)


def insert_in(
    scene: Scene, spec: LesionSpec, rng: np.random.Generator
) -> tuple[InsertionPlan, Inserted]:
    """Plan and apply on arrays: the box ``plan.box`` of the scene's HU is to become ``.hu``.

    Raises:
        PastaError: see `plan`.
    """
    plan = plan_in(scene, spec, rng)
    return plan, apply_in(scene.hu, scene.organs, scene.geometry, plan)


def apply(
    ct: sitk.Image, organs: sitk.Image, plan: InsertionPlan, lesions: sitk.Image | None = None
) -> SyntheticCase:
    """Put a planned lesion into a CT.

    Args:
        ct: the CT that was planned on.
        organs: its organ map.
        plan: the plan.
        lesions: nonzero where lesions already are, as handed to `plan`.

    Raises:
        PastaError: the plan was made for another scan, or the images do not match.
    """
    return _apply(Scene.of(ct, organs, lesions), ct, organs, plan)


def _apply(scene: Scene, ct: sitk.Image, organs: sitk.Image, plan: InsertionPlan) -> SyntheticCase:
    inserted = apply_in(scene.hu, scene.organs, scene.geometry, plan)
    box = slices(plan.box)
    hu = scene.hu.copy()
    hu[box] = inserted.hu
    labels = np.zeros(scene.geometry.shape_zyx, np.uint8)
    labels[box] = inserted.mask * np.uint8(catalog().label(plan.type))
    fraction = np.zeros(scene.geometry.shape_zyx, np.uint8)
    fraction[box] = np.rint(inserted.share * 255)
    grown = sitk.GetArrayFromImage(organs).astype(np.uint8, copy=False)
    grown[box][inserted.mask & (grown[box] == 0)] = plan.host_labels[0]
    truth = truth_of(plan, ct, inserted.hu, inserted.mask, inserted.share, grown)
    return SyntheticCase(
        _image(hu, ct), _image(grown, ct), _image(labels, ct), _image(fraction, ct), truth, plan
    )


def _image(array: NDArray, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return image


def insert(
    ct: sitk.Image,
    organs: sitk.Image,
    spec: LesionSpec,
    rng: np.random.Generator | None = None,
    lesions: sitk.Image | None = None,
) -> SyntheticCase:
    """Plan and apply one lesion. Without `rng`, the seed of the spec is used.

    Raises:
        PastaError: see `plan`.
    """
    generator = np.random.default_rng(spec.seed) if rng is None else rng
    scene = Scene.of(ct, organs, lesions)
    return _apply(scene, ct, organs, plan_in(scene, spec, generator))


def insert_many(
    ct: sitk.Image,
    organs: sitk.Image,
    specs: Sequence[LesionSpec],
    rng: np.random.Generator | None = None,
) -> list[SyntheticCase]:
    """Insert lesions one after the other, none on top of another.

    Returns:
        One case a lesion. Each case's CT and organ map hold the lesions before it, too, so that
        the last one holds all; each lesion mask holds its own lesion only.

    Raises:
        PastaError: see `plan`.
    """
    cases: list[SyntheticCase] = []
    lesions = sitk.Image(ct.GetSize(), sitk.sitkUInt8)
    lesions.CopyInformation(ct)
    for spec in specs:
        cases.append(insert(ct, organs, spec, rng, lesions))
        ct, organs = cases[-1].ct, cases[-1].organs
        lesions = sitk.Maximum(lesions, cases[-1].lesion_mask)
    return cases
