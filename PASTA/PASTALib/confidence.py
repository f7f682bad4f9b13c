"""How sure a finding is: from the probability map to the share of such findings that are real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

USUAL_DIAMETER_MM = 20.0
"""Diameter at which the size of a finding says nothing of whether it is real."""
TOP_SHARE = 0.25
"""A finding's raw confidence is the mean of this share of its voxels, the most probable ones."""
_LEAST = 1 / 510
"""Half a step of the probability map: its 0 and 255 are no certainty."""


@dataclass(frozen=True)
class Calibration:
    """A logistic function of a finding's raw confidence (Platt 1999), size and type.

    Attributes:
        slope: of the raw confidence in log odds.
        size: of the binary logarithm of the diameter over `USUAL_DIAMETER_MM`.
        offsets: by lesion type, in log odds; 0 where a type is not listed.
    """

    slope: float = 1.0
    size: float = 0.0
    offsets: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, lesion_type: str, raw: float, diameter_mm: float) -> float:
        """Probability that a finding is real; as it is without a fit, `raw`.

        Args:
            lesion_type: catalogue key.
            raw: raw confidence.
            diameter_mm: of a sphere of the same volume.
        """
        log_odds = (
            self.slope * raw_log_odds(raw)
            + self.size * size_feature(diameter_mm)
            + self.offsets.get(lesion_type, 0.0)
        )
        return float(1 / (1 + np.exp(-log_odds)))


def raw_confidence(probability: NDArray[np.uint8]) -> float:
    """Raw confidence of a finding from the probability map (0 to 255) at its voxels."""
    values = np.sort(probability, axis=None)
    top = values[-max(1, round(TOP_SHARE * len(values))) :]
    return float(top.mean() / 255.0)


def size_feature(diameter_mm: float) -> float:
    """Doublings of the diameter over `USUAL_DIAMETER_MM`."""
    return float(np.log2(diameter_mm / USUAL_DIAMETER_MM))


def raw_log_odds(raw: float) -> float:
    """Log odds of a raw confidence, finite at 0 and 1."""
    kept = min(max(raw, _LEAST), 1 - _LEAST)
    return float(np.log(kept / (1 - kept)))
