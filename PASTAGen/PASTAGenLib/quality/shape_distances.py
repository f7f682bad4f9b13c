"""How far the shapes of two sets of masks are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance, ks_2samp

from PASTAGenLib.quality.shape_figures import NAMES

FREE_OF_SCALE = tuple(name for name in NAMES if name != "log_volume")


@dataclass(frozen=True)
class ShapeDistance:
    """Distance of one figure between made and real masks.

    Attributes:
        figure: one of `NAMES`.
        energy: energy distance in SD of the real masks; 0 is the same distribution.
        ks: largest difference of the cumulative distributions, 0 to 1.
        shift: median of the made masks minus that of the real ones, in SD of the real masks.
    """

    figure: str
    energy: float
    ks: float
    shift: float


def distances(made: NDArray[np.float64], real: NDArray[np.float64]) -> tuple[ShapeDistance, ...]:
    """Distance of every figure.

    Args:
        made: one row a mask, columns as `NAMES`.
        real: the same.
    """
    found = []
    for column, name in enumerate(NAMES):
        ours, theirs = made[:, column], real[:, column]
        sd = float(theirs.std())
        found.append(
            ShapeDistance(
                name,
                float(energy_distance(ours / sd, theirs / sd)),
                float(ks_2samp(ours, theirs).statistic),
                float((np.median(ours) - np.median(theirs)) / sd),
            )
        )
    return tuple(found)


def joint_distance(
    made: NDArray[np.float64], real: NDArray[np.float64], sd: NDArray[np.float64] | None = None
) -> float:
    """Energy distance of all figures that are free of scale together.

    The square root of ``2 E|X-Y| - E|X-X'| - E|Y-Y'|`` (Székely and Rizzo 2013), each figure in
    `sd`, which is that of the real masks if it is not given (one number a column of `NAMES`).
    """
    columns = [NAMES.index(name) for name in FREE_OF_SCALE]
    scale = (real.std(axis=0) if sd is None else sd)[columns]
    x, y = made[:, columns] / scale, real[:, columns] / scale
    squared = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    return float(np.sqrt(max(squared, 0.0)))


def joint_interval(
    made: NDArray[np.float64], real: NDArray[np.float64], rng: np.random.Generator, draws: int = 400
) -> tuple[float, float]:
    """95 % interval of `joint_distance` over masks drawn again with replacement."""
    sd = real.std(axis=0)
    values = []
    for _ in range(draws):
        ours = made[rng.integers(0, len(made), len(made))]
        theirs = real[rng.integers(0, len(real), len(real))]
        values.append(joint_distance(ours, theirs, sd))
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
