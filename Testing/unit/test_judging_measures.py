"""Measures of outlines, connected lesions, and intervals of means."""

from __future__ import annotations

import numpy as np
import pytest

from PASTALib.catalog import catalog
from PASTATrain.judging.intervals import estimate, estimates, mean
from PASTATrain.judging.measures import outlines
from PASTATrain.judging.predictions import blobs_of


def test_outlines_of_a_shifted_cube_are_known():
    truth, found = np.zeros((2, 30, 30, 30), bool)
    truth[8:18, 8:18, 8:18] = True
    found[8:18, 8:18, 10:20] = True
    dice, surface, distance = outlines(truth, found, (1.0, 1.0, 3.0), 1.0)
    assert dice == pytest.approx(0.8)
    assert distance == pytest.approx(6.0)
    assert 0.4 < surface < 1.0
    assert outlines(truth, found, (1.0, 1.0, 3.0), 6.0)[1] == pytest.approx(1.0)
    assert outlines(truth, truth, (1.0, 1.0, 3.0), 1.0) == pytest.approx((1.0, 1.0, 0.0))
    nothing = outlines(truth, np.zeros_like(truth), (1.0, 1.0, 3.0), 1.0)
    assert nothing[:2] == (0.0, 0.0)
    assert np.isnan(nothing[2])


def test_lesions_are_connected_parts_of_each_type():
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[1:3, 1:3, 1:3] = labels[6:9, 6:9, 6:9] = catalog().label("liver_cyst")
    labels[1:3, 6:8, 1:3] = catalog().label("liver_tumor")
    found = blobs_of(labels)
    assert sorted((blob.type, int(blob.mask.sum())) for blob in found) == [
        ("liver_cyst", 8), ("liver_cyst", 27), ("liver_tumor", 8),
    ]  # fmt: skip


def test_the_interval_of_a_mean_is_that_of_theory_for_independent_patients():
    values = np.random.default_rng(0).normal(5, 2, 200)
    found = mean(values.tolist(), [str(n) for n in range(200)])
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1)


def test_scans_of_the_same_patient_do_not_narrow_the_interval():
    values = np.random.default_rng(0).normal(5, 2, 20)
    patients = [str(n) for n in range(20)]
    once = mean(values.tolist(), patients)
    five_times = mean(np.repeat(values, 5).tolist(), np.repeat(patients, 5).tolist())
    assert five_times.high - five_times.low == pytest.approx(once.high - once.low, rel=0.1)


def test_figures_of_the_same_draws_have_the_intervals_of_each_alone():
    values = np.random.default_rng(1).normal(5, 2, (30, 3))
    values[:, 2] = np.nan
    patients = [str(n % 7) for n in range(30)]
    together = estimates(lambda rows: values[rows].mean(axis=0), patients, 200)
    for column in range(2):
        alone, one = mean(values[:, column].tolist(), patients, 200), together[column]
        assert (one.value, one.low, one.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert str(together[2]) == "–"
    assert np.isnan(together[2].low)


def test_one_patient_gives_no_interval_and_no_rows_no_value():
    alone = mean([0.5, 0.7], ["A", "A"])
    assert str(alone) == "0.60"
    assert str(mean([], [])) == "–"
    assert str(estimate(lambda rows: 0.5, ["A", "B"])) == "0.50 (0.50–0.50)"
