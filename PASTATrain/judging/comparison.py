"""Tests between two models that looked at the same scans."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from PASTATrain.judging.figures import ModelFigures, figures_of, groups_of
from PASTATrain.judging.froc import RATES
from PASTATrain.judging.intervals import LEVEL, RESAMPLES, Estimate, mean
from PASTATrain.judging.rows import Judged

OUTLINES = {"Dice": "dice", "Surface Dice": "surface_dice", "HD95 (mm)": "hd95_mm"}


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
    """Every figure that is told of both models, in pairs of what they say of the same scans."""
    outlines = _outlines(first, second, resamples)
    return (*outlines, *_detection(first, second, resamples), *_others(first, second, resamples))


def _outlines(first: Judged, second: Judged, resamples: int) -> Iterator[Comparison]:
    """Wilcoxon's signed-rank test on the patients' mean difference, of scans with both values."""
    mine = {(row.structure, row.case): row for row in first.structures}
    both = [
        (mine[key], row) for row in second.structures if (key := (row.structure, row.case)) in mine
    ]
    for structure in dict.fromkeys(row.structure for row, _ in both):
        pairs = [(a, b) for a, b in both if a.structure == structure]
        for name, measure in OUTLINES.items():
            told = np.array([[getattr(row, measure) for row in pair] for pair in pairs], float)
            known = ~np.isnan(told).any(axis=1)
            if not known.any():
                continue
            told, change = told[known], np.diff(told[known])[:, 0]
            whose = np.array([a.patient for a, _ in pairs])[known]
            yield Comparison(
                f"{name}, {structure}",
                float(told[:, 0].mean()),
                float(told[:, 1].mean()),
                mean(change.tolist(), whose.tolist(), resamples),
                _wilcoxon([float(change[whose == patient].mean()) for patient in np.unique(whose)]),
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
    for name, rows in groups_of(both).items():
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


def _others(first: Judged, second: Judged, resamples: int) -> Iterator[Comparison]:
    """The paired bootstrap on all other figures: patients are drawn, for both models the same.

    `p` is twice the share of draws on the other side of no difference (Efron and Tibshirani 1993,
    chapter 15); of few patients it is too small.
    """
    values = [_values(figures_of(model, 0)) for model in (first, second)]
    shared = [name for name in values[0] if name in values[1]]
    patients = list(dict.fromkeys(row.patient for row in first.cases))
    parts = [_by_patient(model) for model in (first, second)]
    rng = np.random.default_rng(0)
    drawn: dict[str, list[float]] = {name: [] for name in shared}
    for _ in range(resamples if len(patients) > 1 and shared else 0):
        chosen = [patients[n] for n in rng.integers(len(patients), size=len(patients))]
        told = [_values(figures_of(_joined(part, chosen), 0)) for part in parts]
        for name in shared:
            if all(name in values_of for values_of in told):
                drawn[name].append(told[1][name].value - told[0][name].value)
    for name in shared:
        a, b = (told[name] for told in values)
        changes = np.array(drawn[name])
        changes = changes[~np.isnan(changes)]
        low, high, p = (float("nan"),) * 3
        if len(changes):
            low, high = np.percentile(changes, LEVEL)
        if np.any(changes):
            side = min(int((changes <= 0).sum()), int((changes >= 0).sum()))
            p = min(1.0, 2 * (side + 1) / (len(changes) + 1))
        difference = Estimate(b.value - a.value, float(low), float(high), min(a.count, b.count))
        yield Comparison(name, a.value, b.value, difference, p, "paired bootstrap, by patient")


def _values(figures: ModelFigures) -> dict[str, Estimate]:
    """The figures that have no test of their own, by name."""
    told: dict[str, Estimate | None] = {
        "False findings per scan": figures.false_per_scan,
        "False findings per scan without a lesion": figures.false_per_free_scan,
        "AUC, malignant lesion in the scan": figures.auc,
        "C-index": figures.c_index,
    }
    for group in figures.detection:
        told[f"Right type, {group.group}"] = group.right_type
        told[f"Dice of the found, {group.group}"] = group.dice
        told[f"Precision, {group.group}"] = group.precision
    if figures.froc:
        told["FROC score"] = figures.froc.score
        for rate, sensitivity in zip(RATES, figures.froc.at_rates, strict=True):
            told[f"Sensitivity at {rate:g} false findings per scan"] = sensitivity
    for attribute in figures.attributes:
        told[f"Accuracy, {attribute.attribute}"] = attribute.accuracy
        told[f"F1, {attribute.attribute}"] = attribute.f1
    for organ in figures.organs:
        told[f"AUC, tumor of {organ.organ}"] = organ.auc
        told[f"Brier score, tumor of {organ.organ}"] = organ.brier
    if figures.stage:
        told["Accuracy, stage"] = figures.stage.accuracy
        told["F1, stage"] = figures.stage.f1
        told["AUC, stage"] = figures.stage.auc
    for horizon in figures.horizons:
        told[f"AUC, death within {horizon.years} years"] = horizon.auc
    return {k: value for k, value in told.items() if value and not np.isnan(value.value)}


def _by_patient(judged: Judged) -> dict[str, Judged]:
    """What was measured of each patient; outlines are left out, which have a test of their own."""
    patients = dict.fromkeys(row.patient for row in judged.cases)
    return {
        patient: Judged(
            judged.model,
            (),
            [row for row in judged.lesions if row.patient == patient],
            [row for row in judged.findings if row.patient == patient],
            [row for row in judged.cases if row.patient == patient],
            (),
        )
        for patient in patients
    }


def _joined(parts: Mapping[str, Judged], chosen: Sequence[str]) -> Judged:
    """Patients put together; one that was drawn again counts as another."""
    lesions, findings, cases = (
        [
            replace(row, case=f"{number} {row.case}", patient=f"{number} {row.patient}")
            for number, patient in enumerate(chosen)
            for row in getattr(parts[patient], kind)
        ]
        for kind in ("lesions", "findings", "cases")
    )
    return Judged("", (), lesions, findings, cases, ())
