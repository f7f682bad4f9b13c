"""Outlines from what a reader points at, without a network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clicked_scans import RADIUS_MM, dice, point, scan_of_a_ball, whole
from geometries import directions
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, as_vector
from PASTALib.gestures.drawing import MARGIN_MM, Drawn
from PASTALib.gestures.marks import Gesture, marks_of
from PASTALib.gestures.outlining import Scan, outlined
from PASTALib.gestures.walker import walk
from PASTALib.region import Region

AXES = np.eye(3)
LPS = tuple(AXES.ravel())


@settings(max_examples=8, deadline=None)
@given(
    direction=directions(),
    spacing=st.tuples(*[st.floats(0.8, 2.0)] * 3),
    contrast=st.sampled_from([-60.0, 45.0, 150.0]),
    seed=st.integers(0, 99),
)
def test_a_ball_is_outlined_from_one_point_in_every_geometry(direction, spacing, contrast, seed):
    scan, ball, center = scan_of_a_ball(direction, spacing, contrast, seed=seed)
    # Without training the least is 0.75, in voxels of 1 x 2 x 1 mm.
    assert dice(whole(outlined(scan, [point(center)])), ball) > 0.7


@settings(max_examples=12, deadline=None)
@given(
    direction=directions(),
    places=st.lists(st.tuples(*[st.floats(-14, 14)] * 3, st.booleans()), min_size=1, max_size=4),
    with_outline=st.booleans(),
)
def test_what_was_marked_always_holds(direction, places, with_outline):
    scan, ball, center = scan_of_a_ball(direction)
    before = Region.of(ball, scan.geometry) if with_outline else None
    gestures = [point(as_vector(np.add(center, place)), inside) for *place, inside in places] + (
        [] if with_outline else [point(center)]
    )
    try:
        mask = whole(outlined(scan, gestures, before))
    except PastaError:
        return  # nothing was left of it
    marks = marks_of(gestures, scan.geometry)
    assert mask[marks.inside].all()
    assert not mask[marks.outside].any()


def test_an_outline_that_is_too_small_grows_to_a_point_beyond_it_and_is_kept_elsewhere():
    scan, ball, center = scan_of_a_ball(contrast=45)
    index = np.argwhere(ball)
    half = ball.copy()
    half[..., int(index[:, 2].mean()) :] = False
    before = Region.of(half, scan.geometry)
    missing = as_vector(np.add(center, (4.0, 0, 0)))
    mask = whole(outlined(scan, [point(missing)], before))
    assert dice(half, ball) < 0.7
    assert dice(mask, ball) > 0.85
    assert (mask & half).sum() > 0.95 * half.sum()


def test_a_leak_is_cut_by_a_negative_point_in_it():
    scan, ball, center = scan_of_a_ball()
    leak = ball.copy()
    z, y, x = np.argwhere(ball).mean(axis=0).astype(int)
    leak[z - 3 : z + 4, y - 4 : y + 5, x : x + 18] = True
    before = Region.of(leak, scan.geometry)
    wrong = as_vector(np.add(center, (13.0, 0, 0)))
    mask = whole(outlined(scan, [point(wrong, inside=False)], before))
    assert dice(leak, ball) < 0.85
    assert dice(mask, ball) > 0.92


def test_nothing_changes_far_from_outline_and_marks_and_other_findings_keep_theirs():
    scan, ball, center = scan_of_a_ball()
    taken = np.zeros_like(ball)
    taken[:, :, int(np.argwhere(ball)[:, 2].mean()) :] = True
    other = Region.of(taken, scan.geometry)
    assert other is not None
    locked = Scan(scan.hu, scan.geometry, [other])
    mask = whole(outlined(locked, [point(as_vector(np.subtract(center, (2.0, 0, 0))))]))
    assert mask.any()
    assert not (mask & taken).any()
    before = Region.of(ball, scan.geometry)
    grown = np.argwhere(whole(outlined(scan, [point(center)], before)))
    reach = np.array(MARGIN_MM) / scan.geometry.spacing_zyx + 1
    assert (grown >= np.argwhere(ball).min(axis=0) - reach).all()
    assert (grown <= np.argwhere(ball).max(axis=0) + reach).all()


def test_an_oblique_scribble_marks_a_voxel_of_every_step():
    geometry = Geometry((20, 20, 20), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), LPS)
    marks = marks_of([Gesture("scribble", ((2, 2, 2), (10, 10, 10), (10, 15, 10)))], geometry)
    assert all(marks.inside[k, k, k] for k in range(2, 11))
    assert marks.inside[10, 10:16, 10].all()
    assert marks.inside.sum() == 14


def test_a_lasso_marks_what_it_encloses_in_its_plane_only():
    geometry = Geometry((20, 20, 20), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), LPS)
    corners = ((3.5, 3.5, 8.0), (9.5, 3.5, 8.0), (9.5, 9.5, 8.0), (3.5, 9.5, 8.0))
    marks = marks_of([Gesture("lasso", corners)], geometry)
    assert set(np.argwhere(marks.inside)[:, 0]) == {4}
    assert marks.inside[4].sum() == 36


def test_a_box_says_what_lies_outside_and_a_later_gesture_wins():
    geometry = Geometry((12, 12, 12), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), LPS)
    box = Gesture("box", ((2, 2, 2), (8, 8, 8)))
    marks = marks_of([box, point((10.0, 5.0, 5.0))], geometry)
    assert not marks.outside[2:9, 2:9, 2:9].any()
    assert marks.inside[5, 5, 10]
    assert not marks.outside[5, 5, 10]


@settings(max_examples=8, deadline=None)
@given(direction=directions(), contrast=st.sampled_from([-60.0, 80.0]), seed=st.integers(0, 99))
def test_a_ball_is_outlined_from_a_box_alone_that_lies_in_any_direction(direction, contrast, seed):
    scan, ball, center = scan_of_a_ball(direction, contrast=contrast, seed=seed)
    axes = np.random.default_rng(seed).normal(size=(3, 3))
    axes = np.linalg.qr(axes)[0] * (2 * (RADIUS_MM + 3))
    first = np.subtract(center, axes.sum(axis=1) / 2)
    corners = tuple(as_vector(first + move) for move in (np.zeros(3), *axes.T))
    mask = whole(outlined(scan, [Gesture("box", corners)]))
    assert dice(mask, ball) > 0.8
    places = scan.geometry.points_of_zyx(np.argwhere(mask)) - center
    assert np.abs(places @ axes / (2 * (RADIUS_MM + 3))).max() <= RADIUS_MM + 3 + 0.76


def test_what_cannot_be_outlined_says_why():
    scan, ball, center = scan_of_a_ball()
    with pytest.raises(PastaError, match="outside the CT"):
        outlined(scan, [point((500.0, 0.0, 0.0))])
    with pytest.raises(PastaError, match="no outline yet"):
        outlined(scan, [point(center, inside=False)])
    with pytest.raises(PastaError, match="lasso needs 3"):
        Gesture("lasso", (center, center))
    everything = Region.of(np.ones_like(ball), scan.geometry)
    assert everything is not None
    taken = Scan(scan.hu, scan.geometry, [everything])
    with pytest.raises(PastaError, match="another finding"):
        outlined(taken, [point(center)])
    with pytest.raises(PastaError, match="Nothing is left"):
        outlined(taken, [point(center, inside=False)], Region.of(ball, scan.geometry))


def test_the_walk_stops_at_a_step_of_the_image_and_follows_the_prior_without_marks():
    image = np.zeros((9, 9, 20))
    image[..., 10:] = 100.0
    fixed = np.zeros(image.shape, bool)
    fixed[4, 4, 2] = fixed[4, 4, 17] = True
    known = np.zeros(image.shape)
    known[4, 4, 2] = 1.0
    none = np.full(image.shape, 1e-6)
    probability = walk(image, 10.0, fixed, known, np.full(image.shape, 0.5), none)
    assert probability[..., :10].min() > 0.5 > probability[..., 10:].max()
    prior = np.random.default_rng(0).uniform(size=image.shape)
    followed = walk(image, 10.0, fixed & False, known, prior, np.full(image.shape, 1e4))
    assert np.allclose(followed, prior, atol=0.01)


def test_what_is_drawn_changes_the_outline_only_where_marks_ask_for_it():
    scan, ball, center = scan_of_a_ball()
    far, near = np.zeros_like(ball), np.zeros_like(ball)
    z, y, _ = np.argwhere(ball).mean(axis=0).astype(int)
    edge = np.flatnonzero(ball[z, y])
    near[z, y, edge[-1] + 1 : edge[-1] + 4] = True
    far[z, y, edge[0] - 3 : edge[0]] = True
    drawn = Drawn(scan.geometry, (ball | near | far).astype(float), ball)
    beyond = as_vector(scan.geometry.points_of_zyx(np.array([z, y, edge[-1] + 3])))
    asked = drawn.as_asked([point(beyond)])
    assert ((asked.probability > 0.5) == (ball | near)).all()
    middle = drawn.as_asked([point(center)])
    assert (middle.probability == drawn.probability).all(), "a mark that agrees leaves it free"
