"""Training of the promptable network: simulated readers, wrong outlines, and a run that resumes."""

from __future__ import annotations

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.gestures.click_network import load_click_network
from PASTALib.gestures.close_up import EDGE
from PASTALib.gestures.marks import Marks
from PASTALib.progress import CancelToken, silent
from PASTATrain.cases import Case, save_case
from PASTATrain.painting import paint
from PASTATrain.prompting import judging, samples
from PASTATrain.prompting.config import PromptingConfig, read_prompting_config
from PASTATrain.prompting.export import export_prompting
from PASTATrain.prompting.reading import Reader
from PASTATrain.prompting.samples import Sample, SampleMaker
from PASTATrain.prompting.session import Session
from PASTATrain.prompting.spoiling import spoiled
from PASTATrain.prompting.training import train
from PASTATrain.states import LOG, warm_cosine

SMALL = PromptingConfig(
    features=(2, 4, 4),
    steps=3,
    batch=1,
    rounds=2,
    workers=0,
    region=40,
    judge_every=2,
    warm_up=1,
    coarse_steps=1,
)

INDEX = np.stack(np.mgrid[:EDGE, :EDGE, :EDGE], axis=-1)


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "SHUFFLED", 3)
    monkeypatch.setattr(judging, "JUDGED", 2)


def ball(radius: float, center=(20, 20, 20)) -> np.ndarray:
    mask: np.ndarray = np.linalg.norm(INDEX - center, axis=-1) <= radius
    return mask


def nothing() -> np.ndarray:
    return np.zeros((EDGE,) * 3, bool)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    labels = np.zeros((44, 44, 44), np.uint8)
    labels[6:36, 6:36, 6:36] = catalog().label("liver")
    hu = paint(labels, 3.0, "non_contrast", np.random.default_rng(0))
    for name, split in (("scan", "train"), ("kept", "test")):
        save_case(folder, Case(name, "real", hu, labels, 3.0, "non_contrast", split))
    return folder


@pytest.mark.parametrize("seed", range(25))
def test_the_reader_marks_errors_only_and_later_marks_win(seed):
    rng = np.random.default_rng(seed)
    truth, present = ball(8), ball(8, (20, 24, 20))
    known = Marks(nothing(), nothing())
    for _ in range(3):
        marks = Reader(truth, rng).marks(present, known)
        assert marks is not None
        assert not (marks.inside & ~truth).any()
        assert not (marks.outside & truth).any()
        assert not (marks.inside & marks.outside).any()
        assert (marks.inside | marks.outside).any()
        known = marks


def test_the_reader_begins_in_the_lesion_or_with_a_box_and_ends_when_all_is_right():
    boxes = 0
    for seed in range(60):
        marks = Reader(ball(6), np.random.default_rng(seed)).marks(
            nothing(), Marks(nothing(), nothing())
        )
        assert marks is not None
        boxes += not marks.inside.any()
        assert marks.inside.any() or (marks.outside & ball(6)).sum() < 0.5 * ball(6).sum()
    assert 0 < boxes < 20
    first = Marks(ball(1), nothing())
    ends = [Reader(ball(6), np.random.default_rng(s)).marks(ball(6), first) for s in range(20)]
    assert sum(marks is None for marks in ends) > 12


def test_a_wrong_outline_is_wrong_in_many_ways_but_has_to_do_with_the_lesion():
    truth = ball(8)
    dice = []
    for seed in range(30):
        mask = spoiled(truth, nothing(), np.random.default_rng(seed))
        assert mask.any()
        dice.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert min(dice) < 0.6
    assert max(dice) > 0.75
    assert np.mean(dice) < 0.95


def test_a_session_goes_on_with_what_the_network_said_until_its_rounds_are_over():
    hu = np.zeros((EDGE,) * 3, np.float32)
    others = ball(3, (20, 34, 20))
    sample = Sample(hu, ball(7), others, nothing())
    session = Session.begun(sample, 2, np.random.default_rng(1))
    assert session is not None
    assert (session.close_up.negative & others).any()
    said = ball(9)
    after = session.after(said)
    assert after is not None
    assert (after.close_up.present | others | ball(9) == ball(9) | others).all()
    assert not (after.close_up.present & others).any()
    assert after.after(said) is None
    assert Session.begun(replace(sample, present=ball(7)), 0, np.random.default_rng(1)) is None


def test_samples_are_lesions_in_close_up(cases: Path):
    maker = iter(SampleMaker([cases], "train", SMALL, 1))
    for sample in [next(maker) for _ in range(6)]:
        assert sample.hu.shape == sample.truth.shape == (EDGE,) * 3
        assert sample.hu.dtype == np.float32
        assert sample.truth.sum() >= 12
        assert not (sample.truth & sample.others).any()


def test_without_a_case_of_the_kinds_it_says_so(cases: Path):
    with pytest.raises(PastaError, match="No train case is of the kinds"):
        SampleMaker([cases], "train", replace(SMALL, kinds={"torso": 1.0}), 0)


def test_a_run_trains_judges_resumes_and_gives_a_network_that_loads(cases: Path, tmp_path: Path):
    run, out = tmp_path / "run", tmp_path / "out"
    arguments = "cpu", silent, CancelToken()
    assert train([cases], run, replace(SMALL, steps=2), *arguments) == 2
    assert train([cases], run, SMALL, *arguments) == 3
    with (run / LOG).open(newline="") as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == ["1", "2", "3"]
    with (run / "judged" / LOG).open(newline="") as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == ["2"]
    info = export_prompting(run, SMALL, out)
    assert info.training["steps"] == 3
    assert load_click_network(out).info == info


def test_a_run_without_a_checkpoint_cannot_be_exported(tmp_path: Path):
    with pytest.raises(PastaError, match="no checkpoint"):
        export_prompting(tmp_path, SMALL, tmp_path / "out")


def test_the_rate_warms_up_and_falls_to_a_hundredth():
    rates = [warm_cosine(step, 100, 10, 1e-3) for step in range(101)]
    assert rates[0] < rates[5] < rates[9]
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert rates[100] == pytest.approx(0.01 * 1e-3)


def test_a_configuration_with_an_unknown_key_is_refused(tmp_path: Path):
    path = tmp_path / "run.yaml"
    path.write_text("features: [4, 8]\nrounds: 3\n", encoding="utf-8")
    assert read_prompting_config(path).features == (4, 8)
    path.write_text("colour: red\n", encoding="utf-8")
    with pytest.raises(PastaError, match="unknown keys"):
        read_prompting_config(path)
