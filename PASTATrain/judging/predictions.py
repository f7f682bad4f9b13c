"""What a model found in a scan: the folder that ``pasta analyze`` writes, or label files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.hosts import include_lesions
from PASTATrain.manifest import Entry

SCORES = "scores.csv"
"""Optional, beside the cases or instead of them: ``name`` and, as far as a model tells them,
``malignancy``, ``malignancy_ORGAN``, ``stage_STAGE`` (probabilities) and ``risk``."""
_NEIGHBORS = np.ones((3, 3, 3))


@dataclass(frozen=True)
class Blob:
    """One lesion, true or found: a connected part of a lesion type.

    Attributes:
        type: lesion type.
        start: first voxel of its box, ``[z, y, x]``.
        mask: boolean, within the box.
        confidence: of a finding, 0 to 1; 1 where it is not told.
        attributes: value of each report attribute that is told.
    """

    type: str
    start: tuple[int, ...]
    mask: np.ndarray
    confidence: float = 1.0
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def box(self) -> tuple[slice, ...]:
        """Where the mask lies."""
        ends = zip(self.start, self.mask.shape, strict=True)
        return tuple(slice(start, start + size) for start, size in ends)


@dataclass(frozen=True)
class Labeled:
    """A labeled scan: arrays ``[z, y, x]`` of catalogue labels, and the lesions one by one.

    `organs` includes the lesions of each organ; `lesions` holds the lesion types alone.
    """

    organs: np.ndarray
    lesions: np.ndarray
    blobs: tuple[Blob, ...]


def read_truth(entry: Entry) -> tuple[sitk.Image, Labeled]:
    """The masks of a scan as an image, and what they hold, with attributes from the report.

    Raises:
        PastaError: there are no masks, or they cannot be read.
    """
    if entry.masks is None:
        raise PastaError(f"The case {entry.name} has no masks in the manifest.")
    image = _read(entry.masks)
    labels = _translated(sitk.GetArrayFromImage(image), entry.table)
    blobs = blobs_of(labels)
    if entry.report is not None:
        blobs = _with_attributes(blobs, true_findings(entry.report), image)
    return image, _labeled(labels, blobs, image)


def has_prediction(folder: Path, entry: Entry) -> bool:
    """Whether there are outlines of a scan."""
    names = (f"{entry.name}/segmentation.nii.gz", f"{entry.name}.nii.gz")
    return any((folder / name).is_file() for name in names)


def read_prediction(folder: Path, entry: Entry, reference: sitk.Image) -> Labeled:
    """What was found in a scan, in the geometry of its masks.

    Args:
        folder: of the model: ``NAME/segmentation.nii.gz`` as ``pasta analyze`` writes it, or
            ``NAME.nii.gz`` with the label numbers of the manifest.
        entry: the scan.
        reference: image of the masks.

    Raises:
        PastaError: there is no result of this scan.
    """
    analyzed = folder / entry.name
    if (analyzed / "segmentation.nii.gz").is_file():
        labels = _on(reference, _read(analyzed / "segmentation.nii.gz"))
        return _labeled(labels.astype(np.uint8), _findings(analyzed, labels, reference), reference)
    path = folder / f"{entry.name}.nii.gz"
    if not path.is_file():
        raise PastaError(
            f"'{folder}' has no result of the case {entry.name}: neither "
            f"{entry.name}/segmentation.nii.gz nor {path.name}."
        )
    labels = _translated(_on(reference, _read(path)), entry.table)
    return _labeled(labels, blobs_of(labels), reference)


def read_scores(folder: Path) -> dict[str, dict[str, float]]:
    """Numbers for whole scans by their name; empty where there are none.

    Raises:
        PastaError: the file has no column ``name``, or a value is no number.
    """
    path = folder / SCORES
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return {
            row["name"]: {k: float(v) for k, v in row.items() if k != "name" and v} for row in rows
        }
    except (KeyError, ValueError) as error:
        raise PastaError(f"'{path}' needs a column name, and numbers in the others.") from error


def blobs_of(labels: np.ndarray) -> tuple[Blob, ...]:
    """The connected parts of every lesion type in an array of catalogue labels."""
    found = []
    for key, kind in catalog().lesion_types.items():
        parts, _ = ndimage.label(labels == kind.label, _NEIGHBORS)
        found += [Blob(key, start, mask) for _, start, mask in _cut_out(parts)]
    return tuple(found)


def _cut_out(numbers: np.ndarray) -> Iterator[tuple[int, tuple[int, ...], np.ndarray]]:
    """Every number of an array, with the start of its box and its mask there."""
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        if box is not None:
            yield number, tuple(side.start for side in box), numbers[box] == number


def _findings(folder: Path, labels: np.ndarray, reference: sitk.Image) -> tuple[Blob, ...]:
    """Findings of ``pasta analyze`` with confidence and attributes, dismissed ones left out."""
    instances, report = folder / "lesion_instances.nii.gz", folder / "report.json"
    if not instances.is_file() or not report.is_file():
        return blobs_of(labels)
    numbers = _on(reference, _read(instances))
    try:
        told = {
            int(finding["instance"]): (
                str(finding["type"]),
                float(finding["confidence"]),
                _attributes(finding),
            )
            for finding in json.loads(report.read_text(encoding="utf-8"))["findings"]
            if finding.get("review") != "dismissed"
        }
    except (ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{report}' is no report of PASTA ({error}); run 'pasta analyze' on the scan again."
        ) from error
    found = []
    for number, start, mask in _cut_out(np.where(np.isin(numbers, list(told)), numbers, 0)):
        kind, confidence, attributes = told[number]
        found.append(Blob(kind, start, mask, confidence, attributes))
    return tuple(found)


def true_findings(path: Path) -> list[dict[str, Any]]:
    """Type, center (LPS mm) and attributes of the findings in a report, or in PASTAGen's facts.

    Raises:
        PastaError: it is neither.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and "findings" in data:
            return [
                {
                    "type": finding["type"],
                    "center": finding["location"]["center"],
                    "attributes": _attributes(finding),
                }
                for finding in data["findings"]
                if finding.get("review") != "dismissed"
            ]
        rows = data if isinstance(data, list) else [data]
        return [{key: row[key] for key in ("type", "center", "attributes")} for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{path}' is neither a report of PASTA nor a list of PASTAGen's facts ({error})."
        ) from error


