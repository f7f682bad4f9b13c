"""From a manifest and the results of models to rows, one scan after the other.

A model that gives no outlines, only ``scores.csv``, is judged by its scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.progress import Progress
from PASTATrain.judging.measures import lesion_rows, structure_rows
from PASTATrain.judging.predictions import (
    Labeled,
    has_prediction,
    read_prediction,
    read_scores,
    read_truth,
)
from PASTATrain.judging.rows import CaseRow, FindingRow, Judged, LesionRow, StructureRow
from PASTATrain.manifest import Entry, entries_of


def chosen(entries: Sequence[Entry], split: str, what: str) -> list[Entry]:
    """The cases of a split that have masks, or tell malignancy, stage or survival.

    Raises:
        PastaError: there is none, or one has masks that leave voxels open.
    """
    kept = [entry for entry in entries_of(entries, split, what) if _has_truth(entry)]
    open_ones = [entry.name for entry in kept if entry.has_unknown_voxels]
    if open_ones:
        raise PastaError(
            f"The masks of {open_ones[0]} in '{what}' have unknown voxels and are no truth to "
            "judge by; draw or correct them first."
        )
    if not kept:
        raise PastaError(
            f"No case in the split '{split}' of '{what}' has masks, malignant, stage or survival."
        )
    return kept


def _has_truth(entry: Entry) -> bool:
    told = (entry.masks, entry.malignant, entry.stage, entry.survival)
    return any(value is not None for value in told)


def judge(
    model: str, folder: Path, entries: Sequence[Entry], tolerance_mm: float, progress: Progress
) -> Judged:
    """Compare the results of a model with the truth.

    Args:
        model: what to call it.
        folder: of its results, see `PASTATrain.judging.predictions`.
        entries: the scans.
        tolerance_mm: of the surface Dice.
        progress: told after each scan.

    Raises:
        PastaError: a result is missing or cannot be read.
    """
    structures: list[StructureRow] = []
    lesions: list[LesionRow] = []
    findings: list[FindingRow] = []
    cases: list[CaseRow] = []
    given: set[int] = set()
    scores = read_scores(folder)
    outlines = not scores or any(has_prediction(folder, entry) for entry in entries)
    for number, entry in enumerate(entries):
        progress((number + 1) / len(entries), f"{model}: {entry.name}")
        told = scores.get(entry.name, {})
        if entry.masks is None:
            cases.append(_case_row(entry, None, None, told))
            continue
        image, truth = read_truth(entry)
        if not outlines:
            cases.append(_case_row(entry, truth, None, told))
            continue
        found = read_prediction(folder, entry, image)
        spacing = image.GetSpacing()[::-1]
        given |= set(np.unique(found.organs).tolist())
        structures += structure_rows(entry, truth, found, spacing, tolerance_mm)
        new_lesions, new_findings = lesion_rows(
            entry.name, entry.patient, truth.blobs, found.blobs, spacing
        )
        lesions += new_lesions
        findings += new_findings
        cases.append(_case_row(entry, truth, new_findings, told))
    absent = [
        key
        for key in dict.fromkeys(row.structure for row in structures)
        if key in catalog().structures and not given & set(catalog().labels_of(key))
    ]
    kept = [row for row in structures if row.structure not in absent]
    return Judged(model, kept, lesions, findings, cases, absent)


def _case_row(
    entry: Entry,
    truth: Labeled | None,
    findings: Sequence[FindingRow] | None,
    scores: dict[str, float],
) -> CaseRow:
    """Malignancy is what the scores say, else the confidence of the surest malignant finding."""
    kinds = catalog().lesion_types
    malignant = malignant_organs(entry, truth)
    surest = float("nan")
    if findings is not None:
        surest = max((row.confidence for row in findings if kinds[row.type].malignant), default=0.0)
    organs = _named(scores, "malignancy_") if malignant is not None else {}
    return CaseRow(
        entry.name,
        entry.patient,
        bool(malignant) if malignant is not None else None,
        scores.get("malignancy", surest),
        entry.survival.days if entry.survival else None,
        entry.survival.died if entry.survival else False,
        scores.get("risk"),
        {organ: (organ in (malignant or ()), value) for organ, value in organs.items()},
        entry.stage,
        _named(scores, "stage_"),
        findings is not None,
    )


def malignant_organs(entry: Entry, truth: Labeled | None) -> frozenset[str] | None:
    """Organs with a malignant tumor: as the manifest tells, else by the masks; else None."""
    if entry.malignant is not None or truth is None:
        return entry.malignant
    present = set(np.unique(truth.lesions).tolist())
    types = catalog().lesion_types.values()
    return frozenset(kind.organ for kind in types if kind.malignant and kind.label in present)


def _named(scores: dict[str, float], prefix: str) -> dict[str, float]:
    return {k.removeprefix(prefix): v for k, v in scores.items() if k.startswith(prefix)}
