"""Confidence of findings, and which candidates are reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PASTALib.catalog import catalog
from PASTALib.confidence import Calibration, raw_confidence
from PASTALib.findings import drop_improbable
from PASTALib.model import load_model

INFO = replace(
    load_model("pasta-s").info, calibration=Calibration(), least_confidence=0.6, spacing_mm=1.0
)
LIVER = catalog().label("liver_tumor")


def maps(probability: int, edge: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A cube of a liver tumor of one probability: lesion map and probability map."""
    lesions = np.zeros((20, 20, 20), np.uint8)
    lesions[2 : 2 + edge, 2 : 2 + edge, 2 : 2 + edge] = LIVER
    return lesions, np.where(lesions > 0, probability, 0).astype(np.uint8)


def test_a_candidate_below_the_least_confidence_of_the_model_is_no_finding() -> None:
    for probability, reported in ((140, False), (170, True)):
        lesions, seen = maps(probability)
        drop_improbable(lesions, seen, 1.0, INFO)
        assert lesions.any() == reported


def test_a_candidate_below_the_least_size_is_no_finding_however_sure() -> None:
    lesions, seen = maps(255, edge=2)
    drop_improbable(lesions, seen, 1.0, INFO)
    assert not lesions.any()


def test_only_the_improbable_part_goes() -> None:
    lesions, seen = maps(250)
    lesions[12:19, 12:19, 12:19] = LIVER
    seen[12:19, 12:19, 12:19] = 130
    drop_improbable(lesions, seen, 1.0, INFO)
    assert lesions[5, 5, 5] == LIVER
    assert not lesions[12:].any()


def test_confidence_is_that_of_the_most_probable_quarter() -> None:
    assert raw_confidence(np.array([255] * 10 + [0] * 30, np.uint8)) == pytest.approx(1.0)


@given(raw=st.floats(0, 1), other=st.floats(0, 1), slope=st.floats(0.1, 3), offset=st.floats(-4, 4))
def test_calibration_keeps_the_order_and_stays_a_probability(
    raw: float, other: float, slope: float, offset: float
) -> None:
    calibration = Calibration(slope, {"liver_tumor": offset})
    sure, second = (calibration("liver_tumor", value) for value in (raw, other))
    assert 0 < sure < 1
    assert (raw - other) * (sure - second) >= 0


def test_without_a_fit_the_stated_confidence_is_the_raw_one() -> None:
    assert Calibration()("liver_cyst", 0.7) == pytest.approx(0.7)
