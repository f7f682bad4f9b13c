"""The figures of the model card: organs by Dice, lesions by finding, false findings counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTAGenLib.torso import build_torso, sample_torso
from PASTALib.catalog import catalog
from PASTALib.ct import CT, Segmentation
from PASTALib.errors import Cancelled
from PASTALib.lungs import lungs_by_hu
from PASTALib.model import Model, ModelInfo, Normalization
from PASTALib.progress import CancelToken, silent
from PASTATrain import evaluation
from PASTATrain.evaluation import dice, evaluate, match, organ_figures, with_lesions

INFO = ModelInfo(
    "perfect", "0", ("background", "liver"), 3.0, (64,) * 3, (4,), Normalization(-1000, 500, 0, 250)
)
PERFECT = Model(INFO, None, "cpu")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def torso():
    return build_torso(sample_torso(np.random.default_rng(4), spacing=(4.0, 4.0, 4.0)))


def empty(image: sitk.Image) -> sitk.Image:
    blank = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    blank.CopyInformation(image)
    return blank


def test_dice_of_the_same_mask_is_one_and_of_apart_masks_zero() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[:2] = True
    assert dice(mask, mask) == pytest.approx(1.0)
    assert dice(mask, ~mask) == pytest.approx(0.0)
    half = mask.copy()
    half[0] = False
    assert dice(half, mask) == pytest.approx(2 / 3)


def test_every_labeled_structure_of_the_scan_gets_a_figure(torso) -> None:
    figures = list(organ_figures("torso", torso.organs, torso.organs))
    assert {"liver", "kidney_left", "vertebrae"} <= {figure.structure for figure in figures}
    assert all(figure.dice == pytest.approx(1.0) for figure in figures)


def test_lesions_are_found_or_missed_and_the_rest_is_false(torso) -> None:
    ct = CT(torso.image, "torso")
    rng = np.random.default_rng(2)
    changed, masks = with_lesions(ct, torso.organs, ["liver_tumor", "lung_tumor"], rng)
    assert set(masks) == {"liver_tumor", "lung_tumor"}
    found = masks["lung_tumor"]
    everywhere = sitk.Cast(found > 0, sitk.sitkUInt8) * 255
    segmentation = Segmentation(torso.organs, found, everywhere)
    figures, false = match("torso", changed, segmentation, PERFECT, masks)
    by_type = {figure.type: figure for figure in figures}
    assert by_type["lung_tumor"].found
    assert by_type["lung_tumor"].right_type
    assert by_type["lung_tumor"].dice == pytest.approx(1.0, abs=0.05)
    assert not by_type["liver_tumor"].found
    assert false.false_positives == 0
    only_liver = {"liver_tumor": masks["liver_tumor"]}
    _, false = match("torso", changed, segmentation, PERFECT, only_liver)
    assert false.false_positives == 1
    assert false.types == ("lung_tumor",)


def test_an_evaluation_without_public_scans_uses_the_torsos_alone(
    torso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(ct: CT, model: Model) -> Segmentation:
        return Segmentation(torso.organs, empty(ct.image), empty(ct.image))

    monkeypatch.setattr(evaluation, "torso_images", lambda seed, spacing: torso)
    monkeypatch.setattr(evaluation, "load_model", lambda name: PERFECT)
    monkeypatch.setattr(evaluation, "segment", blind)
    figures = evaluate(tmp_path / "absent", "any", tmp_path, 1, [4], silent)
    assert figures.inserted
    assert not any(figure.found for figure in figures.inserted)
    assert {figure.scan for figure in figures.organs} == {"torso_0004"}
    stored = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert len(stored["inserted"]) == len(figures.inserted)
    table = (tmp_path / "figures.md").read_text(encoding="utf-8")
    assert "| Liver | 1.00 |" in table
    assert "| torso_0004 | none | 1 | 0.0 |" in table


def test_a_stopped_evaluation_writes_nothing(
    torso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = Segmentation(torso.organs, empty(torso.image), empty(torso.image))
    monkeypatch.setattr(evaluation, "torso_images", lambda seed, spacing: torso)
    monkeypatch.setattr(evaluation, "load_model", lambda name: PERFECT)
    monkeypatch.setattr(evaluation, "segment", lambda ct, model: nothing)
    stopped = CancelToken()
    stopped.cancel()
    with pytest.raises(Cancelled):
        evaluate(tmp_path / "absent", "any", tmp_path, 1, [4, 5], silent, cancel=stopped)
    assert not (tmp_path / "figures.json").exists()


def test_lungs_are_found_on_the_right_sides_by_their_density(torso) -> None:
    hu = sitk.GetArrayFromImage(torso.image)
    found, truth = lungs_by_hu(hu), sitk.GetArrayFromImage(torso.organs)
    for key in ("lung_right", "lung_left"):
        label = catalog().label(key)
        assert dice(found == label, truth == label) > 0.85
