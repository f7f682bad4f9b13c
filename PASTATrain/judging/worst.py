"""Pictures of what went worst: the lowest Dice, and the largest lesions that were missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.reading import read_ct, read_image
from PASTATrain.judging.plots import LUNG_WINDOW, WINDOW, slice_picture
from PASTATrain.judging.predictions import read_prediction, read_truth
from PASTATrain.judging.rows import Judged, StructureRow
from PASTATrain.manifest import Entry

SHOWN = 6
"""Pictures of each kind."""
GOOD_DICE = 0.95
"""From here on nothing is worth a picture."""
AROUND_MM = 40.0


@dataclass(frozen=True)
class WorstCase:
    """A picture with what it shows."""

    caption: str
    png: bytes


def worst_cases(judged: Judged, folder: Path, entries: Sequence[Entry]) -> list[WorstCase]:
    """The lowest Dice values, then the largest missed lesions."""
    by_name = {entry.name: entry for entry in entries}
    shown = []
    poor = [row for row in judged.structures if row.dice < GOOD_DICE and not _is_missed(row)]
    for row in sorted(poor, key=lambda row: row.dice)[:SHOWN]:
        labels = _labels(row.structure)
        caption = f"{row.case}: {row.structure.replace('_', ' ')}, Dice {row.dice:.2f}"
        shown.append(_picture(by_name[row.case], folder, labels, None, caption))
    missed = [row for row in judged.lesions if not row.found]
    for lesion in sorted(missed, key=lambda row: -row.diameter_mm)[:SHOWN]:
        caption = (
            f"{lesion.case}: missed {lesion.type.replace('_', ' ')}, {lesion.diameter_mm:.0f} mm"
        )
        shown.append(
            _picture(by_name[lesion.case], folder, _labels(lesion.type), lesion.number, caption)
        )
    return shown


def _is_missed(row: StructureRow) -> bool:
    """Whether it is a lesion type of which nothing was found: those are shown as missed lesions."""
    return row.dice == 0 and row.structure in catalog().lesion_types


def _labels(key: str) -> tuple[int, ...]:
    kind = catalog().lesion_types.get(key)
    return (kind.label,) if kind else catalog().labels_of(key)


def _picture(
    entry: Entry, folder: Path, labels: tuple[int, ...], lesion: int | None, caption: str
) -> WorstCase:
    """The axial slice with most of the truth, cut out around it."""
    image, truth = read_truth(entry)
    found = read_prediction(folder, entry, image)
    is_ct = entry.modality == "ct"
    scan = read_ct(entry.image).image if is_ct else read_image(entry.image)[0]
    scan = sitk.Resample(scan, image, sitk.Transform(), sitk.sitkLinear, -1024.0 if is_ct else 0.0)
    is_lesion = labels[0] in {kind.label for kind in catalog().lesion_types.values()}
    true = np.isin(truth.lesions if is_lesion else truth.organs, labels)
    if lesion is not None:
        true = np.zeros_like(true)
        true[truth.blobs[lesion].box] = truth.blobs[lesion].mask
    other = np.isin(found.lesions if is_lesion else found.organs, labels)
    arrays = [sitk.GetArrayFromImage(scan), true, other]
    arrays = [_upright(array, image) for array in arrays]
    spacing = sitk.DICOMOrient(image, "LPS").GetSpacing()[::-1]
    z = int(arrays[1].sum(axis=(1, 2)).argmax())
    box = _around(arrays[1][z] | arrays[2][z], spacing[1:])
    hu, true, other = (array[z][box] for array in arrays)
    return WorstCase(caption, slice_picture(hu, true, other, spacing[1:], _window(hu, true, is_ct)))


def _window(values: np.ndarray, true: np.ndarray, is_ct: bool) -> tuple[float, float]:
    if not is_ct:
        low, high = np.percentile(values, (1, 99))
        return float(low), float(high)
    return LUNG_WINDOW if true.any() and float(np.median(values[true])) < -300 else WINDOW


def _upright(array: np.ndarray, geometry: sitk.Image) -> np.ndarray:
    """The array with LPS axes."""
    image = sitk.GetImageFromArray(array.astype(np.int16))
    image.CopyInformation(geometry)
    turned = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
    return turned.astype(bool) if array.dtype == bool else turned


def _around(mask: np.ndarray, spacing: Sequence[float]) -> tuple[slice, slice]:
    rows, columns = np.nonzero(mask)
    sides = []
    for places, step in ((rows, spacing[0]), (columns, spacing[1])):
        margin = round(AROUND_MM / step)
        sides.append(slice(max(0, int(places.min()) - margin), int(places.max()) + margin + 1))
    return sides[0], sides[1]
