"""Calibration of findings and the least confidence that is reported."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.confidence import Calibration
from PASTALib.errors import PastaError
from PASTATrain.tuning import Candidate, fit, is_complete, least_confidence


def drawn(count: int, share_real: dict[str, float], seed: int = 0) -> list[Candidate]:
    """Findings of types that are real in a known share of cases, more often the surer they are."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        kind = str(rng.choice(list(share_real)))
        raw = float(rng.uniform(0.5, 0.99))
        real = bool(rng.random() < share_real[kind] * (raw - 0.5) / 0.49)
        found.append(Candidate("scan/1", 5, kind, raw, 20.0, real))
    return found


def test_the_stated_confidence_is_the_share_of_real_findings() -> None:
    share = {"liver_tumor": 0.9, "gastric_cancer": 0.3}
    calibration = fit(drawn(3000, share))
    fresh = drawn(3000, share, seed=1)
    for kind in share:
        mine = [c for c in fresh if c.type == kind]
        stated = np.mean([calibration(kind, c.raw, 20.0) for c in mine])
        assert abs(stated - np.mean([c.real for c in mine])) < 0.05


def test_a_type_that_is_mostly_false_is_stated_less_sure() -> None:
    calibration = fit(drawn(800, {"liver_tumor": 0.9, "gastric_cancer": 0.2}))
    assert calibration("gastric_cancer", 0.8, 20.0) < calibration("liver_tumor", 0.8, 20.0)


def test_the_least_confidence_lets_so_many_false_findings_through() -> None:
    raws = np.linspace(0.5, 0.95, 10)
    empty = [Candidate("scan/0", 0, "liver_tumor", float(raw), 20.0, False) for raw in raws]
    full = [Candidate("scan/1", 3, "liver_tumor", 0.99, 20.0, False)]
    least = least_confidence([*empty, *full], Calibration(), scans_without=3, false_per_scan=1.0)
    assert sum(raw >= least for raw in raws) == 3


def test_without_false_findings_everything_is_reported() -> None:
    assert least_confidence([], Calibration(), 5, 1.0) == 0.0


def test_a_type_whose_small_findings_are_mostly_false_has_its_large_ones_stated_surer() -> None:
    rng = np.random.default_rng(3)
    found = [
        Candidate("scan/1", 5, "liver_cyst", 0.8, diameter, bool(rng.random() < share))
        for diameter, share in ((6.0, 0.2), (30.0, 0.8))
        for _ in range(200)
    ]
    calibration = fit(found)
    assert calibration("liver_cyst", 0.8, 6.0) == pytest.approx(0.2, abs=0.1)
    assert calibration("liver_cyst", 0.8, 30.0) == pytest.approx(0.8, abs=0.1)


def test_too_few_findings_are_told_instead_of_fitted() -> None:
    with pytest.raises(PastaError, match="give more torsos"):
        fit(drawn(10, {"liver_tumor": 0.5}))


def test_organs_besides_the_lungs_make_a_label_map_complete() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0, 0] = catalog().label("lung_left")
    labels[0, 1] = catalog().label("lung_right")
    assert not is_complete(sitk.GetImageFromArray(labels))
    labels[1] = catalog().label("liver")
    assert is_complete(sitk.GetImageFromArray(labels))
