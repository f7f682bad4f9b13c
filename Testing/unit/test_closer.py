"""The second look at what may be a lesion: what it is shown, and what its word changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from nodule_case import lung_with_nodule
from PASTALib.catalog import catalog
from PASTALib.closer.candidates import Candidate, candidates_in
from PASTALib.closer.look import (
    CLOSER_FILE,
    CLOSER_WEIGHTS,
    CloserInfo,
    CloserLook,
    load_closer_look,
    save_closer_look,
    verify_closer_look,
)
from PASTALib.closer.sight import EDGE, NEAR_MM, WIDE_MM, sight_of, steps_for
from PASTALib.closer.verdict import look_closer, settle
from PASTALib.confidence import raw_confidence
from PASTALib.ct_labels import CTLabels
from PASTALib.errors import PastaError
from PASTALib.progress import Cancelled, CancelToken
from PASTALib.region import Region, overlap

INFO = CloserInfo("test", (4, 8), tuple(catalog().lesion_types))


def a_look() -> CloserLook:
    """A small untrained network."""
    import torch

    torch.manual_seed(0)
    return CloserLook(INFO, INFO.network().eval())


def test_outlined_candidates_are_large_enough_and_carry_their_confidence():
    _, organs, nodule = lung_with_nodule()
    lesions, probability = np.zeros_like(organs), np.zeros_like(organs)
    lesions[nodule.slices][nodule.mask] = catalog().label("lung_tumor")
    lesions[2, 32, 32] = catalog().label("lung_tumor")
    probability[lesions > 0] = 204
    (found,) = candidates_in(lesions, probability, nodule.geometry, 3.0)
    assert found.type == "lung_tumor"
    assert found.raw == pytest.approx(0.8)
    assert overlap(found.region, nodule) == 1


@given(st.floats(0.5, 400))
def test_cubes_show_a_candidate_of_any_size_within_their_limits(extent: float):
    near, wide = steps_for(extent)
    assert NEAR_MM[0] <= near <= NEAR_MM[1]
    assert WIDE_MM[0] <= wide <= WIDE_MM[1]
    assert near < wide


def test_the_sight_is_centered_on_the_candidate_and_shows_its_organ():
    image, organs, nodule = lung_with_nodule()
    hu = sitk.GetArrayViewFromImage(image)
    sight = sight_of(Candidate("lung_tumor", nodule, 0.5), hu, organs)
    assert sight.hu.shape == (2, EDGE, EDGE, EDGE)
    middle = EDGE // 2
    assert sight.lesion[:, middle, middle, middle].all()
    assert np.median(sight.hu[0][sight.lesion[0]]) == pytest.approx(30, abs=40)
    assert (sight.organ >= sight.lesion).all()
    assert sight.organ[0].mean() > sight.lesion[0].mean()
    assert sight.lesion[0].sum() > sight.lesion[1].sum()


def labels_with(nodule: Region, organs: np.ndarray, probability: int) -> CTLabels:
    """Labels of a CT in which the nodule was outlined."""
    labels = CTLabels(nodule.geometry, nodule.geometry, (), ())
    labels.organs[:] = organs
    labels.lesions[nodule.slices][nodule.mask] = catalog().label("lung_tumor")
    labels.probability[nodule.slices][nodule.mask] = probability
    return labels


@settings(deadline=None, max_examples=30)
@given(st.integers(20, 235), st.floats(-4, 4))
def test_the_word_of_the_closer_look_becomes_the_raw_confidence(before: int, log_odds: float):
    _, organs, nodule = lung_with_nodule()
    labels = labels_with(nodule, organs, before)
    candidate = Candidate("lung_tumor", nodule, before / 255)
    settle(labels, candidate, log_odds)
    now = raw_confidence(labels.probability[nodule.slices][nodule.mask])
    assert now == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=0.01)
    outside = np.ones_like(organs, bool)
    outside[nodule.slices] &= ~nodule.mask
    assert not labels.probability[outside].any()


def test_each_candidate_is_judged_and_its_outline_stays():
    image, organs, nodule = lung_with_nodule()
    labels = labels_with(nodule, organs, 128)
    before = labels.lesions.copy()
    look = a_look()
    look_closer(image, labels, 3.0, look)
    assert (labels.lesions == before).all()
    candidate = Candidate("lung_tumor", nodule, 128 / 255)
    sight = sight_of(candidate, sitk.GetArrayViewFromImage(image), organs)
    said = float(look([candidate], [sight])[0])
    now = raw_confidence(labels.probability[nodule.slices][nodule.mask])
    assert now == pytest.approx(1 / (1 + np.exp(-said)), abs=0.01)


def test_looking_closer_can_be_cancelled():
    image, organs, nodule = lung_with_nodule()
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        look_closer(image, labels_with(nodule, organs, 200), 3.0, a_look(), cancel=cancel)


def test_a_saved_look_says_the_same(tmp_path: Path):
    image, organs, nodule = lung_with_nodule()
    look = a_look()
    save_closer_look(tmp_path, INFO, look.network)
    again = load_closer_look(tmp_path)
    assert again is not None
    candidates = [Candidate("lung_tumor", nodule, 0.5)]
    sights = [sight_of(candidates[0], sitk.GetArrayViewFromImage(image), organs)]
    assert again(candidates, sights) == pytest.approx(look(candidates, sights), abs=0.02)


def test_a_model_without_a_closer_look_has_none(tmp_path: Path):
    assert load_closer_look(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a valid description"),
        ('{"version": "1", "features": [4], "types": ["wart"]}', "lesion type 'wart'"),
    ],
)
def test_a_damaged_description_is_refused_with_its_name(tmp_path: Path, text: str, message: str):
    (tmp_path / CLOSER_FILE).write_text(text)
    with pytest.raises(PastaError, match=message):
        load_closer_look(tmp_path)


def test_damaged_weights_are_refused(tmp_path: Path):
    info = save_closer_look(tmp_path, INFO, a_look().network)
    assert info.sha256
    (tmp_path / CLOSER_WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(PastaError, match="do not match the checksum"):
        load_closer_look(tmp_path)
    with pytest.raises(PastaError, match="does not match the checksum"):
        verify_closer_look(tmp_path)


def test_whole_weights_are_verified_and_a_model_without_a_closer_look_too(tmp_path: Path):
    verify_closer_look(tmp_path)
    save_closer_look(tmp_path, INFO, a_look().network)
    verify_closer_look(tmp_path)
