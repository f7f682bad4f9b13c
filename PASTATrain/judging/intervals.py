"""Numbers with 95 % intervals: the bootstrap over patients, whose scans are not independent."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 1000
LEVEL = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN where there are too few patients for one.

    `count` is how many scans, lesions or findings the value is of.
    """

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """``0.71 (0.55-0.83)``."""
        if np.isnan(self.value):
            return "–"
        if np.isnan(self.low):
            return f"{self.value:.2f}"
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def estimate(
    statistic: Callable[[np.ndarray], float],
    patients: Sequence[str],
    resamples: int = RESAMPLES,
) -> Estimate:
    """A statistic of rows with its percentile interval; whole patients are drawn.

    Args:
        statistic: value for the rows with these numbers (an integer array, repeats included).
        patients: patient of every row.
        resamples: draws; 1000 give a limit to about a tenth of the interval's width, 0 gives none.
    """
    if len(patients) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    (one,) = estimates(lambda rows: np.array([statistic(rows)]), patients, resamples)
    return one


def estimates(
    statistics: Callable[[np.ndarray], np.ndarray],
    patients: Sequence[str],
    resamples: int = RESAMPLES,
) -> tuple[Estimate, ...]:
    """`estimate` of several statistics of the same draws.

    Args:
        statistics: their values, ``(n,)``, for the rows with these numbers.
        patients: patient of every row, at least one.
        resamples: see `estimate`.
    """
    values = statistics(np.arange(len(patients)))
    low, high = np.full((2, len(values)), np.nan)
    names, group = np.unique(np.asarray(patients), return_inverse=True)
    if len(names) > 1 and resamples > 0:
        members = [np.flatnonzero(group == number) for number in range(len(names))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a draw without a member of a class has no value
            drawn = stats.bootstrap(
                (np.arange(len(names)),),
                lambda chosen: statistics(np.concatenate([members[n] for n in chosen])),
                n_resamples=resamples,
                vectorized=False,
                method="percentile",
                rng=np.random.default_rng(0),
            ).bootstrap_distribution
            low, high = np.nanpercentile(drawn, LEVEL, axis=-1)
    # What has no value has no interval, whatever some draws say.
    low, high = (np.where(np.isnan(values), np.nan, end) for end in (low, high))
    return tuple(
        Estimate(float(value), float(below), float(above), len(patients))
        for value, below, above in zip(values, low, high, strict=True)
    )


def mean(values: Sequence[float], patients: Sequence[str], resamples: int = RESAMPLES) -> Estimate:
    """Mean of the values that are numbers."""
    kept = [(v, p) for v, p in zip(values, patients, strict=True) if not np.isnan(v)]
    array = np.array([value for value, _ in kept], float)
    return estimate(
        lambda rows: float(array[rows].mean()), [p for _, p in kept], resamples=resamples
    )


def rate_per_case(
    events: Sequence[str], cases: Sequence[str], patients: Sequence[str], resamples: int = RESAMPLES
) -> Estimate:
    """Events a case: `events` names the case of each, `cases` and `patients` list them all."""
    number = {case: index for index, case in enumerate(cases)}
    counts = np.zeros(len(cases))
    for case in events:
        counts[number[case]] += 1
    return estimate(lambda rows: float(counts[rows].mean()), patients, resamples=resamples)
