"""Reads samples in the layout of PASTA-Gen-30K, published ones and our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.layouts.pastagen import FILES, KEYS, LESION, REPORT, folder_of
from PASTALib.catalog import catalog
from PASTALib.checks import checked_ct
from PASTALib.errors import PastaError
from PASTALib.reading import read_image


@dataclass(frozen=True)
class ReportedLesions:
    """What ``type.json`` says of the lesions in one structure.

    Attributes:
        structure: catalogue key of the structure; None where the catalogue does not have it.
        number: its TotalSegmentator v1 number.
        attributes: as they are in the file, commas at the end taken off.
        centers: voxel indices (z, y, x), one for each lesion; empty where the file has none.
        semi_axes: half sizes in voxels (z, y, x).
        each: attributes of each lesion, where the file tells them apart.
    """

    structure: str | None
    number: int
    attributes: dict[str, str]
    centers: tuple[tuple[int, ...], ...]
    semi_axes: tuple[tuple[int, ...], ...]
    each: tuple[dict[str, str], ...] = ()

    @property
    def pasta(self) -> dict[str, str]:
        """PASTA's five attributes by their catalogue keys, those that the file has."""
        return {key: self.attributes[name] for name, key in KEYS.items() if name in self.attributes}


@dataclass(frozen=True)
class PastaGenSample:
    """One sample.

    Attributes:
        ct: int16 HU; None where the folder has no image.
        organs: uint8 catalogue labels.
        lesion: uint8, 1 in the lesion.
        report: what the file says, by structure.
        type: lesion type by the folder's name, None where it is not one of ours.
    """

    ct: sitk.Image | None
    organs: sitk.Image
    lesion: sitk.Image
    report: tuple[ReportedLesions, ...]
    type: str | None


def read_sample(folder: Path, prefix: str = "") -> PastaGenSample:
    """Read one sample.

    Args:
        folder: with ``img.nii.gz`` (may be missing), ``label.nii.gz``, ``total.nii.gz`` and
            ``type.json``.
        prefix: what these names begin with, where several samples share a folder.

    Raises:
        PastaError: a file is missing or damaged, or the files differ in size.
    """
    names = {key: folder / f"{prefix}{name}" for key, name in FILES.items()}
    label, total = _labels(names["label"]), _labels(names["total"])
    if label.GetSize() != total.GetSize():
        raise PastaError(
            f"label and total of '{folder}' differ in size ({label.GetSize()} and "
            f"{total.GetSize()}); fetch the sample again."
        )
    ct = None
    if names["img"].is_file():
        ct, _ = checked_ct(read_image(names["img"])[0], f"'{names['img']}'")
    known, table = catalog().label_table("totalsegmentator_v1"), np.zeros(256, np.uint8)
    table[list(known)] = list(known.values())
    organs = sitk.GetImageFromArray(table[sitk.GetArrayViewFromImage(total)])
    organs.CopyInformation(total)
    kinds = {folder_of(kind): kind for kind in catalog().lesion_types}
    return PastaGenSample(
        ct=ct,
        organs=organs,
        lesion=sitk.Cast(label == LESION, sitk.sitkUInt8),
        report=read_type_json(folder / f"{prefix}{REPORT}"),
        type=kinds.get("/".join(folder.resolve().parts[-3:-1])),
    )


def find_samples(root: Path) -> Iterator[Path]:
    """Folders of samples below a folder, sorted."""
    return (path.parent for path in sorted(root.rglob(REPORT)))


def read_type_json(path: Path) -> tuple[ReportedLesions, ...]:
    """Read a report: ``{number: [shape, "", attributes, [centers, sizes]]}``, or only attributes.

    Raises:
        PastaError: the file is missing or of another form.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_reported(int(number), entry) for number, entry in data.items())
    except (OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise PastaError(f"'{path}' is missing or no report of PASTA-Gen ({error}).") from error


def _reported(number: int, entry: Any) -> ReportedLesions:
    if isinstance(entry, dict):
        entry = ["", "", entry, ([], [])]
    attributes, places, *apart = entry[2:]
    label = catalog().label_table("totalsegmentator_v1").get(number)
    structure = catalog().by_label[label].key if label is not None else None
    centers, sizes = (tuple(tuple(map(int, place)) for place in part) for part in places)
    each = tuple(_plain(values) for values in (apart[0] if apart else ()))
    return ReportedLesions(structure, number, _plain(attributes), centers, sizes, each)


def _plain(attributes: dict[str, Any]) -> dict[str, str]:
    return {key: str(value).strip().rstrip(",") for key, value in attributes.items()}


def _labels(path: Path) -> sitk.Image:
    """A label map of whole numbers up to 255; published ones are stored as float."""
    image, _ = read_image(path)
    values = sitk.GetArrayViewFromImage(image)
    if values.min() < 0 or values.max() > 255 or not np.array_equal(values, np.rint(values)):
        raise PastaError(f"'{path}' holds other values than labels; fetch the sample again.")
    return sitk.Cast(image, sitk.sitkUInt8)
