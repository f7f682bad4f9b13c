"""Torsos made by rule with the organs of a label map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.progress import silent
from PASTATrain.cases import Case, load_cases
from PASTATrain.sources import TRANSPLANTS, prepare, torso_case, transplant_case
from PASTATrain.transplanting import KEPT, transplanted

COARSE_MM = 6.0
SPLEEN, LIVER = catalog().label("spleen"), catalog().label("liver")


@pytest.fixture(scope="module")
def torso() -> Case:
    return torso_case(3, COARSE_MM, "train")


def someone_else() -> np.ndarray:
    """Organs of another torso, as a label map of a patient might show them."""
    labels = torso_case(8, COARSE_MM, "train").labels
    keys = ("liver", "spleen", "kidney_left", "pancreas")
    return np.where(np.isin(labels, [catalog().label(key) for key in keys]), labels, 0)


def middle(labels: np.ndarray, label: int) -> np.ndarray:
    return np.argwhere(labels == label).mean(axis=0)


def test_the_organs_of_the_map_take_the_place_of_the_torsos(torso: Case) -> None:
    case = transplanted(torso, someone_else(), np.random.default_rng(0))
    for key in ("liver", "spleen"):
        label = catalog().label(key)
        away = COARSE_MM * (middle(case.labels, label) - middle(torso.labels, label))
        assert np.linalg.norm(away) < 60, key
        both = (case.labels == label) & (torso.labels == label)
        assert both.any()
        assert not np.array_equal(case.labels == label, torso.labels == label)
        hu = case.hu[case.labels == label]
        assert 20 < np.median(hu) < 200, "tissue, neither fat nor lung"
    assert np.isin(case.labels, catalog().labels_of("small_bowel")).any(), "not in the map: stays"


def test_bones_heart_and_great_vessels_stay(torso: Case) -> None:
    case = transplanted(torso, someone_else(), np.random.default_rng(0))
    for key in KEPT:
        labels = catalog().labels_of(key)
        assert np.array_equal(np.isin(case.labels, labels), np.isin(torso.labels, labels)), key
    outside = torso.hu < -990
    lungs = catalog().organ_labels("lung")
    assert not np.isin(case.labels[outside & (torso.labels == 0)], [SPLEEN, *lungs]).any()


def test_an_organ_that_the_map_lacks_stays_and_no_second_one_is_left(torso: Case) -> None:
    only_spleen = np.where(someone_else() == SPLEEN, SPLEEN, 0).astype(np.uint8)
    case = transplanted(torso, only_spleen, np.random.default_rng(0))
    lost = np.count_nonzero((torso.labels == LIVER) & (case.labels != LIVER))
    assert lost < 0.1 * np.count_nonzero(torso.labels == LIVER), "what the spleen covers"
    share = np.count_nonzero(case.labels == SPLEEN) / np.count_nonzero(only_spleen)
    assert 0.3 < share < 1.2**3 + 0.1


def test_a_map_without_organs_is_refused(torso: Case) -> None:
    with pytest.raises(PastaError, match="neither liver nor spleen"):
        transplanted(torso, np.zeros((20, 20, 20), np.uint8), np.random.default_rng(0))


def write_map(folder: Path, names: dict[str, str]) -> None:
    labels = someone_else()
    image = sitk.GetImageFromArray(
        (labels == SPLEEN).astype(np.uint8) + 2 * (labels == LIVER).astype(np.uint8)
    )
    image.SetSpacing((COARSE_MM,) * 3)
    folder.mkdir(parents=True)
    sitk.WriteImage(image, str(folder / "label.nii.gz"))
    (folder / "labels.json").write_text(json.dumps(names), encoding="utf-8")


def test_prepare_makes_transplants_of_the_label_maps_and_keeps_some_out(tmp_path: Path) -> None:
    for number in range(6):
        write_map(tmp_path / "data" / TRANSPLANTS / f"p{number}", {"1": "spleen", "2": "liver"})
    assert prepare(tmp_path / "data", tmp_path / "cases", 8.0, 0, silent, 1, transplants=1) == 6
    trained, tested = (load_cases(tmp_path / "cases", split) for split in ("train", "test"))
    assert [case.name for case in trained] == [f"transplant_p{n}_0" for n in range(5)]
    assert [case.name for case in tested] == ["transplant_p5_0"]
    assert {case.kind for case in trained} == {"transplant"}
    assert SPLEEN in trained[0].labels


def test_a_map_without_names_is_refused(tmp_path: Path) -> None:
    write_map(tmp_path / "a", {})
    (tmp_path / "a" / "labels.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(PastaError, match=r"labels\.json.*must name each number"):
        transplant_case(tmp_path / "a", 0, "a", 8.0, "train")
