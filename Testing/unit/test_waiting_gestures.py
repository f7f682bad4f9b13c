"""Gestures that are drawn while others are being computed, and computations that fail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from PASTALib.gestures.wish import Answer
from PASTALib.outlines import joined
from PASTALib.region import Region
from PASTALib.worker.failures import Failure

slicer = pytest.importorskip("slicer")

from PASTALib.mrml.desk import Desk  # noqa: E402
from PASTALib.mrml.measuring import DirectMeasurer  # noqa: E402
from PASTALib.mrml.scene import open_scene  # noqa: E402
from PASTALib.mrml.volumes import grid_of  # noqa: E402
from scene_case import add_painted_case  # noqa: E402

pytestmark = pytest.mark.slicer

FIRST, SECOND, THIRD = ((70.0 + x, 20.0, 180.0) for x in (0.0, 4.0, 8.0))
"""RAS points in L1."""
CYST = (-66.0, -30.0, 120.0)
"""In L2."""


class LateMeasurer(DirectMeasurer):
    """Measures at once, and outlines when it is told to: the voxels that are marked, and before."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list = []

    def outline(self, nodes, report, wish, done, failed) -> None:
        self.asked.append((wish, done, failed))

    def answer(self, number: int = -1) -> None:
        wish, done, _ = self.asked[number]
        index = np.round(GRID.indices_zyx([g.points[0] for g in wish.gestures])).astype(int)
        marks = [Region(np.ones((1, 1, 1), bool), tuple(map(int, one)), GRID) for one in index]
        done(Answer(joined([*marks, *([wish.before] if wish.before else [])])))

    def fail(self, kind: str) -> None:
        self.asked[-1][2](Failure(kind, f"It failed by {kind}."))


@pytest.fixture
def measurer() -> LateMeasurer:
    return LateMeasurer()


@pytest.fixture
def desk(measurer) -> Iterator[Desk]:
    global GRID  # noqa: PLW0603
    opened = open_scene()
    desk = Desk(measurer, who="Dr. Reader")
    desk.take(add_painted_case(opened.scene), fresh=True)
    GRID = grid_of(desk.nodes.volume)
    yield desk
    opened.scene.Clear(0)


def test_a_newer_gesture_supersedes_the_older_and_its_answer_has_both(desk, measurer):
    before = desk.regions["L1"]
    desk.mark("L1", [FIRST])
    desk.mark("L1", [SECOND])
    assert [len(wish.gestures) for wish, *_ in measurer.asked] == [1, 2]
    measurer.answer(0)  # too late
    assert desk.regions["L1"] is before
    assert desk.outlining
    measurer.answer(1)
    assert not desk.outlining
    assert len(desk.gestures("L1")) == 2
    assert desk.undo() == "Mark L1"
    assert desk.regions["L1"] is before
    assert desk.gestures("L1") == ()


def test_undo_takes_back_the_latest_gesture_that_waits(desk, measurer):
    desk.mark("L1", [FIRST])
    desk.mark("L1", [SECOND])
    assert desk.undo() == "Mark L1"
    assert len(desk.gestures("L1")) == 1
    measurer.answer()
    assert len(desk.gestures("L1")) == 1
    desk.mark("L1", [THIRD])
    desk.undo()
    assert not desk.outlining
    measurer.answer()  # of what was taken back
    assert len(desk.gestures("L1")) == 1


def test_gestures_on_two_findings_are_answered_one_after_the_other(desk, measurer):
    desk.mark("L1", [FIRST])
    desk.mark("L2", [CYST])
    assert len(measurer.asked) == 1
    measurer.answer()
    assert len(measurer.asked) == 2
    measurer.answer()
    assert [len(desk.gestures(key)) for key in ("L1", "L2")] == [1, 1]
    assert [step.title for step in desk.steps[-2:]] == ["Mark L1", "Mark L2"]


def test_what_is_drawn_by_hand_meanwhile_is_not_lost(desk, measurer):
    from PASTALib.mrml.labelmaps import put_region

    desk.mark("L1", [FIRST])
    start = tuple(int(n) for n in desk.regions["L1"].start)
    drawn = Region(np.ones((2, 2, 2), bool), start, GRID)
    put_region(desk.nodes.lesions, "L1", drawn)
    desk.outline_changed("L1")
    measurer.answer()  # of the outline before
    assert desk.regions["L1"].voxels == 8
    measurer.answer()
    assert desk.regions["L1"].voxels == 9


def test_a_finding_that_is_deleted_meanwhile_stays_deleted(desk, measurer):
    desk.mark("L1", [FIRST])
    desk.delete("L1")
    measurer.answer()
    assert "L1" not in desk.regions
    assert not desk.outlining
    assert desk.gestures("L1") == ()


def test_an_id_that_is_waited_for_is_not_given_again(desk, measurer):
    first = desk.new_finding(point=(50.0, 0.0, 150.0))
    assert desk.new_finding("kidney_cyst") != first


def test_a_gesture_that_cannot_be_answered_is_dropped_with_a_sentence(desk, measurer):
    told = []
    desk.failed.connect(told.append)
    desk.mark("L1", [FIRST])
    measurer.fail("user")
    assert told == ["It failed by user."]
    assert desk.gestures("L1") == ()


def test_gestures_outlive_a_worker_and_go_with_the_next_one(desk, measurer):
    told, before = [], desk.regions["L1"]
    desk.failed.connect(told.append)
    desk.mark("L1", [FIRST])
    measurer.fail("memory")
    assert told == ["It failed by memory."]
    assert desk.regions["L1"] is before
    assert len(desk.gestures("L1")) == 1
    desk.mark("L1", [SECOND])
    measurer.answer()
    assert len(desk.gestures("L1")) == 2
    assert not desk.outlining


def test_a_case_that_is_put_away_hears_nothing_any_more(desk, measurer):
    desk.mark("L1", [FIRST])
    desk.put_away()
    measurer.answer()
    assert desk.regions == {}
