"""Outlines that are proposed without training, their traits, and the chooser among them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from clicked_scans import RADIUS_MM, ball, check_that_marks_hold, dice, point, scan_of_a_ball, whole
from geometries import directions
from PASTALib.errors import PastaError
from PASTALib.geometry import as_vector
from PASTALib.gestures import chooser as choosers
from PASTALib.gestures.chooser import (
    CHOOSER_FILE,
    FIRST_TRAITS,
    LATER_TRAITS,
    WEIGHTS_FILE,
    Chooser,
    ChooserInfo,
    Judge,
    bundled_chooser,
    load_chooser,
    save_chooser,
)
from PASTALib.gestures.choosing import changed_outlines, first_outlines
from PASTALib.gestures.drawing import ChosenDrawing
from PASTALib.gestures.marks import Gesture, marks_of
from PASTALib.gestures.outlining import outlined
from PASTALib.gestures.traits import OF_ALL, OF_CHANGES, WAYS
from PASTALib.gestures.voxels import dilated, eroded, held
from PASTALib.region import Region


def a_judge(traits: int, seed: int) -> Judge:
    rng = np.random.default_rng(seed)
    sizes = (2 * traits, 6, 1)
    layers = tuple(
        (rng.normal(0, 0.5, (out, into)).astype(np.float32), np.zeros(out, np.float32))
        for into, out in pairwise(sizes)
    )
    return Judge(np.zeros(traits, np.float32), np.ones(traits, np.float32), layers)


RANDOM = Chooser(
    ChooserInfo("random", "1"), a_judge(len(FIRST_TRAITS), 1), a_judge(len(LATER_TRAITS), 2)
)


@pytest.fixture(scope="module")
def bundled() -> Chooser:
    chooser = bundled_chooser()
    assert chooser is not None
    return chooser


def test_shells_are_those_of_scipy():
    rng = np.random.default_rng(0)
    masks = rng.random((3, 9, 8, 7)) < 0.4
    for mask, grown, shrunk in zip(masks, dilated(masks), eroded(masks), strict=True):
        assert (grown == ndimage.binary_dilation(mask)).all()
        assert (shrunk == ndimage.binary_erosion(mask, border_value=1)).all()


def test_what_hangs_together_with_a_mark_is_held():
    mask = np.zeros((1, 1, 9), bool)
    mask[0, 0, [0, 1, 3, 4, 6]] = True
    mark = np.zeros_like(mask)
    mark[0, 0, [1, 2]] = True
    assert held(mask, mark)[0, 0].nonzero()[0].tolist() == [0, 1]
    mark[0, 0, 4] = True
    assert held(mask, mark)[0, 0].nonzero()[0].tolist() == [0, 1, 3, 4]
    assert not held(mask, np.zeros_like(mask)).any()


@settings(max_examples=10, deadline=None)
@given(
    direction=directions(),
    spacing=st.tuples(st.floats(0.6, 2.0), st.floats(0.6, 2.0), st.floats(0.6, 6.0)),
    contrast=st.sampled_from([-60.0, 45.0, 300.0]),
)
def test_one_of_what_is_proposed_fits_whatever_the_geometry(direction, spacing, contrast):
    scan, _, center = scan_of_a_ball(direction, spacing, contrast)
    beside = as_vector(np.add(center, (0.0, RADIUS_MM + 4, 0.0)))
    best = 0.0
    for measured in first_outlines(scan, [point(center), point(beside, inside=False)]):
        view = measured.view
        assert measured.masks[:, view.positive].all()
        assert not measured.masks[:, view.negative].any()
        assert measured.traits.shape == (len(measured.masks), len(FIRST_TRAITS))
        assert np.isfinite(measured.traits).all()
        truth = ball(view.geometry, center, RADIUS_MM)
        best = max(best, *(dice(mask, truth) for mask in measured.masks))
    assert best > 0.8


def test_traits_tell_size_contrast_and_place():
    scan, _, center = scan_of_a_ball(spacing=(1.0, 1.0, 1.0))
    for measured in first_outlines(scan, [point(center)]):
        truth = ball(measured.view.geometry, center, RADIUS_MM)
        overlap = [dice(mask, truth) for mask in measured.masks]
        best = int(np.argmax(overlap))
        if overlap[best] < 0.9:
            continue
        told = dict(zip(OF_ALL, measured.traits[best], strict=False))
        assert np.exp(told["log radius mm"]) == pytest.approx(RADIUS_MM, rel=0.1)
        assert told["variance explained"] > 0.6
        assert told["step at the edge"] > 1
        assert told["HU"] == pytest.approx(1.1, abs=0.1)
        assert told["HU around"] == pytest.approx(0.5, abs=0.2)
        assert told["mark to the middle"] < 0.3
        assert told["at the sides"] == 0
        assert told["elongation"] < 0.25
        return
    pytest.fail("no proposal fits")


def test_changes_keep_to_all_marks_and_one_mends_the_outline():
    scan, _, center = scan_of_a_ball()
    beside = as_vector(np.subtract(center, (3.0, 0.0, 0.0)))
    small = Region.of(ball(scan.geometry, beside, 5.0), scan.geometry)
    assert small is not None
    missing = as_vector(np.add(center, (5.0, 0.0, 0.0)))
    measured = changed_outlines(scan, [point(missing)], small)
    assert measured.traits.shape[1] == len(LATER_TRAITS)
    assert np.isfinite(measured.traits).all()
    assert measured.masks[:, measured.view.positive].all()
    goal = ball(measured.view.geometry, center, RADIUS_MM)
    assert max(dice(mask, goal) for mask in measured.masks) > 0.85
    told = measured.traits[:, -len(OF_CHANGES) :]
    assert (told[:, : len(WAYS)].sum(axis=1) == 1).all()
    depth = np.exp(told[0, OF_CHANGES.index("log depth of the mark mm")])
    assert depth == pytest.approx(8.0 - 5.0, abs=1.5)


def test_an_outline_of_less_than_a_voxel_of_the_view_is_kept_in_sight():
    scan, _, center = scan_of_a_ball(spacing=(0.5, 0.5, 0.5))
    mask = np.zeros(scan.geometry.shape_zyx, bool)
    mask[tuple(np.round(scan.geometry.indices_zyx(center)).astype(int))] = True
    tiny = Region.of(mask, scan.geometry)
    assert tiny is not None
    measured = changed_outlines(scan, [point(as_vector(np.add(center, (4, 0, 0))))], tiny)
    assert measured.present.any()


@settings(max_examples=12, deadline=None)
@given(
    direction=directions(),
    places=st.lists(st.tuples(*[st.floats(-14, 14)] * 3, st.booleans()), min_size=1, max_size=4),
    kind=st.sampled_from(["point", "scribble", "lasso"]),
    with_outline=st.booleans(),
)
def test_marks_hold_and_others_keep_their_voxels_whatever_is_chosen(
    direction, places, kind, with_outline
):
    scan, truth, _ = scan_of_a_ball(direction)
    before = truth if with_outline else None
    check_that_marks_hold(ChosenDrawing(RANDOM), scan, places, kind, before)


@settings(max_examples=6, deadline=None)
@given(direction=directions(), contrast=st.sampled_from([-60.0, 45.0, 150.0]))
def test_the_bundled_chooser_outlines_a_ball_and_mends_half_a_ball(bundled, direction, contrast):
    scan, truth, center = scan_of_a_ball(direction, contrast=contrast)
    draw = ChosenDrawing(bundled)
    assert dice(whole(outlined(scan, [point(center)], None, draw)), truth) > 0.75
    half = truth.copy()
    half[:, :, : half.shape[2] // 2] = False
    before = Region.of(half, scan.geometry)
    index = np.argwhere(truth & ~half)
    away = np.linalg.norm(index - index.mean(axis=0), axis=1)
    place = as_vector(scan.geometry.points_of_zyx(index[away.argmin()]))
    mended = whole(outlined(scan, [point(place)], before, draw))
    assert dice(mended, truth) > dice(half, truth) + 0.1


def test_a_box_alone_is_enough(bundled):
    scan, truth, center = scan_of_a_ball()
    corners = tuple(as_vector(np.add(center, shift)) for shift in (-9.0, 9.0))
    mask = whole(outlined(scan, [Gesture("box", corners)], None, ChosenDrawing(bundled)))
    assert dice(mask, truth) > 0.7
    assert not mask[marks_of([Gesture("box", corners)], scan.geometry).outside].any()


def test_what_is_likely_adds_up_to_one_and_depends_on_what_else_is_proposed():
    traits = np.random.default_rng(0).normal(size=(9, len(FIRST_TRAITS))).astype(np.float32)
    likely = RANDOM.first(traits)
    assert likely.sum() == pytest.approx(1)
    assert (likely > 0).all()
    ratio = RANDOM.first(traits[:4])
    assert not np.allclose(ratio / ratio.sum(), likely[:4] / likely[:4].sum())


def test_a_saved_chooser_judges_as_before(tmp_path: Path):
    info = save_chooser(tmp_path, RANDOM)
    loaded = load_chooser(tmp_path)
    assert loaded.info == info
    traits = np.random.default_rng(1).normal(size=(5, len(LATER_TRAITS))).astype(np.float32)
    assert np.allclose(loaded.later(traits), RANDOM.later(traits))


def test_without_its_files_there_is_no_chooser(tmp_path, monkeypatch):
    monkeypatch.setattr(choosers, "bundled_folder", lambda: tmp_path)
    assert bundled_chooser() is None
    save_chooser(tmp_path, RANDOM)
    assert bundled_chooser() is not None
    (tmp_path / WEIGHTS_FILE).unlink()
    assert bundled_chooser() is None


def test_what_is_wrong_with_the_files_is_said(tmp_path: Path):
    save_chooser(tmp_path, RANDOM)
    description = json.loads((tmp_path / CHOOSER_FILE).read_text(encoding="utf-8"))

    def with_field(key: str, value: object) -> None:
        text = json.dumps({**description, key: value})
        (tmp_path / CHOOSER_FILE).write_text(text, encoding="utf-8")

    with_field("first_traits", ["color"])
    with pytest.raises(PastaError, match="judges by other numbers"):
        load_chooser(tmp_path)
    with_field("sha256", "0")
    with pytest.raises(PastaError, match="checksum"):
        load_chooser(tmp_path)
    with_field("color", "red")
    with pytest.raises(PastaError, match="not a valid description"):
        load_chooser(tmp_path)
    with_field("version", "1")
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(PastaError, match="is missing"):
        load_chooser(tmp_path)
    none = Judge(RANDOM.first.mean, RANDOM.first.scale, ())
    save_chooser(tmp_path, replace(RANDOM, first=none))
    with pytest.raises(PastaError, match="lacks the weights"):
        load_chooser(tmp_path)
