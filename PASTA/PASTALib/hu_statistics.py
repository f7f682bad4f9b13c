"""HU of a lesion, and of the tissue that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class HUStatistics:
    """Distribution of HU over a set of voxels; `sd` is that of the population."""

    voxels: int
    mean: float
    sd: float
    minimum: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float
    maximum: float


@dataclass(frozen=True)
class Reference:
    """The tissue that a lesion's density is compared with.

    Attributes:
        name: such as ``left kidney``, ``vertebra L3`` or ``muscle``, for sentences.
        median: HU.
        measured: whether it was measured in this CT; otherwise it is the catalogue's mean.
        uncertainty: standard error of `median` in HU.
    """

    name: str
    median: float
    measured: bool
    uncertainty: float


def hu_statistics(values: NDArray[np.generic]) -> HUStatistics:
    """Statistics of HU values.

    Raises:
        ValueError: there are no values.
    """
    if values.size == 0:
        raise ValueError("no voxels to take HU statistics of")
    hu = np.asarray(values, dtype=np.float32).ravel()
    p5, p25, p50, p75, p95 = np.percentile(hu, PERCENTILES).tolist()
    return HUStatistics(
        voxels=int(hu.size),
        mean=float(hu.mean(dtype=np.float64)),
        sd=float(hu.std(dtype=np.float64)),
        minimum=float(hu.min()),
        p5=p5,
        p25=p25,
        median=p50,
        p75=p75,
        p95=p95,
        maximum=float(hu.max()),
    )
