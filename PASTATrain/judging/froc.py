"""FROC: how many lesions are found, and how many findings are false, over the threshold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from PASTATrain.judging.intervals import RESAMPLES, Estimate, estimates
from PASTATrain.judging.rows import Judged

RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False findings a scan at which the FROC curve is read, as Setio et al., MedIA 2017 (LUNA16)."""


@dataclass(frozen=True)
class Froc:
    """Sensitivity against false findings a scan, over the threshold of the confidence.

    `at_rates` is the sensitivity at `RATES` false findings a scan, `score` the mean of these.
    """

    false_per_scan: tuple[float, ...]
    sensitivity: tuple[float, ...]
    at_rates: tuple[Estimate, ...]
    score: Estimate


@dataclass(frozen=True)
class WorkingPoint:
    """What is found and what is false if findings of this confidence and more count.

    The intervals are those of drawing patients with all their scans, at this threshold.
    """

    threshold: float
    found: int
    sensitivity: Estimate
    false_per_scan: Estimate


def working_points(
    judged: Judged, thresholds: Sequence[float], resamples: int = RESAMPLES
) -> tuple[WorkingPoint, ...]:
    """What is found and what is false at each threshold; see `WorkingPoint`.

    Args:
        judged: with a lesion at least.
        thresholds: of the confidence.
        resamples: of the bootstrap.
    """
    scans = [row for row in judged.cases if row.outlined]
    number = {row.case: index for index, row in enumerate(scans)}
    found = np.array(
        [[row.found and row.confidence >= t for t in thresholds] for row in judged.lesions]
    )
    false = np.zeros((len(scans), len(thresholds)))
    for row in judged.findings:
        if not row.true:
            false[number[row.case]] += row.confidence >= np.array(thresholds)
    whose = [row.patient for row in judged.lesions]
    sensitivity = estimates(lambda rows: found[rows].mean(axis=0), whose, resamples)
    whose = [row.patient for row in scans]
    false_per_scan = estimates(lambda rows: false[rows].mean(axis=0), whose, resamples)
    points = zip(thresholds, found.sum(axis=0).tolist(), sensitivity, false_per_scan, strict=True)
    return tuple(WorkingPoint(*point) for point in points)


def surer_than(judged: Judged, threshold: float) -> Judged:
    """The same where less sure findings are not reported; a lesion that had such is missed."""
    return replace(
        judged,
        lesions=[
            replace(row, found=row.found and row.confidence >= threshold) for row in judged.lesions
        ],
        findings=[row for row in judged.findings if row.confidence >= threshold],
    )


def steps_of(judged: Judged) -> tuple[float, ...]:
    """The thresholds at which one more lesion is found, rising."""
    return tuple(sorted({row.confidence for row in judged.lesions if row.found}))


def froc_of(judged: Judged, resamples: int = RESAMPLES) -> Froc | None:
    """The curve with the point at which every finding counts; None without lesions.

    The intervals are those of drawing patients with all their scans.
    """
    scans = [row for row in judged.cases if row.outlined]
    if not judged.lesions or not scans:
        return None
    false, true = defaultdict(list), defaultdict(list)
    for finding in judged.findings:
        if not finding.true:
            false[finding.case].append(finding.confidence)
    for lesion in judged.lesions:
        true[lesion.case].append(lesion.confidence if lesion.found else float("nan"))

    def curve(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        names = [scans[row].case for row in rows]
        return froc_points(
            np.array([c for name in names for c in false[name]]),
            np.array([c for name in names for c in true[name]]),
            len(names),
        )

    def at_rates_and_score(rows: np.ndarray) -> np.ndarray:
        rates, sensitivity = curve(rows)
        at = np.interp(RATES, rates[::-1], sensitivity[::-1])
        return np.append(at, at.mean())

    rates, sensitivity = curve(np.arange(len(scans)))
    patients = [row.patient for row in scans]
    *at, score = estimates(at_rates_and_score, patients, resamples)
    return Froc(tuple(rates.tolist()), tuple(sensitivity.tolist()), tuple(at), score)


def froc_points(
    false: np.ndarray, lesions: np.ndarray, scans: int
) -> tuple[np.ndarray, np.ndarray]:
    """False findings a scan and sensitivity, from the lowest threshold of confidence to none.

    MONAI's `compute_froc_curve_data` gives the same but for the lowest threshold; it looks at one
    threshold after another, which is too slow for a thousand draws.

    Args:
        false: confidence of each false finding.
        lesions: confidence of each true lesion, NaN where it was not found.
        scans: how many there are.

    Returns:
        Both falling to 0; the sensitivity is NaN where there is no lesion.
    """
    found = np.sort(lesions[~np.isnan(lesions)])
    false = np.sort(false)
    thresholds = np.unique(np.concatenate([false, found]))
    counts = [np.append(len(v) - np.searchsorted(v, thresholds), 0) for v in (false, found)]
    share = counts[1] / len(lesions) if len(lesions) else np.full(len(counts[1]), np.nan)
    return counts[0] / scans, share
