"""From a manifest and the results of models to rows, one scan after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.progress import Progress
from PASTATrain.judging.measures import lesion_rows, structure_rows
from PASTATrain.judging.predictions import Labeled, read_prediction, read_scores, read_truth
from PASTATrain.judging.rows import CaseRow, FindingRow, Judged, LesionRow, StructureRow
from PASTATrain.manifest import Entry


def chosen(entries: Sequence[Entry], split: str) -> list[Entry]:
    """The cases of a split that have masks.

    Raises:
        PastaError: there is none.
    """
    kept = [entry for entry in entries if entry.split == split and entry.masks is not None]
    if not kept:
        splits = ", ".join(sorted({entry.split for entry in entries}))
        raise PastaError(
            f"The manifest has no case with masks in the split '{split}' (there are: {splits})."
        )
    return kept


def judge(
    model: str, folder: Path, entries: Sequence[Entry], tolerance_mm: float, progress: Progress
) -> Judged:
    """Compare the results of a model with the truth.

    Args:
        model: what to call it.
        folder: of its results, see `PASTATrain.judging.predictions.read_prediction`.
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
    for number, entry in enumerate(entries):
        image, truth = read_truth(entry)
        found = read_prediction(folder, entry, image)
        spacing = image.GetSpacing()[::-1]
        given |= set(np.unique(found.organs).tolist())
        structures += structure_rows(entry, truth, found, spacing, tolerance_mm)
        new_lesions, new_findings = lesion_rows(entry, truth, found, spacing)
        lesions += new_lesions
        findings += new_findings
        cases.append(_case_row(entry, truth, new_findings, scores.get(entry.name, {})))
        progress((number + 1) / len(entries), f"{model}: {entry.name}")
    absent = [
        key
        for key in dict.fromkeys(row.structure for row in structures)
        if key in catalog().structures and not given & set(catalog().labels_of(key))
    ]
    kept = [row for row in structures if row.structure not in absent]
    return Judged(model, kept, lesions, findings, cases, absent)


def _case_row(
    entry: Entry, truth: Labeled, findings: Sequence[FindingRow], scores: dict[str, float]
) -> CaseRow:
    """Malignancy is what the scores say, else the confidence of the surest malignant finding."""
    kinds = catalog().lesion_types
    surest = max((row.confidence for row in findings if kinds[row.type].malignant), default=0.0)
    return CaseRow(
        entry.name,
        entry.patient,
        any(kinds[blob.type].malignant for blob in truth.blobs),
        scores.get("malignancy", surest),
        entry.survival.days if entry.survival else None,
        entry.survival.died if entry.survival else False,
        scores.get("risk"),
    )
