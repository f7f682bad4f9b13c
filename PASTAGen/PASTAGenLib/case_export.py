"""A case that was made by hand as files, in the forms that a production writes, too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.case import SyntheticCase
from PASTAGenLib.dicom_case import write_dicom
from PASTAGenLib.layouts.classes import ClassList
from PASTAGenLib.layouts.nnunet_raw import NnunetLayout
from PASTAGenLib.layouts.pastagen import (
    FILES,
    LESION,
    REPORT,
    PastaGenLayout,
    organ_table,
    report_of,
    total_table,
)
from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.production.produced import ProducedCase, Record
from PASTAGenLib.production.recipe import CasePlan, LesionEntry
from PASTAGenLib.production.sources import Source
from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError
from PASTALib.files import folder_written_atomically, write_text
from PASTALib.naming import file_name
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.writing import write_image, write_labels, write_seg_nrrd

DATASET = 501
"""Number of the nnU-Net data set that a case is written into."""


@dataclass(frozen=True)
class _Instance:
    """A lesion as the writer of segmentations wants it."""

    id: str
    type: str
    side: str | None
    instance: int


def export_case(
    cases: Sequence[SyntheticCase],
    name: str,
    asked: Sequence[Mapping[str, Any]],
    folder: Path,
    formats: Sequence[str],
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[Path, ...]:
    """Write a case in some of `FORMATS`; returns the files and folders.

    Args:
        cases: its lesions, each inserted into the one before.
        name: of the case; a folder of this name is made, what it holds is replaced.
        asked: what was asked for of each lesion.
        folder: where to.
        formats: keys of `FORMATS`.
        progress: told about each.
        cancel: asks to stop between two.

    Raises:
        PastaError: there is no lesion, an unknown format, or the folder cannot be written to.
        Cancelled: asked to stop.
    """
    if not cases:
        raise PastaError("The case has no lesion yet; keep one first.")
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise PastaError(f"Choose at least one of {', '.join(FORMATS)} as the kind of files.")
    whole = _produced(cases, file_name(name))
    target = Path(folder) / file_name(name)
    written: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for number, key in enumerate(formats):
            if cancel is not None:
                cancel.check()
            progress(number / len(formats), f"Writing {key}")
            written += FORMATS[key](whole, asked, target)
    except OSError as error:
        raise PastaError(
            f"'{folder}' cannot be written to ({error.strerror}); choose another folder."
        ) from error
    return tuple(written)


def report_facts(
    cases: Sequence[SyntheticCase], asked: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The truthful report: of each lesion what was asked for and what the picture holds."""
    lesions = [
        {"id": f"L{number}", "asked": dict(wish), "truth": case.truth.to_dict()}
        for number, (case, wish) in enumerate(zip(cases, asked, strict=True), start=1)
    ]
    return {"synthetic": True, "research_use_only": True, "lesions": lesions}


def _produced(cases: Sequence[SyntheticCase], name: str) -> ProducedCase:
    """The case as a production has it; it is filed under the type of its first lesion."""
    first = cases[0].truth
    entry = LesionEntry(LesionMix(first.type), 1)
    source = Source(0, name, phase=first.phase)
    return ProducedCase(CasePlan(0, entry, 1), source, tuple(cases))


def _case_folder(case: ProducedCase, asked: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    organs = case.organ_labels
    masks = [sitk.GetArrayViewFromImage(c.lesion_mask) > 0 for c in case.cases]
    label = organ_table(case.type)[organs]
    for mask in masks:
        label[mask] = LESION
    truths = [c.truth for c in case.cases]
    enhanced = case.source.phase != "non_contrast"
    plans = [json.loads(c.plan.to_json()) for c in case.cases]
    target = out / "case"
    if target.exists():
        shutil.rmtree(target)
    with folder_written_atomically(target) as folder:
        write_image(case.ct, folder / FILES["img"], description=case.mark)
        for key, array in (("label", label), ("total", total_table()[organs])):
            write_labels(_like(array, case.ct), folder / FILES[key], description=case.mark)
        report = report_of(truths, masks, organs, enhanced=enhanced)
        write_text(folder / REPORT, json.dumps(report))
        facts = report_facts(case.cases, asked)
        write_text(folder / "report.json", json.dumps(facts, indent=1) + "\n")
        write_text(folder / "plan.json", json.dumps(plans, indent=1) + "\n")
    return [target]


def _nifti(case: ProducedCase, _asked: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    files = [out / name for name in ("ct.nii.gz", "organs.nii.gz", "lesions.nii.gz")]
    write_image(case.ct, files[0], description=case.mark)
    write_labels(case.organs, files[1], description=case.mark)
    write_labels(case.lesions, files[2], description=case.mark)
    return files


def _seg_nrrd(case: ProducedCase, _asked: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    numbers = np.zeros(case.ct.GetSize()[::-1], np.uint16)
    rows = []
    for number, one in enumerate(case.cases, start=1):
        numbers[sitk.GetArrayViewFromImage(one.lesion_mask) > 0] = number
        side = catalog().structures[one.truth.structure].side
        rows.append(_Instance(f"L{number}", one.truth.type, side, number))
    path = out / "segmentation.seg.nrrd"
    segmentation = Segmentation(case.organs, case.lesions, case.lesions)
    write_seg_nrrd(segmentation, path, instances=_like(numbers, case.ct), lesions=rows)
    return [path]


def _nnunet(case: ProducedCase, _asked: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    types = [key for key in catalog().lesion_types if any(c.truth.type == key for c in case.cases)]
    layout = NnunetLayout(DATASET, "PASTAGen", ClassList.of(tuple(types)))
    layout.write(case, out)
    layout.finish([Record(0, case.plan.name, case.type, 1, "done")], out)
    return [out / layout.folder]


def _pastagen(case: ProducedCase, _asked: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    return PastaGenLayout().write(case, out)


def _dicom(case: ProducedCase, _asked: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    target = out / "dicom"
    if target.exists():
        shutil.rmtree(target)
    write_dicom(replace(case.cases[-1], lesion_mask=case.lesions), target)
    return [target]


def _like(array: np.ndarray, image: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(image)
    return made


Writer = Callable[[ProducedCase, Sequence[Mapping[str, Any]], Path], list[Path]]
FORMATS: dict[str, Writer] = {
    "case": _case_folder,
    "nifti": _nifti,
    "seg.nrrd": _seg_nrrd,
    "nnunet": _nnunet,
    "pastagen": _pastagen,
    "dicom": _dicom,
}
"""What a case can be written as: a folder of its own with image, labels and reports; NIfTI; a
segmentation for Slicer; nnU-Net's raw layout; PASTA-Gen-30K's layout; a DICOM series with SEG."""
