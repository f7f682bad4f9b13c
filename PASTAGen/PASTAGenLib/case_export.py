"""A case that was made by hand as files, in the forms that a production writes, too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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
from PASTAGenLib.workbench import Plans, Workbench
from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError
from PASTALib.files import folder_written_atomically, write_text
from PASTALib.naming import file_name
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.writing import write_image, write_labels, write_seg_nrrd

DATASET = 501
"""Number of the nnU-Net data set that a case is written into."""
SAMPLES = "PASTA-Gen-30K"
"""Folder of the samples in that layout."""


@dataclass(frozen=True)
class _Instance:
    """A lesion as the writer of segmentations wants it."""

    id: str
    type: str
    side: str | None
    instance: int


@dataclass(frozen=True)
class _Export:
    """What is written: a scan, its lesions, and what was asked for of each."""

    bench: Workbench
    plans: Plans
    name: str
    asked: Sequence[Mapping[str, Any]]

    @cached_property
    def case(self) -> ProducedCase:
        """All lesions, as a production has them; filed under the type of the first."""
        return self._produced(self.plans)

    @property
    def types(self) -> tuple[str, ...]:
        """Lesion types that occur, in the order of the catalogue."""
        return tuple(
            key for key in catalog().lesion_types if any(p.type == key for p in self.plans)
        )

    def of_one_type(self, kind: str) -> ProducedCase:
        """The lesions of one type, put into the scan without the others."""
        plans = tuple(plan for plan in self.plans if plan.type == kind)
        return self.case if plans == self.plans else self._produced(plans)

    def _produced(self, plans: Plans) -> ProducedCase:
        cases = self.bench.cases(plans)
        entry = LesionEntry(LesionMix(plans[0].type), 1)
        source = Source(0, self.name, phase=cases[0].truth.phase)
        return ProducedCase(CasePlan(0, entry, 1), source, tuple(cases))


def export_case(
    bench: Workbench,
    plans: Plans,
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
        bench: with its scan.
        plans: its lesions, in the order in which they are put in.
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
    if not plans:
        raise PastaError("The case has no lesion yet; keep one first.")
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise PastaError(f"Choose at least one of {', '.join(FORMATS)} as the kind of files.")
    export = _Export(bench, plans, file_name(name), asked)
    target = Path(folder) / export.name
    written: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for number, key in enumerate(formats):
            if cancel is not None:
                cancel.check()
            progress(number / len(formats), f"Writing {key}")
            written += FORMATS[key](export, target)
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


def _case_folder(export: _Export, out: Path) -> list[Path]:
    case = export.case
    organs = case.organ_labels
    masks = [sitk.GetArrayViewFromImage(c.lesion_mask) > 0 for c in case.cases]
    label = organ_table(export.types)[organs]
    for mask in masks:
        label[mask] = LESION
    truths = [c.truth for c in case.cases]
    enhanced = case.source.phase != "non_contrast"
    plans = [json.loads(c.plan.to_json()) for c in case.cases]
    target = out / "case"
    _remove(target)
    with folder_written_atomically(target) as folder:
        write_image(case.ct, folder / FILES["img"], description=case.mark)
        for key, array in (("label", label), ("total", total_table()[organs])):
            write_labels(_like(array, case.ct), folder / FILES[key], description=case.mark)
        report = report_of(truths, masks, organs, enhanced=enhanced)
        write_text(folder / REPORT, json.dumps(report))
        facts = report_facts(case.cases, export.asked)
        write_text(folder / "report.json", json.dumps(facts, indent=1) + "\n")
        write_text(folder / "plan.json", json.dumps(plans, indent=1) + "\n")
    return [target]


def _nifti(export: _Export, out: Path) -> list[Path]:
    case = export.case
    files = [out / name for name in ("ct.nii.gz", "organs.nii.gz", "lesions.nii.gz")]
    write_image(case.ct, files[0], description=case.mark)
    write_labels(case.organs, files[1], description=case.mark)
    write_labels(case.lesions, files[2], description=case.mark)
    return files


def _seg_nrrd(export: _Export, out: Path) -> list[Path]:
    case = export.case
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


def _nnunet(export: _Export, out: Path) -> list[Path]:
    case = export.case
    layout = NnunetLayout(DATASET, "PASTAGen", ClassList.of(export.types))
    _remove(out / layout.folder)
    layout.write(case, out)
    layout.finish([Record(0, case.plan.name, case.type, 1, "done")], out)
    return [out / layout.folder]


def _pastagen(export: _Export, out: Path) -> list[Path]:
    # A label of this layout knows one type: lesions of others would be there, and be called organ.
    target, layout = out / SAMPLES, PastaGenLayout()
    _remove(target)
    for kind in export.types:
        layout.write(export.of_one_type(kind), target)
    return [target]


def _dicom(export: _Export, out: Path) -> list[Path]:
    case, target = export.case, out / "dicom"
    _remove(target)
    write_dicom(replace(case.cases[-1], lesion_mask=case.lesions), target)
    return [target]


def _remove(folder: Path) -> None:
    """Nothing of an earlier export stays, such as a lesion that is no longer in the case."""
    if folder.exists():
        shutil.rmtree(folder)


def _like(array: np.ndarray, image: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(image)
    return made


Writer = Callable[[_Export, Path], list[Path]]
FORMATS: dict[str, Writer] = {
    "case": _case_folder,
    "nifti": _nifti,
    "seg.nrrd": _seg_nrrd,
    "nnunet": _nnunet,
    "pastagen": _pastagen,
    "dicom": _dicom,
}
"""What a case can be written as: a folder of its own with image, labels and reports; NIfTI; a
segmentation for Slicer; nnU-Net's raw layout; PASTA-Gen-30K's layout, a sample for each lesion
type; a DICOM series with SEG."""
