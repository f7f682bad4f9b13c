"""A model before and after fine-tuning, on scans that were kept out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.ct import CT, Segmentation
from PASTALib.inference import segment
from PASTALib.lesions import connected_parts, is_large_enough, minimum_diameter
from PASTALib.model import Model
from PASTATrain.evaluation import FOUND_DICE, with_lesions
from PASTATrain.sources import torso_images

JUDGED_TORSO = 3000
"""Seed; no training counts so far."""
Scan = tuple[CT, sitk.Image]
"""A CT, and the numbers of its lesions."""


@dataclass(frozen=True)
class Judged:
    """How a model does on scans.

    Attributes:
        scans: how many.
        dice: of all lesion voxels, mean over the scans.
        lesions: how many there are.
        found: of these, those that a finding overlaps with a Dice of 0.1 or more.
        false: findings that touch no lesion.
    """

    scans: int
    dice: float
    lesions: int
    found: int
    false: int


Box = tuple[slice, slice, slice]
Figures = dict[str, dict[str, Judged]]
"""By what was judged, then by model: ``before`` and ``after``."""


def corrected_scans(folders: Sequence[Path]) -> Iterator[Scan]:
    """Corrected cases, with the lesions that the reader left."""
    for folder in folders:
        image = sitk.ReadImage(str(folder / "ct.nii.gz"), sitk.sitkInt16)
        numbers = sitk.ReadImage(str(folder / "final_instances.nii.gz"), sitk.sitkUInt16)
        yield CT(image, folder.name), numbers


def a_torso(seed: int, spacing_mm: float, types: Sequence[str] = ()) -> Iterator[Scan]:
    """A torso that nothing is trained with, with a lesion of each of these types, or of all."""
    torso = torso_images(JUDGED_TORSO, spacing_mm)
    ct = CT(torso.image, "torso", synthetic=True)
    rng = np.random.default_rng((seed, 7))
    changed, masks = with_lesions(ct, torso.organs, types or list(catalog().lesion_types), rng)
    numbers = np.zeros(torso.image.GetSize()[::-1], np.uint16)
    for number, mask in enumerate(masks.values(), 1):
        numbers[sitk.GetArrayViewFromImage(mask) > 0] = number
    image = sitk.GetImageFromArray(numbers)
    image.CopyInformation(changed.image)
    yield changed, image


def judge(model: Model, scans: Sequence[Scan]) -> Judged:
    """Findings of a model against the lesions of scans."""
    dice, lesions, found, false = [], 0, 0, 0
    for ct, truth in scans:
        numbers = sitk.GetArrayViewFromImage(truth)
        segmentation = segment(ct, model)
        seen = sitk.GetArrayViewFromImage(segmentation.lesions) > 0
        total = int(seen.sum()) + int((numbers > 0).sum())
        dice.append(2 * int((seen & (numbers > 0)).sum()) / total if total else 1.0)
        sizes, best = np.bincount(numbers.ravel()), dict[int, float]()
        for place, mask in _findings(segmentation, model):
            touched = np.bincount(numbers[place][mask])
            hit = [int(number) for number in np.flatnonzero(touched) if number]
            false += not hit
            for number in hit:
                overlap = 2 * touched[number] / (sizes[number] + int(mask.sum()))
                best[number] = max(best.get(number, 0.0), float(overlap))
        lesions += int(np.count_nonzero(sizes[1:]))
        found += sum(overlap >= FOUND_DICE for overlap in best.values())
    return Judged(len(scans), round(float(np.mean(dice)), 4), lesions, found, false)


def _findings(segmentation: Segmentation, model: Model) -> Iterator[tuple[Box, np.ndarray]]:
    """Box and voxels of each finding, as `PASTALib.lesions.find_lesions` tells them apart."""
    labels = sitk.GetArrayViewFromImage(segmentation.lesions)
    voxel_mm3 = float(np.prod(segmentation.lesions.GetSpacing()))
    boxes = dict(enumerate(ndimage.find_objects(labels), start=1))
    for kind in catalog().lesion_types.values():
        smallest = minimum_diameter(kind.key, model.info.spacing_mm)
        box = boxes.get(kind.label)
        for place, mask in connected_parts(labels, kind.label, box) if box else ():
            if is_large_enough(int(mask.sum()), voxel_mm3, smallest):
                yield place, mask


def as_dict(figures: Figures) -> dict[str, dict[str, dict[str, float]]]:
    """The figures as JSON."""
    return {
        what: {when: asdict(row) for when, row in pair.items()} for what, pair in figures.items()
    }


def as_markdown(figures: Figures) -> str:
    """The figures as a table."""
    lines = [
        "| Kept out of training | model | scans | Dice of lesions | found | false findings |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {what} | {when} | {row.scans} | {row.dice:.3f} | {row.found} of {row.lesions} "
        f"| {row.false} |"
        for what, pair in figures.items()
        for when, row in pair.items()
    ]
    return "\n".join(lines) + "\n"
