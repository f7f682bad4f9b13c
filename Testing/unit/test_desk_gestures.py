"""Findings on the reading desk whose outline follows what a reader points at."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.errors import PastaError
from PASTALib.gestures.drawing import draw_without_training
from PASTALib.gestures.record import GESTURES, applied, from_json
from PASTALib.region import Region

slicer = pytest.importorskip("slicer")

from PASTALib.mrml.desk import Desk  # noqa: E402
from PASTALib.mrml.labelmaps import put_region  # noqa: E402
from PASTALib.mrml.measuring import DirectMeasurer  # noqa: E402
from PASTALib.mrml.scene import open_scene  # noqa: E402
from PASTALib.mrml.script_desk import open_desk  # noqa: E402
from PASTALib.mrml.volumes import grid_of  # noqa: E402
from scene_case import add_painted_case  # noqa: E402

pytestmark = pytest.mark.slicer

MISSED, WRONG = (78.0, 26.0, 184.0), (66.0, 17.0, 180.0)
"""RAS points in the liver tumor: outside and inside of the outline that is too small."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A case whose L1 outlines only a ball (radius 6 mm) of the liver tumor."""
    desk = Desk(DirectMeasurer(), who="Dr. Reader")
    opened = open_scene()
    desk.take(add_painted_case(opened.scene), fresh=True)
    grid = grid_of(desk.nodes.volume)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    away = np.linalg.norm(grid.points_of_zyx(index) - np.array([-70.0, -20.0, 180.0]), axis=-1)
    put_region(desk.nodes.lesions, "L1", Region.of(away <= 6.0, grid))
    desk.outline_changed("L1")
    yield desk
    opened.scene.Clear(0)


@pytest.fixture(autouse=True)
def without_training(monkeypatch) -> None:
    """What the bundled chooser makes of a painted case is not tested here."""
    drawing = "PASTALib.gestures.answering.bundled_drawing"
    monkeypatch.setattr(drawing, lambda: draw_without_training)


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
    assert desk.undo() == "Mark L1"
    assert desk.regions["L1"] is taken_in
    assert desk.undo() == "Mark L1"
    assert desk.regions["L1"] is before
    desk.mark("L1", [WRONG], inside=False)
    assert not holds(desk, "L1", WRONG)


def test_a_gesture_that_changes_nothing_is_remembered_and_can_be_taken_back(desk):
    inside, before = (70.0, 20.0, 180.0), desk.regions["L1"]
    desk.mark("L1", [inside])
    assert len(desk.gestures("L1")) == 1
    assert desk.undo() == "Mark L1"
    assert desk.gestures("L1") == ()
    assert desk.regions["L1"] is before


def test_reset_takes_all_gestures_back_in_one_step(desk):
    before = desk.regions["L1"]
    desk.mark("L1", [MISSED])
    desk.mark("L1", [WRONG], inside=False)
    last = desk.regions["L1"]
    desk.reset("L1")
    assert desk.regions["L1"] is before
    assert desk.gestures("L1") == ()
    assert desk.undo() == "Reset L1"
    assert desk.regions["L1"] is last
    assert len(desk.gestures("L1")) == 2


def test_reset_deletes_a_finding_that_began_with_a_gesture(desk):
    desk.reject("L1")
    new = desk.new_finding(point=(50.0, 0.0, 150.0))
    desk.mark(new, [(44.0, 0.0, 150.0)])
    desk.reset(new)
    assert new not in desk.regions
    desk.undo()
    assert len(desk.gestures(new)) == 2


def test_a_new_finding_has_mask_organ_type_and_attributes(desk):
    desk.delete("L1")
    new = desk.finding(desk.new_finding(point=MISSED))
    assert (new.type, new.location.organ) == ("liver_tumor", "liver")
    assert new.attributes["density"].value == "Hypodense"
    assert holds(desk, new.id, MISSED)
    assert [edit.path for edit in desk.report.edits[-2:]] == [
        f"findings/{new.id}",
        f"findings/{new.id}/outline/gestures",
    ]


def test_a_new_finding_may_begin_with_any_gesture(desk):
    desk.delete("L2")
    x, y, z = -66.0, -30.0, 120.0  # middle of a cyst of 10 mm radius
    lasso = [(x + a, y + b, z) for a, b in ((-7, -7), (7, -7), (7, 7), (-7, 7))]
    first = desk.new_finding(points=lasso, kind="lasso")
    assert desk.finding(first).size.volume_ml == pytest.approx(4.2, rel=0.4)
    desk.undo()
    corner = (x - 13, y - 13, z - 13)
    edges = [tuple(np.add(corner, move)) for move in 26 * np.eye(3)]
    box = desk.new_finding(points=[corner, *edges], kind="box")
    assert desk.finding(box).size.volume_ml == pytest.approx(4.2, rel=0.4)


