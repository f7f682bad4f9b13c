"""Put a planned lesion into a CT. Pure: the same plan and CT give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.grid import Grid, slices
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.plan import plan_in
from PASTAGenLib.render import lesion_mask, lesion_share, room, tissue
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.truth import Truth, truth_of
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError


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
    """A CT with an inserted lesion.

    Attributes:
        ct: int16 HU with the lesion.
        organs: the organ map; organs include their lesions.
        lesion_mask: uint8 catalogue label of the lesion type, 0 elsewhere.
        truth: what is in the picture, measured and as planned.
        plan: how it was made.
    """

    ct: sitk.Image
    organs: sitk.Image
    lesion_mask: sitk.Image
    truth: Truth
    plan: InsertionPlan


def apply_in(
    hu: NDArray[np.int16], organs: NDArray[np.uint8], grid: Grid, plan: InsertionPlan
) -> Inserted:
    """The box of a plan after insertion; the arrays handed in are left as they are.

    Raises:
        PastaError: the plan was made for a scan of another size.
    """
    if tuple(plan.grid_shape) != grid.shape:
        raise PastaError("The plan was made for a scan of another size; plan the lesion anew.")
    before = hu[slices(plan.box)]
    share = lesion_share(plan, grid, hu, organs)
    _, free = room(plan, hu, organs, plan.box)
    filled = tissue(plan, grid, before.astype(np.float32), free, share)
    after = np.rint(before + share * (filled - before)).clip(-1024, 3071).astype(np.int16)
    return Inserted(np.where(share > 0, after, before), lesion_mask(share), share)


def apply(ct: sitk.Image, organs: sitk.Image, plan: InsertionPlan) -> SyntheticCase:
    """Put a planned lesion into a CT.

    Raises:
        PastaError: the plan was made for another scan, or the images do not match.
    """
    return _apply(Scene.of(ct, organs), ct, organs, plan)


def _apply(scene: Scene, ct: sitk.Image, organs: sitk.Image, plan: InsertionPlan) -> SyntheticCase:
    inserted = apply_in(scene.hu, scene.organs, scene.grid, plan)
    hu = scene.hu.copy()
    hu[slices(plan.box)] = inserted.hu
    labels = np.zeros(scene.grid.shape, np.uint8)
    labels[slices(plan.box)] = inserted.mask * np.uint8(catalog().label(plan.type))
    images = [sitk.GetImageFromArray(array) for array in (hu, labels)]
    for image in images:
        image.CopyInformation(ct)
    truth = truth_of(plan, scene.grid, inserted.hu, inserted.mask)
    return SyntheticCase(images[0], organs, images[1], truth, plan)


def _generator(spec: LesionSpec, rng: np.random.Generator | None) -> np.random.Generator:
    return np.random.default_rng(spec.seed) if rng is None else rng


def insert(
    ct: sitk.Image,
    organs: sitk.Image,
    spec: LesionSpec,
    rng: np.random.Generator | None = None,
) -> SyntheticCase:
    """Plan and apply one lesion. Without `rng`, the seed of the spec is used.

    Raises:
        PastaError: see `plan`.
    """
    scene = Scene.of(ct, organs)
    return _apply(scene, ct, organs, plan_in(scene, spec, _generator(spec, rng)))


def insert_many(
    ct: sitk.Image,
    organs: sitk.Image,
    specs: Sequence[LesionSpec],
    rng: np.random.Generator | None = None,
) -> list[SyntheticCase]:
    """Insert lesions one after the other; the last case holds all of them in its CT.

    Raises:
        PastaError: see `plan`.
    """
    cases: list[SyntheticCase] = []
    for spec in specs:
        cases.append(insert(ct, organs, spec, rng))
        ct = cases[-1].ct
    return cases


def insert_in(
    scene: Scene, spec: LesionSpec, rng: np.random.Generator
) -> tuple[InsertionPlan, Inserted]:
    """Plan and apply on arrays; the box ``plan.box`` of the scene's HU is to become ``.hu``.

    Raises:
        PastaError: see `plan`.
    """
    plan = plan_in(scene, spec, rng)
    return plan, apply_in(scene.hu, scene.organs, scene.grid, plan)
