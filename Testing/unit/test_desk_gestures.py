"""Findings on the reading desk whose outline follows what a reader points at."""

from __future__ import annotations

import numpy as np
import pytest

from PASTALib.errors import PastaError
from PASTALib.region import Region

slicer = pytest.importorskip("slicer")

from PASTALib.mrml.desk import Desk  # noqa: E402
from PASTALib.mrml.labelmaps import put_region  # noqa: E402
from PASTALib.mrml.measuring import DirectMeasurer  # noqa: E402
from PASTALib.mrml.scene import open_scene  # noqa: E402
from PASTALib.mrml.volumes import grid_of  # noqa: E402
from scene_case import add_painted_case  # noqa: E402

pytestmark = pytest.mark.slicer

MISSED, WRONG = (78.0, 26.0, 184.0), (66.0, 17.0, 180.0)
"""RAS points in the liver tumor: outside and inside of the outline that is too small."""


@pytest.fixture
def desk() -> Desk:
    """A case whose L1 outlines only a ball (radius 6 mm) of the liver tumor."""
    desk = Desk(DirectMeasurer(), who="Dr. Reader")
    desk.take(add_painted_case(open_scene().scene), fresh=True)
    grid = grid_of(desk.nodes.volume)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    away = np.linalg.norm(grid.points_of_zyx(index) - np.array([-70.0, -20.0, 180.0]), axis=-1)
    put_region(desk.nodes.lesions, "L1", Region.of(away <= 6.0, grid))
    desk.outline_changed("L1")
    return desk


def holds(desk: Desk, finding_id: str, point: tuple[float, float, float]) -> bool:
    """Whether an outline holds a point (RAS mm)."""
    grid, region = grid_of(desk.nodes.volume), desk.regions[finding_id]
    mask = np.zeros(grid.shape_zyx, bool)
    mask[region.slices] = region.mask
    index = grid.indices_zyx((-point[0], -point[1], point[2]))
    return bool(mask[tuple(np.round(index).astype(int))])


def test_what_was_missed_is_taken_in_and_what_was_wrong_left_out(desk):
    small = desk.finding("L1").size.volume_ml
    desk.mark("L1", [MISSED])
    assert desk.finding("L1").size.volume_ml > small
    assert desk.report.edits[-1].path.startswith("findings/L1")
    desk.mark("L1", [WRONG], inside=False)
    assert holds(desk, "L1", MISSED)
    assert not holds(desk, "L1", WRONG)


def test_each_gesture_is_one_undo_step_and_holds_no_more_after_it(desk):
    before = desk.regions["L1"]
    desk.mark("L1", [MISSED])
    taken_in = desk.regions["L1"]
    desk.mark("L1", [MISSED], inside=False)
    assert not holds(desk, "L1", MISSED)
    assert desk.undo() == "Draw L1"
    assert desk.regions["L1"] is taken_in
    assert desk.undo() == "Draw L1"
    assert desk.regions["L1"] is before
    desk.mark("L1", [WRONG], inside=False)
    assert not holds(desk, "L1", WRONG)


def test_other_findings_keep_their_voxels(desk):
    other = desk.regions["L2"]
    desk.mark("L1", [MISSED, (60.0, 20.0, 184.0)], kind="scribble")
    assert desk.regions["L2"] is other
    with pytest.raises(PastaError, match="another finding"):
        desk.new_finding("liver_tumor", point=MISSED)


def test_what_cannot_be_done_says_why_and_changes_nothing(desk):
    before = desk.regions["L1"]
    with pytest.raises(PastaError, match="outside the CT"):
        desk.mark("L1", [(5000.0, 0.0, 0.0)])
    with pytest.raises(PastaError, match="no outline yet"):
        desk.mark("L9", [MISSED])
    assert desk.regions["L1"] is before
