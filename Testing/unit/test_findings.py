"""Confidence of findings, and which candidates are reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PASTALib.catalog import catalog
from PASTALib.confidence import Calibration, raw_confidence
from PASTALib.findings import drop_improbable, one_type_each
from PASTALib.geometry import Geometry
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
        drop_improbable(lesions, seen, Geometry.isotropic(lesions.shape, 1.0), INFO)
        assert lesions.any() == reported


def test_a_candidate_below_the_least_size_is_no_finding_however_sure() -> None:
    lesions, seen = maps(255, edge=2)
    drop_improbable(lesions, seen, Geometry.isotropic(lesions.shape, 1.0), INFO)
    assert not lesions.any()


def test_only_the_improbable_part_goes() -> None:
    lesions, seen = maps(250)
    lesions[12:19, 12:19, 12:19] = LIVER
    seen[12:19, 12:19, 12:19] = 130
    drop_improbable(lesions, seen, Geometry.isotropic(lesions.shape, 1.0), INFO)
    assert lesions[5, 5, 5] == LIVER
    assert not lesions[12:].any()


def test_a_lesion_of_two_types_of_one_organ_gets_the_more_probable_one() -> None:
    lesions, seen = maps(200)
    lesions[2:5, 2:10, 2:10] = catalog().label("liver_cyst")
    seen[2:5, 2:10, 2:10] = 250
    one_type_each(lesions, seen)
    assert set(np.unique(lesions)) == {0, LIVER}
    assert (lesions == LIVER).sum() == 8**3


def test_lesions_that_do_not_touch_and_stones_in_a_cancer_keep_their_types() -> None:
    lesions, seen = maps(200)
    lesions[14:18, 14:18, 14:18] = catalog().label("liver_cyst")
    lesions[2:18, 2:18, 19] = catalog().label("gallbladder_cancer")
    lesions[5:8, 5:8, 19] = catalog().label("gallstone")
    before = lesions.copy()
    one_type_each(lesions, np.full_like(seen, 200))
    assert np.array_equal(lesions, before)


def test_a_larger_finding_is_surer_where_the_fit_says_so() -> None:
    calibration = Calibration(size=1.0)
    assert calibration("liver_cyst", 0.6, 40.0) > calibration("liver_cyst", 0.6, 10.0)


def test_confidence_is_that_of_the_most_probable_quarter() -> None:
    assert raw_confidence(np.array([255] * 10 + [0] * 30, np.uint8)) == pytest.approx(1.0)


@given(raw=st.floats(0, 1), other=st.floats(0, 1), slope=st.floats(0.1, 3), offset=st.floats(-4, 4))
def test_calibration_keeps_the_order_and_stays_a_probability(
    raw: float, other: float, slope: float, offset: float
) -> None:
    calibration = Calibration(slope, offsets={"liver_tumor": offset})
    sure, second = (calibration("liver_tumor", value, 15.0) for value in (raw, other))
    assert 0 < sure < 1
    assert (raw - other) * (sure - second) >= 0


def test_without_a_fit_the_stated_confidence_is_the_raw_one() -> None:
    assert Calibration()("liver_cyst", 0.7, 9.0) == pytest.approx(0.7)
