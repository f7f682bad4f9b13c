"""Figures of whole scans: malignancy, stage and survival, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from PASTATrain.judging.intervals import RESAMPLES, Estimate, estimate
from PASTATrain.judging.rows import CaseRow

YEARS = (1, 2, 3, 5)
"""Horizons of the time-dependent AUC."""
DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class OrganFigures:
    """How well a malignant tumor of one organ was told.

    `brier` is the mean squared error of the probability: 0 is perfect, 0.25 is a coin.
    """

    organ: str
    positive: int
    auc: Estimate
    brier: Estimate


@dataclass(frozen=True)
class StageFigures:
    """How well the stage was told; `auc` is the mean over the stages, each against the rest."""

    accuracy: Estimate
    f1: Estimate
    auc: Estimate


@dataclass(frozen=True)
class HorizonFigures:
    """Time-dependent AUC: the risk of those who died by then against those still alive."""

    years: int
    auc: Estimate


def area(positive: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve; NaN where there is one class only."""
    from sklearn.metrics import roc_auc_score

    if positive.all() or not positive.any():
        return float("nan")
    return float(roc_auc_score(positive, score, sample_weight=weight))


def malignancy_auc(cases: Sequence[CaseRow], resamples: int = RESAMPLES) -> Estimate | None:
    """Of the malignancy of a scan; None where there is one class only."""
    rows = [row for row in cases if row.malignant is not None and not np.isnan(row.malignancy)]
    malignant = np.array([row.malignant for row in rows], bool)
    score = np.array([row.malignancy for row in rows])
    if malignant.all() or not malignant.any():
        return None
    patients = [row.patient for row in rows]
    return estimate(lambda n: area(malignant[n], score[n]), patients, resamples=resamples)


def organ_figures(cases: Sequence[CaseRow], resamples: int = RESAMPLES) -> Iterable[OrganFigures]:
    """Of every organ that a probability was told of, in scans whose truth is known."""
    for organ in dict.fromkeys(organ for row in cases for organ in row.organs):
        rows = [row for row in cases if organ in row.organs and row.malignant is not None]
        truth = np.array([row.organs[organ][0] for row in rows], bool)
        told = np.array([row.organs[organ][1] for row in rows])
        patients = [row.patient for row in rows]

        def auc(n: np.ndarray, truth: np.ndarray = truth, told: np.ndarray = told) -> float:
            return area(truth[n], told[n])

        def brier(n: np.ndarray, truth: np.ndarray = truth, told: np.ndarray = told) -> float:
            return float(np.mean((told[n] - truth[n]) ** 2))

        figures = (estimate(f, patients, resamples=resamples) for f in (auc, brier))
        yield OrganFigures(organ, int(truth.sum()), *figures)


def stage_figures(cases: Sequence[CaseRow], resamples: int = RESAMPLES) -> StageFigures | None:
    """Of scans whose stage is known and told of; None without such."""
    from sklearn.metrics import accuracy_score, f1_score

    rows = [row for row in cases if row.stage is not None and row.stages]
    if not rows:
        return None
    true = np.array([row.stage for row in rows])
    told = np.array([max(row.stages, key=lambda key: row.stages[key]) for row in rows])
    chance = {s: np.array([row.stages.get(s, 0.0) for row in rows]) for s in sorted(set(true))}

    def one_against_rest(n: np.ndarray) -> float:
        areas = [area(true[n] == stage, values[n]) for stage, values in chance.items()]
        known = [value for value in areas if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")

    def f1(n: np.ndarray) -> float:
        return float(
            f1_score(true[n], told[n], labels=list(chance), average="macro", zero_division=0)
        )

    statistics: tuple[Callable[[np.ndarray], float], ...] = (
        lambda n: float(accuracy_score(true[n], told[n])),
        f1,
        one_against_rest,
    )
    patients = [row.patient for row in rows]
    return StageFigures(*(estimate(s, patients, resamples=resamples) for s in statistics))


@dataclass(frozen=True)
class Followed:
    """Patients with a risk and a known survival, as arrays ``(n,)``."""

    days: np.ndarray
    died: np.ndarray
    risk: np.ndarray
    patients: tuple[str, ...]

    @classmethod
    def of(cls, cases: Sequence[CaseRow]) -> Followed | None:
        """None where fewer than two are known, or none died."""
        rows = [row for row in cases if row.days is not None and row.risk is not None]
        if len(rows) < 2 or not any(row.died for row in rows):
            return None
        days, risk = (np.array([getattr(r, key) for r in rows], float) for key in ("days", "risk"))
        died = np.array([row.died for row in rows], bool)
        return cls(days, died, risk, tuple(row.patient for row in rows))


def c_index(cases: Sequence[CaseRow], resamples: int = RESAMPLES) -> Estimate | None:
    """Harrell's concordance of risk and survival, by lifelines; None where nothing is told."""
    from lifelines.utils import concordance_index

    who = Followed.of(cases)
    if who is None:
        return None

    def concordance(n: np.ndarray) -> float:
        try:
            return float(concordance_index(who.days[n], -who.risk[n], who.died[n]))
        except ZeroDivisionError:  # no pair of this draw can be compared
            return float("nan")

    return estimate(concordance, who.patients, resamples=resamples)


def horizon_figures(
    cases: Sequence[CaseRow], resamples: int = RESAMPLES
) -> Iterable[HorizonFigures]:
    """Cumulative/dynamic AUC at every horizon that has a death before and a survivor after it.

    Those who were lost to follow-up before the horizon are left out, and each death weighs one
    over the chance of being followed until then (Uno et al., JASA 2007), by Kaplan and Meier.
    """
    from lifelines import KaplanMeierFitter

    who = Followed.of(cases)
    if who is None:
        return
    followed = KaplanMeierFitter().fit(who.days, ~who.died)
    chance = followed.survival_function_at_times(np.nextafter(who.days, 0)).to_numpy()
    for years in YEARS:
        horizon = years * DAYS_A_YEAR
        dead, alive = who.died & (who.days <= horizon), who.days > horizon
        known = np.flatnonzero(dead | alive)
        if not dead.any() or not alive.any():
            continue
        weight = np.where(dead, 1 / np.maximum(chance, 1e-6), 1.0)

        def auc(
            n: np.ndarray,
            known: np.ndarray = known,
            dead: np.ndarray = dead,
            weight: np.ndarray = weight,
        ) -> float:
            rows = known[n]
            return area(dead[rows], who.risk[rows], weight[rows])

        patients = [who.patients[row] for row in known]
        yield HorizonFigures(years, estimate(auc, patients, resamples=resamples))