def test_the_record_of_edits_has_gestures_and_the_voxels_they_changed(desk):
    before = desk.regions["L1"]
    desk.mark("L1", [MISSED])
    edit = desk.report.edits[-1]
    assert edit.path == "findings/L1/outline/gestures"
    assert (edit.old, edit.new["volume_ml"]) == (before.ml, desk.regions["L1"].ml)
    assert [from_json(item) for item in edit.new["gestures"]] == list(desk.gestures("L1"))
    back = applied(edit.new["change"], desk.regions["L1"], before.geometry)
    assert back.start == before.start
    assert (back.mask == before.mask).all()


def test_exported_corrections_have_gestures_their_time_and_what_they_changed(desk, tmp_path):
    script = open_desk(desk.nodes.lesions.GetScene(), who="Dr. Reader")
    before = script.regions["L1"]
    script.mark("L1", [MISSED])
    script.mark("L1", [WRONG], inside=False)
    case = script.export_corrections(tmp_path)
    log = json.loads((case / "corrections.json").read_text(encoding="utf-8"))["log"]
    first, second = (edit for edit in log if edit["path"] == f"findings/L1/{GESTURES}")
    assert first["when"] <= second["when"]
    assert [item["inside"] for item in (*first["new"]["gestures"], *second["new"]["gestures"])] == [
        True,
        False,
    ]
    numbers = sitk.GetArrayFromImage(sitk.ReadImage(str(case / "final_instances.nii.gz")))
    now = Region.of(numbers == 1, before.geometry)
    for edit in (second, first):
        now = applied(edit["new"]["change"], now, before.geometry)
    assert now.start == before.start
    assert (now.mask == before.mask).all()


def test_gestures_of_a_saved_case_hold_when_it_is_opened_again(desk):
    before = desk.regions["L1"]
    desk.mark("L1", [MISSED])
    desk.set_type("L1", "liver_cyst")
    desk.mark("L1", [WRONG], inside=False)
    new = desk.new_finding(point=(50.0, 0.0, 150.0))
    other = Desk(DirectMeasurer(), who="Dr. Other")
    other.take(desk.nodes)
    assert other.gestures("L1") == desk.gestures("L1")
    assert other.gestures(new) == desk.gestures(new)
    other.reset("L1")
    assert other.regions["L1"].start == before.start
    assert (other.regions["L1"].mask == before.mask).all()
    other.reset(new)
    assert new not in other.regions


def test_an_accepted_finding_is_locked_until_it_is_reopened(desk):
    desk.accept("L1")
    with pytest.raises(PastaError, match="L1 is accepted; reopen it"):
        desk.mark("L1", [MISSED])
    desk.reopen("L1")
    desk.mark("L1", [MISSED])


def test_a_mark_far_from_the_finding_is_another_lesion(desk):
    with pytest.raises(PastaError, match="mm away from L1; begin a new finding"):
        desk.mark("L1", [(-66.0, -30.0, 120.0)])


def test_the_editable_area_of_the_segment_editor_is_respected(desk):
    from PASTALib.mrml.editable import EDITOR_TAG

    node = slicer.vtkMRMLSegmentEditorNode()
    node.SetSingletonTag(EDITOR_TAG)
    node = desk.nodes.lesions.GetScene().AddNode(node)
    node.SetSourceVolumeIntensityMask(True)
    node.SetSourceVolumeIntensityMaskRange(30.0, 100.0)  # tumor tissue is 25 HU, noise 8 HU
    hu = slicer.util.arrayFromVolume(desk.nodes.volume)
    before = desk.regions["L1"]
    desk.mark("L1", [MISSED])
    after = desk.regions["L1"]
    added = after.mask & ~before.within(after.start, after.mask.shape)
    assert added.any()
    assert hu[after.slices][added].min() >= 30
    node.SetSourceVolumeIntensityMask(False)
    node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
    node.SetMaskSegmentID("L2")
    marked = len(desk.gestures("L1"))
    desk.mark("L1", [WRONG], inside=False)
    assert len(desk.gestures("L1")) == marked + 1
    assert (desk.regions["L1"].mask == after.mask).all()


def test_a_segment_of_the_readers_own_keeps_its_voxels(desk):
    from PASTALib.mrml.segmentations import add_empty_segment
    from PASTALib.segments import lesion_segment

    grid = grid_of(desk.nodes.volume)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    own = np.abs(grid.points_of_zyx(index) - np.array([-78.0, -20.0, 180.0])).max(axis=-1) < 6
    add_empty_segment(desk.nodes.lesions, lesion_segment("L7", "liver_cyst"))
    put_region(desk.nodes.lesions, "L7", Region.of(own, grid))
    desk.mark("L1", [MISSED])
    region = desk.regions["L1"]
    assert not (own[region.slices] & region.mask).any()


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