def _attributes(finding: Mapping[str, Any]) -> dict[str, str]:
    return {key: entry["value"] for key, entry in finding.get("attributes", {}).items()}


def _with_attributes(
    blobs: tuple[Blob, ...], findings: list[dict[str, Any]], image: sitk.Image
) -> tuple[Blob, ...]:
    """Give each finding's attributes to the nearest lesion of its type."""
    attributes: dict[int, Mapping[str, str]] = {}
    for finding in findings:
        index = image.TransformPhysicalPointToContinuousIndex(finding["center"])
        center = np.array(index[::-1])
        step = np.array(image.GetSpacing()[::-1])
        distance = {
            number: float(np.linalg.norm((_middle(blob) - center) * step))
            for number, blob in enumerate(blobs)
            if blob.type == finding["type"]
        }
        if distance:
            attributes[min(distance, key=distance.__getitem__)] = finding["attributes"]
    return tuple(
        replace(blob, attributes=attributes.get(number, {})) for number, blob in enumerate(blobs)
    )


def _middle(blob: Blob) -> np.ndarray:
    return np.array(ndimage.center_of_mass(blob.mask)) + np.array(blob.start)


def _labeled(labels: np.ndarray, blobs: tuple[Blob, ...], image: sitk.Image) -> Labeled:
    kinds = [kind.label for kind in catalog().lesion_types.values()]
    is_lesion = np.isin(labels, kinds)
    organs = np.where(is_lesion, 0, labels).astype(np.uint8)
    lesions = np.where(is_lesion, labels, 0).astype(np.uint8)
    include_lesions(organs, lesions, image.GetSpacing()[::-1])
    return Labeled(organs, lesions, blobs)


def _translated(numbers: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    look_up = np.zeros(max(int(numbers.max()), 0) + 1, np.uint8)
    for number, label in table.items():
        if 0 <= number < len(look_up):
            look_up[number] = label
    return look_up[numbers]


def _read(path: Path) -> sitk.Image:
    try:
        return sitk.ReadImage(str(path), sitk.sitkInt32)
    except RuntimeError as error:
        raise PastaError(f"The label file '{path}' cannot be read.") from error


def _on(reference: sitk.Image, image: sitk.Image) -> np.ndarray:
    same = image.GetSize() == reference.GetSize() and np.allclose(
        image.GetOrigin(), reference.GetOrigin(), atol=1e-2
    )
    if not same or not np.allclose(image.GetDirection(), reference.GetDirection(), atol=1e-3):
        image = sitk.Resample(image, reference, sitk.Transform(), sitk.sitkNearestNeighbor)
    array: np.ndarray = sitk.GetArrayFromImage(image)
    return array
