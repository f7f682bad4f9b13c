"""The reading desk: results in the scene, and what a reader does with them, without a window."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from geometries import AXIS_ORDERS
from labelled_images import OBLIQUE
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.region import Region
from report_case import ORIGIN, SIZE, SPACING, a_case

slicer = pytest.importorskip("slicer")

from PASTALib.mrml.bundle import save_scene  # noqa: E402
from PASTALib.mrml.case import cases_in, latest_case  # noqa: E402
from PASTALib.mrml.desk import Desk  # noqa: E402
from PASTALib.mrml.labelmaps import put_region, region_of, regions_of  # noqa: E402
from PASTALib.mrml.measuring import DirectMeasurer  # noqa: E402
from PASTALib.mrml.organs import organ_map  # noqa: E402
from PASTALib.mrml.scene import open_scene  # noqa: E402
from PASTALib.mrml.segmentations import segment_keys  # noqa: E402
from PASTALib.mrml.volumes import grid_of  # noqa: E402
from scene_case import add_painted_case  # noqa: E402

pytestmark = pytest.mark.slicer


@pytest.fixture(scope="module")
def carrier():
    return open_scene()


@pytest.fixture
def scene(carrier):
    carrier.scene.Clear(0)
    return carrier.scene


@pytest.fixture
def nodes(scene):
    return add_painted_case(scene)


@pytest.fixture
def desk(nodes) -> Desk:
    desk = Desk(DirectMeasurer(), who="Dr. Reader")
    desk.take(nodes, fresh=True)
    return desk


def ids(desk: Desk) -> list[str]:
    return [finding.id for finding in desk.report.findings]


def ball(desk: Desk, center: tuple, radius: float) -> Region:
    grid = grid_of(desk.nodes.volume)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid.points_of_zyx(index) - np.array(center), axis=-1)
    region = Region.of(distance <= radius, grid)
    assert region is not None
    return region


def draw(desk: Desk, finding_id: str, region: Region | None) -> None:
    """As the segment editor does: the voxels change, then somebody tells."""
    put_region(desk.nodes.lesions, finding_id, region)
    desk.outline_changed(finding_id)


def test_a_result_is_one_node_for_organs_and_one_for_lesions(nodes):
    assert segment_keys(nodes.lesions) == {"L1": "liver_tumor", "L2": "kidney_cyst"}
    assert "liver" in segment_keys(nodes.organs)
    assert not nodes.organs.GetDisplayNode().GetVisibility()
    assert nodes.lesions.GetDisplayNode().GetVisibility()
    assert nodes.original.GetHideFromEditors()
    segment = nodes.lesions.GetSegmentation().GetSegment("L1")
    assert "Liver" in segment.GetTerminology()
    assert segment.GetName() == f"L1 {catalog().lesion_types['liver_tumor'].name}"
    for node in (nodes.organs, nodes.lesions):
        role = node.GetReferenceImageGeometryReferenceRole()
        assert node.GetNodeReference(role) is nodes.volume
        assert not node.GetSegmentation().ContainsRepresentation("Closed surface")


def test_a_result_lies_under_the_study_of_its_ct(scene):
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = tree.CreateStudyItem(tree.GetSceneItemID(), "Study")
    first = add_painted_case(scene)
    tree.SetItemParent(tree.GetItemByDataNode(first.volume), study)
    from PASTALib.mrml.hierarchy import place_beside

    for node in (first.organs, first.lesions, first.report):
        place_beside(node, first.volume)
        assert tree.GetItemParent(tree.GetItemByDataNode(node)) == study


def test_a_second_run_leaves_the_first_as_it_is(scene):
    first = add_painted_case(scene)
    before = regions_of(first.lesions, grid_of(first.volume))
    second = add_painted_case(scene)
    after = regions_of(first.lesions, grid_of(first.volume))
    assert {k: v.voxels for k, v in before.items()} == {k: v.voxels for k, v in after.items()}
    assert cases_in(scene) == [first, second]
    assert latest_case(scene, first.volume) == first


@pytest.mark.parametrize("direction", [*AXIS_ORDERS[5::14], np.reshape(OBLIQUE, (3, 3))])
def test_segments_are_read_and_written_on_the_ct_in_every_orientation(scene, direction):
    middle = np.multiply(np.subtract(SIZE, 1), SPACING) / 2
    origin = tuple(ORIGIN + middle - direction @ middle)  # the patient stays inside
    painted = {"direction": tuple(np.ravel(direction)), "origin": origin}
    case = add_painted_case(scene, **painted)
    _, segmentation = a_case(**painted)
    grid = grid_of(case.volume)
    labels = sitk.GetArrayFromImage(segmentation.lesions)
    for finding in case.read_report().findings:
        region = region_of(case.lesions, finding.id, grid)
        wanted = labels == catalog().label(finding.type)
        assert region is not None
        whole = np.zeros(labels.shape, bool)
        whole[region.slices] = region.mask
        assert (whole == wanted).all()
        half = Region.of(region.mask[: max(1, len(region.mask) // 2)], grid, region.start)
        put_region(case.lesions, finding.id, half)
        again = region_of(case.lesions, finding.id, grid)
        assert (again.start, again.mask.tolist()) == (half.start, half.mask.tolist())
    organs = sitk.GetArrayFromImage(organ_map(case.organs, case.volume))
    assert (organs == sitk.GetArrayFromImage(segmentation.organs)).all()


def test_writing_one_lesion_does_not_touch_its_neighbors(desk):
    before = region_of(desk.nodes.lesions, "L2", grid_of(desk.nodes.volume))
    over = ball(desk, (66, 30, 120), 20)  # covers all of L2
    draw(desk, "L1", over)
    after = region_of(desk.nodes.lesions, "L2", grid_of(desk.nodes.volume))
    assert after.voxels == before.voxels
    assert desk.regions["L1"].voxels == over.voxels


def test_accept_and_reject_enter_the_report_of_the_scene(desk):
    desk.accept("L1")
    desk.reject("L2")
    kept = desk.nodes.read_report()
    assert [finding.review for finding in kept.findings] == ["confirmed", "dismissed"]
    assert "L2" not in " ".join(kept.impression)
    assert [edit.who for edit in kept.edits] == ["Dr. Reader"] * 2


def test_all_can_be_rejected(desk):
    for finding_id in ids(desk):
        desk.reject(finding_id)
    assert "No lesion found" in desk.report.impression[0]


def test_drawing_changes_measures_and_report(desk):
    before = desk.finding("L1").size.volume_ml
    draw(desk, "L1", ball(desk, (-70, -20, 180), 26))
    after = desk.nodes.read_report()
    assert after.finding("L1").size.volume_ml > 2 * before
    assert after.finding("L1").size.long_axis.length_mm == pytest.approx(52, abs=5)
    assert f"{after.finding('L1').size.long_axis.length_mm:.0f}" in " ".join(after.impression)
    assert after.edits[-1].path == "findings/L1/outline"


def test_strokes_in_a_row_are_one_record_but_each_can_be_undone(desk):
    volumes = [desk.finding("L1").size.volume_ml]
    for radius in (20, 24, 28):
        draw(desk, "L1", ball(desk, (-70, -20, 180), radius))
        volumes.append(desk.finding("L1").size.volume_ml)
    assert len(desk.report.edits) == 1
    assert desk.report.edits[0].old == pytest.approx(volumes[0], abs=0.01)
    for volume in volumes[-2::-1]:
        assert desk.undo() == "Draw L1"
        assert desk.finding("L1").size.volume_ml == volume
    assert desk.report.edits == ()


def test_an_emptied_segment_is_told_and_the_finding_waits(desk):
    told = []
    desk.failed.connect(told.append)
    draw(desk, "L1", None)
    assert "L1 has no voxel left" in told[0]
    assert desk.finding("L1").size.volume_ml > 1


def test_another_type_brings_its_name_color_and_rules(desk):
    desk.set_type("L1", "liver_cyst")
    finding = desk.finding("L1")
    assert (finding.type, finding.provenance, finding.type_confidence) == (
        "liver_cyst",
        "reader",
        1,
    )
    segment = desk.nodes.lesions.GetSegmentation().GetSegment("L1")
    assert segment.GetName() == f"L1 {catalog().lesion_types['liver_cyst'].name}"
    assert segment_keys(desk.nodes.lesions)["L1"] == "liver_cyst"
    desk.undo()
    assert desk.finding("L1").type == "liver_tumor"
    assert segment_keys(desk.nodes.lesions)["L1"] == "liver_tumor"


def test_attributes_sentence_and_impression_are_the_readers_then(desk):
    desk.set_attribute("L1", "shape", "Irregular")
    desk.set_sentence("L1", "A mass.")
    desk.set_impression(["One mass.", "Nothing else."])
    draw(desk, "L1", ball(desk, (-70, -20, 180), 26))
    finding = desk.finding("L1")
    assert (finding.attributes["shape"].value, finding.sentence) == ("Irregular", "A mass.")
    assert desk.report.impression == ("One mass.", "Nothing else.")
    desk.draft_impression()
    assert "L1" in " ".join(desk.report.impression)


def test_axes_can_be_moved(desk):
    desk.set_axes("L1", {"long_axis": ((-90, -20, 180), (-50, -20, 180))})
    size = desk.finding("L1").size
    assert (size.long_axis.length_mm, size.provenance) == (40.0, "reader")


def test_a_click_adds_a_finding(desk):
    draw(desk, "L1", ball(desk, (-70, -20, 180), 6))  # leaves tumor tissue that nobody outlined
    new = desk.new_finding("liver_tumor", point=(78.0, 26.0, 184.0))  # RAS
    assert new == "L3"
    finding = desk.finding("L3")
    assert finding.provenance == "reader"
    assert finding.location.organ == "liver"
    assert desk.undo() == "Add L3"
    assert ids(desk) == ["L1", "L2"]
    assert desk.nodes.lesions.GetSegmentation().GetSegment("L3") is None


def test_a_click_outside_the_ct_is_told_and_changes_nothing(desk):
    with pytest.raises(PastaError, match="outside the CT"):
        desk.new_finding("liver_tumor", point=(5000.0, 0.0, 0.0))
    assert desk.nodes.lesions.GetSegmentation().GetNumberOfSegments() == 2


def test_an_empty_segment_becomes_a_finding_with_the_first_stroke(desk):
    new = desk.new_finding("kidney_cyst")
    assert ids(desk) == ["L1", "L2"]
    draw(desk, new, ball(desk, (-60, 42, 60), 9))
    assert desk.finding(new).location.side == "right"
    assert desk.report.edits[-1].path == f"findings/{new}"


def test_findings_are_merged_and_split_again(desk):
    volumes = {f.id: f.size.volume_ml for f in desk.report.findings}
    desk.merge(["L1", "L2"])
    assert ids(desk) == ["L1"]
    assert desk.finding("L1").size.volume_ml == pytest.approx(sum(volumes.values()), rel=1e-3)
    assert desk.split("L1") == ("L1", "L3")
    assert {desk.finding(k).size.volume_ml for k in ("L1", "L3")} == set(volumes.values())
    assert desk.undo() == "Split L1"
    assert desk.undo() == "Merge L1, L2"
    assert {f.id: f.size.volume_ml for f in desk.report.findings} == volumes


def test_a_whole_lesion_is_split_in_two_halves(desk):
    whole = desk.regions["L1"].voxels
    first, second = desk.split("L1")
    sizes = [desk.regions[part].voxels for part in (first, second)]
    assert sum(sizes) == whole
    assert min(sizes) > 0.35 * whole


def test_merging_needs_two(desk):
    with pytest.raises(PastaError, match="at least two"):
        desk.merge(["L1", "L1"])


def test_a_deleted_finding_comes_back_by_undo(desk):
    before = desk.report
    voxels = desk.regions["L1"].voxels
    desk.delete("L1")
    assert ids(desk) == ["L2"]
    assert desk.nodes.lesions.GetSegmentation().GetSegment("L1") is None
    assert desk.undo() == "Delete L1"
    assert desk.report == before
    assert region_of(desk.nodes.lesions, "L1", grid_of(desk.nodes.volume)).voxels == voxels


def test_what_was_undone_is_done_again(desk):
    desk.accept("L2")
    draw(desk, "L1", ball(desk, (-70, -20, 180), 6))
    desk.new_finding("liver_tumor", point=(78.0, 26.0, 184.0))
    desk.split("L1")
    desk.delete("L2")
    done = [(f.id, f.review, f.size.volume_ml) for f in desk.report.findings]
    titles = [desk.undo() for _ in range(5)]
    assert [desk.redo() for _ in range(5)] == titles[::-1]
    assert [(f.id, f.review, f.size.volume_ml) for f in desk.report.findings] == done


def test_an_id_is_never_given_twice(desk):
    desk.delete("L2")
    assert desk.new_finding("kidney_cyst") == "L3"


def test_the_ai_result_is_the_first_step_and_undo_takes_it_away(desk, scene):
    nodes = desk.nodes
    desk.accept("L1")
    desk.undo()
    assert desk.undo() == "Find lesions"
    assert desk.nodes is None
    assert cases_in(scene) == []
    assert nodes.volume.GetScene() is scene
    assert desk.undo() is None


def test_the_models_outlines_stay_whatever_is_drawn(desk):
    before = regions_of(desk.nodes.original, grid_of(desk.nodes.volume))["L1"].voxels
    draw(desk, "L1", ball(desk, (-70, -20, 180), 30))
    desk.delete("L2")
    after = regions_of(desk.nodes.original, grid_of(desk.nodes.volume))
    assert after["L1"].voxels == before
    assert set(after) == {"L1", "L2"}


def test_a_saved_scene_brings_findings_report_edits_and_times_back(desk, carrier, tmp_path):
    desk.accept("L2")
    draw(desk, "L1", ball(desk, (-70, -20, 180), 26))
    desk.set_impression(["One mass."])
    desk.spent("L1", 12.5)
    report, drawn = desk.report, desk.regions["L1"]
    save_scene(carrier.scene, tmp_path / "case.mrb")
    carrier.scene.Clear(0)
    assert carrier.scene.ReadFromMRB(str(tmp_path / "case.mrb"))
    other = Desk(DirectMeasurer(), who="Dr. Other")
    other.take(latest_case(carrier.scene))
    assert other.report == report
    assert other.seconds == {"L1": 12.5}
    assert other.regions["L1"].voxels == drawn.voxels
    draw(other, "L2", ball(other, (66, 30, 120), 14))
    assert other.finding("L2").size.volume_ml > report.finding("L2").size.volume_ml
    assert other.finding("L1").size == report.finding("L1").size
    assert other.steps[0].title == "Draw L2"


def test_measures_that_come_too_late_are_dropped(nodes):
    class Slow:
        def __init__(self):
            self.waiting = []

        def measure(self, nodes, report, outlines, done, failed):
            self.waiting.append((report, outlines, done))

    slow = Slow()
    desk = Desk(slow)
    desk.take(nodes)
    draw(desk, "L1", ball(desk, (-70, -20, 180), 26))
    assert desk.pending
    draw(desk, "L1", ball(desk, (-70, -20, 180), 10))
    direct = DirectMeasurer()
    for report, outlines, done in slow.waiting:
        direct.measure(nodes, report, outlines, done, pytest.fail)
    assert desk.finding("L1").size.long_axis.length_mm == pytest.approx(20, abs=5)
    assert not desk.pending


def test_a_desk_without_a_case_says_so(nodes):
    desk = Desk(DirectMeasurer())
    with pytest.raises(PastaError, match="No case is open"):
        desk.accept("L1")


def test_geometry_of_a_moved_volume_is_followed(nodes):
    assert grid_of(nodes.volume) == Geometry.of(a_case()[0].image)


def test_a_script_does_what_the_panel_does(nodes, tmp_path):
    from PASTALib.mrml.script_desk import open_desk

    desk = open_desk(nodes.volume.GetScene(), nodes.volume, "Dr. Script")
    desk.accept("L1")
    desk.reject("L2")
    files = desk.export(tmp_path / "out", ["json", "nifti", "seg.nrrd"])
    assert [file.name for file in files] == [
        "report.json", "segmentation.nii.gz", "lesion_instances.nii.gz", "segmentation.seg.nrrd",
    ]  # fmt: skip
    case = desk.export_corrections(tmp_path / "corrections")
    assert (case / "corrections.json").is_file()
    assert desk.report.edits[-1].who == "Dr. Script"


def test_the_self_test_passes(scene):
    from types import SimpleNamespace

    from PASTALib.mrml.analyze import analyze_volume
    from PASTALib.mrml.script_desk import open_desk
    from PASTALib.mrml.self_test import run

    logic = SimpleNamespace(
        analyze=analyze_volume, desk=lambda volume, who: open_desk(scene, volume, who)
    )
    assert run(logic, scene) == "Test passed"
