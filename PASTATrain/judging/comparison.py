"""Tests between two models that looked at the same scans."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from PASTATrain.judging.figures import groups_of
from PASTATrain.judging.intervals import RESAMPLES, Estimate, mean
from PASTATrain.judging.rows import Judged


@dataclass(frozen=True)
class Comparison:
    """One figure of two models: the difference (second minus first), and how likely by chance.

    `p` is two-sided and not corrected for the number of comparisons; NaN where nothing differs.
    """

    what: str
    first: float
    second: float
    difference: Estimate
    p: float
    test: str


def compare(first: Judged, second: Judged, resamples: int = RESAMPLES) -> tuple[Comparison, ...]:
    """Dice of every structure and lesion type, and finding lesions, in pairs."""
    outlines = _outlines(first, second, resamples)
    return (*outlines, *_detection(first, second, resamples))


def _outlines(first: Judged, second: Judged, resamples: int) -> Iterator[Comparison]:
    """Wilcoxon's signed-rank test on the patients' mean Dice."""
    mine = {(row.structure, row.case): row for row in first.structures}
    both = [
        (mine[key], row) for row in second.structures if (key := (row.structure, row.case)) in mine
    ]
    for structure in dict.fromkeys(row.structure for row, _ in both):
        pairs = [(a, b) for a, b in both if a.structure == structure]
        patients = [a.patient for a, _ in pairs]
        dice = np.array([(a.dice, b.dice) for a, b in pairs])
        change = dice[:, 1] - dice[:, 0]
        by_patient = [
            float(change[np.array(patients) == name].mean()) for name in dict.fromkeys(patients)
        ]
        yield Comparison(
            f"Dice, {structure}",
            float(dice[:, 0].mean()),
            float(dice[:, 1].mean()),
            mean(change.tolist(), patients, resamples),
            _wilcoxon(by_patient),
            "Wilcoxon signed-rank, by patient",
        )


def _wilcoxon(changes: list[float]) -> float:
    if not np.any(changes):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ties in small samples
        return float(stats.wilcoxon(changes).pvalue)


def _detection(first: Judged, second: Judged, resamples: int) -> Iterator[Comparison]:
    """McNemar's exact test on lesions that one of the models found and the other did not."""
    theirs = {(row.case, row.number): row for row in second.lesions}
    both = [row for row in first.lesions if (row.case, row.number) in theirs]
    for name, rows in groups_of(both):
        a = np.array([row.found for row in rows], float)
        b = np.array([theirs[row.case, row.number].found for row in rows], float)
        gained, lost = int((b > a).sum()), int((a > b).sum())
        p = stats.binomtest(gained, gained + lost).pvalue if gained + lost else float("nan")
        yield Comparison(
            f"Sensitivity, {name}",
            float(a.mean()),
            float(b.mean()),
            mean((b - a).tolist(), [row.patient for row in rows], resamples),
            float(p),
            "McNemar, exact",
        )
