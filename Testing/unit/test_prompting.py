"""The promptable network: where it looks, what holds whatever it says, and what is on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clicked_scans import ball, check_that_marks_hold, point, whole
from geometries import directions
from PASTALib.cubes import cube_around, sampled
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, Vector, as_vector
from PASTALib.gestures.click_network import (
    CLICK_FILE,
    ClickInfo,
    ClickNetwork,
    load_click_network,
    save_click_network,
)
from PASTALib.gestures.close_up import EDGE, CloseUp, halo
from PASTALib.gestures.drawing import NetworkDrawing
from PASTALib.gestures.marks import Gesture, marks_of
from PASTALib.gestures.outlining import Scan, outlined
from PASTALib.gestures.prompting import ask
from PASTALib.model import WEIGHTS_FILE, Normalization, available_models
from PASTALib.region import Region

INFO = ClickInfo("small", "1", (4, 8, 8), Normalization(-1000.0, 1000.0, 0.0, 100.0))


@cache
def random_network() -> ClickNetwork:
    torch.manual_seed(3)
    return ClickNetwork(INFO, INFO.network().eval())


@dataclass(frozen=True)
class Knowing:
    """Stands for a network that knows a ball, and notes how fine it looked."""

    center: Vector
    radius_mm: float
    steps: list[float]

    def __call__(self, close_up: CloseUp) -> np.ndarray:
        grid = close_up.geometry
        self.steps.append(grid.spacing[0])
        index = np.stack(np.mgrid[tuple(slice(n) for n in grid.shape_zyx)], axis=-1)
        away = np.linalg.norm(grid.points_of_zyx(index) - self.center, axis=-1)
        return 1 / (1 + np.exp((away - self.radius_mm) / (0.5 * grid.spacing[0])))


def a_scan(direction: np.ndarray, size=(48, 44, 36), spacing=(1.0, 1.2, 2.0)) -> Scan:
    geometry = Geometry(size, spacing, (12.0, -30.0, 5.0), tuple(direction.ravel()))
    rng = np.random.default_rng(0)
    return Scan(rng.normal(40, 20, geometry.shape_zyx).astype(np.int16), geometry)


def middle(scan: Scan) -> Vector:
    return as_vector(scan.geometry.points_of_xyz(np.array(scan.geometry.size) / 2))


@settings(max_examples=15, deadline=None)
@given(
    direction=directions(),
    places=st.lists(st.tuples(*[st.floats(-14, 14)] * 3, st.booleans()), min_size=1, max_size=5),
    kind=st.sampled_from(["point", "scribble", "lasso"]),
    with_outline=st.booleans(),
)
def test_marks_hold_and_others_keep_their_voxels_whatever_the_network_says(
    direction, places, kind, with_outline
):
    scan = a_scan(direction)
    before = ball(scan.geometry, middle(scan), 8.0) if with_outline else None
    check_that_marks_hold(NetworkDrawing(random_network()), scan, places, kind, before)


@pytest.mark.parametrize("radius_mm", [8.0, 16.0, 38.0, 70.0])
def test_it_looks_from_the_distance_that_suits_the_lesion(radius_mm):
    scan = a_scan(np.eye(3), (100, 100, 60), (2.0, 2.0, 3.0))
    center = middle(scan)
    truth = ball(scan.geometry, center, radius_mm)
    scan.hu[truth] += 80
    knowing = Knowing(center, radius_mm, [])
    mask = whole(outlined(scan, [point(center)], None, NetworkDrawing(knowing)))
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.85
    before = Region.of(ball(scan.geometry, center, 0.6 * radius_mm), scan.geometry)
    knowing.steps.clear()
    edge = as_vector(np.add(center, (0.9 * radius_mm, 0, 0)))
    mask = whole(outlined(scan, [point(edge)], before, NetworkDrawing(knowing)))
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.85
    assert len(knowing.steps) <= 3


@settings(max_examples=6, deadline=None)
@given(direction=directions())
def test_a_lesion_is_found_where_it_is_in_every_geometry(direction):
    scan = a_scan(direction)
    center = middle(scan)
    truth = ball(scan.geometry, center, 9.0)
    mask = whole(outlined(scan, [point(center)], None, NetworkDrawing(Knowing(center, 9.0, []))))
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.92


def test_an_outline_is_kept_to_the_voxel_where_the_network_does_not_change_it():
    scan = a_scan(np.eye(3), spacing=(0.7, 0.7, 1.0))
    center = middle(scan)
    ragged = ball(scan.geometry, center, 9.0)
    ragged[::2, 12, 20:24] = True
    ragged[14:20, 10:34, 23] = True
    before = Region.of(ragged, scan.geometry)

    def agrees(close_up: CloseUp) -> np.ndarray:
        return close_up.present.astype(np.float32)

    kept = whole(outlined(scan, [point(center)], before, NetworkDrawing(agrees)))
    attached = ragged.copy()
    attached[::2, 12, 20:24] &= kept[::2, 12, 20:24]  # parts that hang on nothing may go
    assert (kept == attached).all()


def test_only_what_a_mark_asks_for_is_changed():
    scan = a_scan(np.eye(3), (60, 60, 40), (1.0, 1.0, 1.0))
    center = middle(scan)
    beside, below = (as_vector(np.add(center, move)) for move in ((11.0, 0, 0), (0, 0, -11.0)))
    there = ball(scan.geometry, center, 8.0)
    before = Region.of(there, scan.geometry)

    def wants_two_more(close_up: CloseUp) -> np.ndarray:
        more = [ball(close_up.geometry, place, 5.0) for place in (beside, below)]
        return (close_up.present | more[0] | more[1]).astype(np.float32)

    mask = whole(outlined(scan, [point(beside)], before, NetworkDrawing(wants_two_more)))
    asked = ball(scan.geometry, beside, 4.0)
    other = ball(scan.geometry, below, 4.0) & ~there
    assert mask[asked].all()
    assert not (mask & other & ~ball(scan.geometry, beside, 7.0)).any()
    assert mask[there].all()


def test_a_box_alone_is_enough_for_the_network():
    scan = a_scan(np.eye(3))
    center = middle(scan)
    corners = tuple(as_vector(np.add(center, shift)) for shift in (-9.0, 9.0))
    mask = whole(
        outlined(scan, [Gesture("box", corners)], None, NetworkDrawing(Knowing(center, 8.0, [])))
    )
    assert mask.any()
    assert not mask[marks_of([Gesture("box", corners)], scan.geometry).outside].any()


def test_a_close_up_shows_the_ct_at_its_place_and_nothing_beyond_it():
    scan = a_scan(np.eye(3), (60, 60, 60), (1.0, 1.0, 1.0))
    place = np.array(scan.geometry.points_of_xyz((30, 30, 30)))
    scan.hu[:] = 20 * np.arange(60)[None, None, :]
    cube = cube_around(place, 2.0, EDGE)
    values = sampled(scan.hu, scan.geometry, cube)
    index = scan.geometry.indices_xyz(cube.points_of_zyx([(20, 20, n) for n in range(40)]))
    inside = (index[:, 0] > 1) & (index[:, 0] < 58)
    assert np.allclose(values[20, 20, inside], 20 * index[inside, 0], atol=1)
    assert values[20, 20, 0] == -1024
    far = sampled(scan.hu, scan.geometry, cube_around(place + 900, 2.0, EDGE))
    assert (far == -1024).all()


def test_marks_are_seen_with_a_bell_around_them():
    mask = np.zeros((20, 20, 20), bool)
    assert halo(mask).max() == 0
    mask[10, 10, 10] = True
    single = halo(mask)
    assert single[10, 10, 10] == pytest.approx(1, abs=1e-4)
    assert 0.2 < single[10, 10, 12] < 0.9
    assert single[0, 0, 0] == 0


def test_the_answer_says_where_it_looked():
    scan = a_scan(np.eye(3))
    center = middle(scan)
    answer = ask(Knowing(center, 8.0, []), scan, [point(center)], None)
    low, high = answer.corners().min(axis=0), answer.corners().max(axis=0)
    assert np.allclose(high - low, 16, atol=3)


def test_a_saved_network_answers_as_before(tmp_path: Path):
    network = random_network()
    save_click_network(tmp_path, INFO, network.network)
    loaded = load_click_network(tmp_path)
    scan = a_scan(np.eye(3))
    center = middle(scan)
    close_up = CloseUp.of(scan, [point(center)], None, cube_around(center, 1.0, EDGE))
    assert np.allclose(loaded(close_up), network(close_up), atol=0.05)
    assert "small" not in available_models()


def test_what_is_wrong_with_the_files_is_said(tmp_path: Path):
    save_click_network(tmp_path, INFO, INFO.network())
    description = json.loads((tmp_path / CLICK_FILE).read_text(encoding="utf-8"))

    def with_field(key: str, value: object) -> None:
        text = json.dumps({**description, key: value})
        (tmp_path / CLICK_FILE).write_text(text, encoding="utf-8")

    with_field("features", [4, 6, 8])
    with pytest.raises(PastaError, match="do not fit"):
        load_click_network(tmp_path)
    with_field("edge", 32)
    with pytest.raises(PastaError, match="sees 32 voxels"):
        load_click_network(tmp_path)
    with_field("sha256", "0")
    with pytest.raises(PastaError, match="checksum"):
        load_click_network(tmp_path)
    with_field("color", "red")
    with pytest.raises(PastaError, match="not a valid description"):
        load_click_network(tmp_path)
    with_field("version", "1")
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(PastaError, match="missing"):
        load_click_network(tmp_path)
