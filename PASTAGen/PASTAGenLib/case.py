"""A CT with an inserted lesion, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import Box, slices, start_of
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
        ct: HU with the lesion, in the type of the CT before.
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


class Trial:
    """A copy of a scan in which one lesion after another is put and measured.

    A lesion leaves the copy before the next one is put in, so that a draw costs what its box does
    and not what the scan does.

    Args:
        scene: the scan, which stays as it is.
        organs: image of its organ map.
    """

    def __init__(self, scene: Scene, organs: sitk.Image) -> None:
        self.scene, self.organs = scene, organs
        self._hu = scene.hu.copy()
        self._labels = sitk.GetArrayFromImage(organs).astype(np.uint8, copy=False)
        self._lesions = scene.around.lesions.copy()
        self._box: Box | None = None

    def measured(self, plan: InsertionPlan, inserted: Inserted) -> Truth:
        """Put a lesion in, in place of the last one, and measure it."""
        self._restore()
        self._box = plan.box
        box = slices(plan.box)
        self._hu[box] = inserted.hu
        self._labels[box] = organs_after(self.scene, self.organs, plan, inserted)
        self._lesions[box] |= inserted.mask
        region = Region.of(inserted.mask, self.scene.geometry, start_of(plan.box))
        assert region is not None  # a lesion has at least one voxel
        around = self.scene.around.after(
            self._hu, self._labels, self._lesions, plan.phase, plan.host_labels
        )
        return truth_of(plan, lesion_of(region, plan.type, around), inserted)

    def _restore(self) -> None:
        if self._box is None:
            return
        box = slices(self._box)
        self._hu[box] = self.scene.hu[box]
        self._labels[box] = sitk.GetArrayViewFromImage(self.organs)[box]
        self._lesions[box] = self.scene.around.lesions[box]


def organs_after(
    scene: Scene, organs: sitk.Image, plan: InsertionPlan, inserted: Inserted
) -> NDArray[np.uint8]:
    """Labels of the organs in a plan's box after an insertion, below other lesions, too."""
    box = slices(plan.box)
    labels = sitk.GetArrayViewFromImage(organs)[box].astype(np.uint8)
    moved = (inserted.organs != scene.organs[box]) & (inserted.organs != OCCUPIED)
    labels[moved] = inserted.organs[moved]
    return labels


def case_of(
    trial: Trial,
    ct: sitk.Image,
    plan: InsertionPlan,
    inserted: Inserted,
    truth: Truth,
    rejected: tuple[tuple[str, int], ...] = (),
) -> SyntheticCase:
    """The images of an insertion.

    Args:
        trial: the scan with its organs.
        ct: its CT, whose voxels stay as they are outside of the lesion's box.
        plan: the plan.
        inserted: its box after insertion.
        truth: its measured facts.
        rejected: see `SyntheticCase`.
    """
    box = slices(plan.box)
    hu, labels = sitk.GetArrayFromImage(ct), sitk.GetArrayFromImage(trial.organs)
    changed = inserted.hu != trial.scene.hu[box]
    hu[box][changed] = inserted.hu[changed]
    labels = labels.astype(np.uint8, copy=False)
    labels[box] = organs_after(trial.scene, trial.organs, plan, inserted)
    mask, fraction = (np.zeros(hu.shape, np.uint8) for _ in range(2))
    mask[box] = inserted.mask * np.uint8(catalog().label(plan.type))
    fraction[box] = np.rint(inserted.share * 255)
    after, organs, lesion, share = (_image(array, ct) for array in (hu, labels, mask, fraction))
    return SyntheticCase(after, organs, lesion, share, truth, plan, rejected)


def _image(array: NDArray, like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return image
