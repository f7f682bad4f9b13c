"""Training of the chooser: a simulated reader, sessions, and a perceptron fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from clicked_scans import ball, scan_of_a_ball
from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.gestures.chooser import FIRST_TRAITS, LATER_TRAITS, Judge, load_chooser
from PASTALib.gestures.marks import marks_of
from PASTALib.progress import Cancelled, CancelToken
from PASTALib.region import Region
from PASTATrain.choosing import lesions as sources
from PASTATrain.choosing.collecting import SESSIONS, Choices, collect, read_choices
from PASTATrain.choosing.config import ChoosingConfig, read_choosing_config
from PASTATrain.choosing.export import export
from PASTATrain.choosing.filled_scans import disturbed, with_many_lesions
from PASTATrain.choosing.fitting import fit, judge_on
from PASTATrain.choosing.lesions import LesionSource
from PASTATrain.choosing.reader import Reader, errors
from PASTATrain.choosing.sessions import Lesion, session
from PASTATrain.cli import main
from PASTATrain.evaluation import KnownScan
from PASTATrain.sources import torso_images

CONFIG = ChoosingConfig(hidden=(16,), rounds=2, epochs=8, batch=4)


def quiet(_share: float, _text: str = "") -> None:
    pass


@dataclass
class Balls:
    """Scans with one ball each; stands for the scans of training."""

    turn: int = 2
    drawn: int = 0

    def scan(self, number: int) -> tuple[str, list[Lesion]]:
        self.drawn += 1
        scan, truth, _ = scan_of_a_ball(contrast=60.0 - 130.0 * (number % 2), seed=number)
        region = Region.of(truth, scan.geometry)
        assert region is not None
        return f"ball {number}", [Lesion(scan, region)]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    collect(Balls(), 2, folder / SESSIONS, CONFIG, quiet)
    return folder


def test_errors_are_parted_into_what_lacks_and_what_is_too_much():
    truth = np.zeros((3, 9, 9), bool)
    truth[1, 2:7, 2:7] = True
    now = np.zeros_like(truth)
    now[1, 4:9, 2:7] = True
    lacks, more = errors(truth, now)
    assert (lacks.missing, lacks.size, lacks.start) == (True, 10, (1, 2, 2))
    assert (more.missing, more.size, more.start) == (False, 10, (1, 7, 2))
    assert not errors(truth, truth)


def test_the_deepest_voxel_counts_millimeters():
    truth = np.ones((3, 11, 5), bool)
    (wrong,) = errors(truth, np.zeros_like(truth))
    assert wrong.deepest(np.array([10.0, 1.0, 1.0]))[2] == 2
    assert wrong.deepest(np.array([0.1, 1.0, 1.0]))[0] == 1


def test_a_reader_points_at_what_is_wrong_and_says_which_way():
    scan, truth, center = scan_of_a_ball()
    rng = np.random.default_rng(0)
    reader = Reader(truth, scan.geometry, rng, boxes=0.0)
    wrong = ball(scan.geometry, center, 5.0)
    large = ball(scan.geometry, center, 11.0)
    kinds = set()
    for now in [wrong, large] * 12:
        gesture = reader.gesture(now)
        assert gesture is not None
        kinds.add(gesture.kind)
        marks = marks_of([gesture], scan.geometry)
        assert not (marks.inside & (now | ~truth)).any()
        assert not (marks.outside & (truth | ~now)).any()
        assert (marks.inside | marks.outside).any()
    assert kinds == {"point", "scribble"}
    assert reader.gesture(truth) is None


def test_a_box_is_drawn_around_the_lesion():
    scan, truth, _ = scan_of_a_ball()
    gesture = Reader(truth, scan.geometry, np.random.default_rng(0), boxes=1.0).gesture(
        np.zeros_like(truth)
    )
    assert gesture is not None
    assert gesture.kind == "box"
    outside = marks_of([gesture], scan.geometry).outside
    assert (outside & truth).sum() < 0.1 * truth.sum()
    assert outside.any()


def test_a_session_tells_what_was_proposed_and_how_good_it_was():
    _, (lesion,) = Balls().scan(0)
    rows = list(session(lesion, 3, 0.0, np.random.default_rng(4)))
    assert [row.later for row in rows[:2]] == [False, True]
    for row in rows:
        assert row.traits.shape == (len(row.dice), len(LATER_TRAITS if row.later else FIRST_TRAITS))
        assert ((row.dice >= 0) & (row.dice <= 1)).all()
        assert row.dice.max() > 0.8
        assert row.dice.min() < 0.7
    spoiled = list(session(lesion, 1, 1.0, np.random.default_rng(4)))
    assert [row.later for row in spoiled] == [True]


def test_what_was_collected_is_not_collected_again(run):
    source = Balls()
    assert collect(source, 2, run / SESSIONS, CONFIG, quiet) == 4
    assert source.drawn == 0
    assert not list(run.rglob("*.tmp*"))
    files = sorted((run / SESSIONS).glob("*.npz"))
    first = read_choices(files, "first")
    later = read_choices(files, "later")
    assert len(first.traits) + len(later.traits) >= 5
    assert set(first.scans) | set(later.scans) == {f"ball {number}" for number in range(4)}
    assert all(len(t) == len(d) for t, d in zip(later.traits, later.dice, strict=True))


def test_collecting_stops_when_asked_and_keeps_whole_files_only(tmp_path):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        collect(Balls(), 1, tmp_path / SESSIONS, CONFIG, quiet, cancel=cancel)
    assert not list(tmp_path.rglob("*.npz"))


def known_choices(count: int, seed: int) -> Choices:
    """One number tells how good a proposal is, relative to the others; the rest are noise."""
    rng = np.random.default_rng(seed)
    traits: Sequence[np.ndarray] = [
        rng.normal(size=(12, 5)).astype(np.float32) + rng.normal(0, 2, (1, 5)).astype(np.float32)
        for _ in range(count)
    ]
    dice = [1 / (1 + np.exp(-(row[:, 2] - row[:, 2].mean()))) for row in traits]
    return Choices(tuple(traits), tuple(d.astype(np.float32) for d in dice), ("x",) * count)


def test_a_fitted_perceptron_chooses_what_is_better_than_the_rest():
    judge = fit(known_choices(200, 0), CONFIG, quiet)
    judged = judge_on(judge, known_choices(60, 1))
    middle = np.mean([dice.mean() for dice in known_choices(60, 1).dice])
    assert judged.gestures == 60
    assert judged.best >= judged.chosen > middle + 0.8 * (judged.best - middle)


def test_fitting_is_the_same_for_the_same_seed():
    judges = [fit(known_choices(20, 0), CONFIG, quiet) for _ in range(2)]
    for (first, _), (second, _) in zip(judges[0].layers, judges[1].layers, strict=True):
        assert (first == second).all()
    assert isinstance(judges[0], Judge)


def test_an_exported_chooser_tells_what_it_was_made_from(run, tmp_path):
    info = export((run,), CONFIG, tmp_path, quiet)
    chooser = load_chooser(tmp_path)
    assert chooser.info == info
    assert info.training["first"]["gestures"] >= 1
    assert info.training["later"]["dice_of_best"] >= info.training["later"]["dice_of_chosen"]
    _, (lesion,) = Balls().scan(1)
    followed = list(session(lesion, 2, 0.0, np.random.default_rng(0), chooser))
    assert len(followed) >= 1


def test_without_sessions_nothing_is_exported(tmp_path, capsys):
    code = main(["--run", str(tmp_path), "choose", "export", "-o", str(tmp_path / "chooser")])
    assert code == 1
    assert "choose collect" in capsys.readouterr().err
    assert not (tmp_path / "chooser").exists()


def test_torsos_alone_are_a_source_and_nothing_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "TORSO_MM", (4.0,))
    source = LesionSource(tmp_path, None, [3], 1)
    name, found = next((n, f) for n, f in map(source.scan, range(4)) if f)
    assert name == "torso"
    assert all(lesion.truth.voxels >= sources.LEAST_VOXELS for lesion in found)
    with pytest.raises(PastaError, match="holds no scan"):
        LesionSource(tmp_path, None, [], 1)


def test_unknown_settings_are_refused(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("hidden: [8]\ncolor: red\n", encoding="utf-8")
    with pytest.raises(PastaError, match="color"):
        read_choosing_config(path)
    path.write_text("hidden: [8, 4]\n", encoding="utf-8")
    assert read_choosing_config(path).hidden == (8, 4)


def test_a_tilted_scan_keeps_its_lesions_in_place():
    torso = torso_images(3, 6.0)
    scan = KnownScan("torso", CT(torso.image, "torso", synthetic=True), torso.organs)
    known = with_many_lesions(scan, torso.organs, torso.spec.phase, np.random.default_rng(1))
    assert {key for key, _ in known.lesions} <= set(catalog().lesion_types)
    assert len(known.lesions) > 8
    moved = disturbed(known, np.random.default_rng(2))
    geometry = Geometry.of(moved.ct.image)
    assert geometry.direction != Geometry.of(known.ct.image).direction
    for (key, before), (again, after) in zip(known.lesions, moved.lesions, strict=True):
        assert key == again
        assert after.geometry == geometry
        assert (after.mask == before.mask).all()
        assert after.start == before.start
