"""A CT with an inserted lesion, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import slices, start_of
from PASTAGenLib.insertion import Inserted
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.scene import OCCUPIED, Scene
from PASTAGenLib.truth import Truth, truth_of
from PASTALib.catalog import catalog
from PASTALib.lesions import lesion_of
from PASTALib.region import Region


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
        rejected: how often which fact of a drawn lesion was not what a measurement of the picture
            found, before this one was drawn; empty where the first was right.
    """

    ct: sitk.Image
    organs: sitk.Image
    lesion_mask: sitk.Image
    fraction: sitk.Image
    truth: Truth
    plan: InsertionPlan
    rejected: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, eq=False)
class CaseArrays:
    """The same as arrays ``[z, y, x]``, before images are made of them."""

    hu: NDArray[np.int16]
    organs: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    truth: Truth


def case_arrays(
    scene: Scene, organs: sitk.Image, plan: InsertionPlan, inserted: Inserted
) -> CaseArrays:
    """The scan after an insertion, measured.

    Args:
        scene: the scan before.
        organs: image of its organ map.
        plan: the plan.
        inserted: its box after insertion.
    """
    box = slices(plan.box)
    hu = scene.hu.copy()
    hu[box] = inserted.hu
    labels = np.zeros(scene.geometry.shape_zyx, np.uint8)
    labels[box] = inserted.mask * np.uint8(catalog().label(plan.type))
    grown = sitk.GetArrayFromImage(organs).astype(np.uint8, copy=False)
    moved = (inserted.organs != scene.organs[box]) & (inserted.organs != OCCUPIED)
    grown[box][moved] = inserted.organs[moved]
    region = Region.of(inserted.mask, scene.geometry, start_of(plan.box))
    assert region is not None  # a lesion has at least one voxel
    lesions = labels | scene.around.lesions
    around = scene.around.after(hu, grown, lesions, plan.phase, plan.host_labels)
    lesion = lesion_of(region, plan.type, around)
    return CaseArrays(hu, grown, labels, truth_of(plan, lesion, inserted))


def case_of(
    ct: sitk.Image,
    plan: InsertionPlan,
    inserted: Inserted,
    arrays: CaseArrays,
    rejected: tuple[tuple[str, int], ...] = (),
) -> SyntheticCase:
    """The images of an insertion, at the place of the CT before."""
    fraction = np.zeros(arrays.hu.shape, np.uint8)
    fraction[slices(plan.box)] = np.rint(inserted.share * 255)
    return SyntheticCase(
        _image(arrays.hu, ct),
        _image(arrays.organs, ct),
        _image(arrays.labels, ct),
        _image(fraction, ct),
        arrays.truth,
        plan,
        rejected,
    )


def _image(array: NDArray, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return image
