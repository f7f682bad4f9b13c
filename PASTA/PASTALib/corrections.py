"""What a reader corrected, as a data set for training.

One folder a case::

    <folder>/<case>/ct.nii.gz             int16 HU
                    organs.nii.gz         catalogue labels of structures
                    ai_labels.nii.gz      catalogue labels of the lesions that the model outlined
                    final_labels.nii.gz   the same as the reader left them, without rejected ones
                    ai_instances.nii.gz   number of each lesion (the 3 of L3)
                    final_instances.nii.gz
                    report.json           the report, with the reader's edits and who made them
                    corrections.json      per finding: status, Dice of both masks, change of volume,
                                          seconds spent; and the log of edits

All images of a case share one geometry. `pasta-train` reads the folder (`PASTATrain.corrections`).
The case is named by the SHA-256 of its voxels, never by the patient; the same scan again replaces
its folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.export import accepted_lesions
from PASTALib.files import write_text
from PASTALib.lesions import instance_map
from PASTALib.report import Report, write_report
from PASTALib.report_changes import status
from PASTALib.study import Study, number_of
from PASTALib.writing import write_image, write_labels

LAYOUT = "1.0.0"
FACTS = "corrections.json"


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two masks; 1 where both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 1.0 if total == 0 else float(2 * np.count_nonzero(first & second) / total)


def write_corrections(
    study: Study,
    report: Report,
    original: sitk.Image,
    original_types: Mapping[str, str],
    seconds: Mapping[str, float],
    folder: Path,
) -> Path:
    """Write one case of the data set; returns its folder.

    Args:
        study: the lesions as they are now.
        report: the report as it is now.
        original: numbers of the lesions as the model outlined them, in the CT's geometry.
        original_types: the types that the model gave them, by id.
        seconds: how long a reader was at each finding, by id.
        folder: of the data set.

    Raises:
        PastaError: the folder cannot be written to.
    """
    voxels = np.ascontiguousarray(sitk.GetArrayViewFromImage(study.ct.image))
    target = folder / f"case-{hashlib.sha256(voxels.tobytes()).hexdigest()[:12]}"
    final = instance_map(study.ct.image, accepted_lesions(study, report))
    types = {lesion.id: lesion.type for lesion in study.lesions.values()}
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / FACTS).unlink(missing_ok=True)  # written last: a case with it is whole
        write_image(study.ct.image, target / "ct.nii.gz")
        write_labels(study.organs, target / "organs.nii.gz")
        for name, numbers, of in (("ai", original, original_types), ("final", final, types)):
            write_labels(numbers, target / f"{name}_instances.nii.gz")
            write_labels(_labels(numbers, of), target / f"{name}_labels.nii.gz")
        write_report(report, target / "report.json")
        facts = {
            "layout": LAYOUT,
            "findings": _facts(report, original, final, original_types, seconds),
            "log": [edit.model_dump(mode="json") for edit in report.edits],
        }
        write_text(target / FACTS, json.dumps(facts, indent=1) + "\n")
    except OSError as error:
        raise PastaError(
            f"'{folder}' cannot be written to ({error.strerror}); choose another folder."
        ) from error
    return target


def _labels(numbers: sitk.Image, types: Mapping[str, str]) -> sitk.Image:
    """Catalogue labels of a map of lesion numbers."""
    array = sitk.GetArrayViewFromImage(numbers)
    table = np.zeros(int(array.max()) + 1, np.uint8)
    for lesion, kind in types.items():
        if number_of(lesion) < len(table):
            table[number_of(lesion)] = catalog().label(kind)
    labels = sitk.GetImageFromArray(table[array])
    labels.CopyInformation(numbers)
    return labels


def _facts(
    report: Report,
    original: sitk.Image,
    final: sitk.Image,
    original_types: Mapping[str, str],
    seconds: Mapping[str, float],
) -> list[dict[str, Any]]:
    before, after = (sitk.GetArrayViewFromImage(image) for image in (original, final))
    voxel_ml = float(np.prod(final.GetSpacing())) / 1000
    known = {finding.id: finding for finding in report.findings}
    ids = sorted({*known, *original_types}, key=number_of)
    rows = []
    for lesion in ids:
        ai, now = before == number_of(lesion), after == number_of(lesion)
        finding = known.get(lesion)
        rows.append(
            {
                "id": lesion,
                "status": "deleted" if finding is None else status(report, finding),
                "ai_type": original_types.get(lesion),
                "final_type": finding and finding.type,
                "dice": round(dice(ai, now), 4),
                "ai_volume_ml": round(int(ai.sum()) * voxel_ml, 3),
                "final_volume_ml": round(int(now.sum()) * voxel_ml, 3),
                "seconds": round(seconds.get(lesion, 0.0), 1),
            }
        )
    return rows
