"""What a reader does in the panel of PASTA, through its widgets, on a painted case."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gui.reader import PATIENCE_S, cells, choose, draw_ball, measured

pytestmark = pytest.mark.slicer


def test_the_table_tells_every_finding(panel, nodes):
    assert cells(panel, 0) == ["L1", "L2"]
    assert cells(panel, 2) == ["Liver tumor", "Kidney cyst"]
    assert cells(panel, 6) == ["AI", "AI"]
    assert cells(panel, 3)[0].startswith("38 × ")


def test_a_click_goes_to_the_key_slice(host, scene, panel, nodes):
    choose(panel, 1)
    axis = panel.desk.finding("L2").size.long_axis
    middle = np.add(axis.start, axis.end) / 2 * [-1, -1, 1]
    cursor = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode").GetCrosshairRAS()
    assert np.allclose(cursor, middle, atol=0.01)
    red = scene.GetNodeByID("vtkMRMLSliceNodeRed")
    assert red.GetSliceOffset() == pytest.approx(middle[2], abs=0.1)
    display = nodes.lesions.GetDisplayNode()
    assert display.GetSegmentOpacity2DOutline("L2") > display.GetSegmentOpacity2DOutline("L1")


def test_the_axes_of_the_chosen_finding_can_be_dragged(host, scene, panel, nodes):
    import slicer

    choose(panel, 0)
    line = scene.GetFirstNodeByName("long axis")
    assert line.GetDisplayNode().GetVisibility()
    size = panel.desk.finding("L1").size
    assert line.GetMeasurement("length").GetValue() == pytest.approx(
        size.long_axis.length_mm, abs=0.1
    )
    start = [0.0, 0.0, 0.0]
    line.GetNthControlPointPositionWorld(0, start)
    line.SetNthControlPointPositionWorld(1, start[0] + 50, start[1], start[2])
    assert panel.desk.finding("L1").size == size  # not before the mouse is let go
    line.InvokeEvent(slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent)
    assert panel.desk.finding("L1").size.long_axis.length_mm == pytest.approx(50)
    assert cells(panel, 6)[0] == "edited"
    panel.ui.undoButton.click()
    line.GetNthControlPointPositionWorld(1, start)
    assert np.allclose(np.multiply(start, [-1, -1, 1]), size.long_axis.end, atol=0.01)


def test_accept_and_reject_by_button_and_key(panel, nodes):
    choose(panel, 0)
    panel.ui.acceptButton.click()
    assert cells(panel, 6) == ["accepted", "AI"]
    panel.findings.next()
    panel.findings.reject()
    assert cells(panel, 6) == ["accepted", "rejected"]
    assert "L2" not in panel.ui.impressionText.plainText
    panel.findings.previous()
    assert panel.findings.current == "L1"


def test_keys_work_only_while_the_module_is_open(host, panel, nodes):
    named = panel.shortcuts._keys
    assert list(named) == ["N", "P", "A", "X", "E", "C", "Ctrl+Z", "Ctrl+Y"]
    assert all(named[key].enabled for key in named)
    named["N"].activated()
    assert panel.findings.current == "L1"
    named["A"].activated()
    assert cells(panel, 6)[0] == "accepted"
    named["Ctrl+Z"].activated()
    assert cells(panel, 6)[0] == "AI"
    panel.exit()
    assert not any(named[key].enabled for key in named)


def test_all_can_be_rejected_at_once(panel, nodes):
    panel.ui.findingsTable.selectAll()
    panel.ui.rejectButton.click()
    assert cells(panel, 6) == ["rejected", "rejected"]
    assert panel.ui.impressionText.plainText.startswith("No lesion found")


def test_sorting_keeps_what_is_chosen(panel, nodes):
    choose(panel, 0)
    header = panel.ui.findingsTable.horizontalHeader()
    header.sectionClicked(4)
    assert cells(panel, 0) == ["L2", "L1"]
    assert panel.findings.table.chosen == ["L1"]
    header.sectionClicked(4)
    assert cells(panel, 0) == ["L1", "L2"]


def test_filters_hide_rows_and_contours(panel, nodes):
    display = nodes.lesions.GetDisplayNode()
    panel.ui.confidenceSlider.value = 0.8
    assert cells(panel, 0) == ["L1"]
    assert not display.GetSegmentVisibility("L2")
    panel.ui.confidenceSlider.value = 0.0
    panel.ui.organFilter.currentIndex = panel.ui.organFilter.findData("kidney")
    assert cells(panel, 0) == ["L2"]
    assert not display.GetSegmentVisibility("L1")
    panel.ui.organFilter.currentIndex = 0
    assert cells(panel, 0) == ["L1", "L2"]


def test_organs_are_shown_by_one_click_and_surfaces_only_when_asked(panel, nodes):
    assert not nodes.organs.GetDisplayNode().GetVisibility()
    panel.ui.organsButton.click()
    assert nodes.organs.GetDisplayNode().GetVisibility()
    segmentation = nodes.lesions.GetSegmentation()
    assert not segmentation.ContainsRepresentation("Closed surface")
    panel.ui.show3DButton.click()
    assert segmentation.ContainsRepresentation("Closed surface")


def test_merge_split_and_delete_from_the_menu(host, panel, nodes):
    actions = {action.text: action for action in panel.findings._menu.actions()}
    panel.ui.findingsTable.selectAll()
    actions["Merge"].trigger()
    measured(host, panel)
    assert cells(panel, 0) == ["L1"]
    choose(panel, 0)
    actions["Split"].trigger()
    measured(host, panel)
    assert cells(panel, 0) == ["L1", "L3"]
    choose(panel, 1)
    actions["Delete"].trigger()
    measured(host, panel)
    assert cells(panel, 0) == ["L1"]
    for _ in range(3):
        panel.ui.undoButton.click()
    assert cells(panel, 0) == ["L1", "L2"]
    choose(panel, 0)
    actions["Merge"].trigger()
    assert panel.ui.statusLabel.text == "Choose at least two findings to merge."


def test_a_finding_is_added_by_drawing(host, panel, nodes):
    panel.ui.typeSelector.currentIndex = panel.ui.typeSelector.findData("kidney_cyst")
    panel.findings.add_by_drawing()
    assert panel.correction.editing == "L3"
    assert cells(panel, 0) == ["L1", "L2"]
    draw_ball(panel, "L3", (-60, 42, 60), 12)
    measured(host, panel)
    assert cells(panel, 0) == ["L1", "L2", "L3"]
    assert cells(panel, 6)[2] == "added by reader"


def test_another_type_is_chosen_for_a_finding(host, panel, nodes):
    choose(panel, 0)
    selector = panel.ui.typeSelector
    assert selector.currentText.startswith("Liver tumor")
    index = selector.findData("liver_cyst")
    selector.setCurrentIndex(index)
    selector.activated(index)
    measured(host, panel)
    assert cells(panel, 2)[0] == "Liver cyst"
    segment = nodes.lesions.GetSegmentation().GetSegment("L1")
    assert segment.GetName() == "L1 Liver cyst"


def test_attributes_and_sentence_become_the_readers(host, panel, nodes):
    choose(panel, 0)
    selector = panel.ui.shapeSelector
    assert panel.ui.shapeSource.text == "measured"
    index = selector.findText("Irregular")
    selector.setCurrentIndex(index)
    selector.activated(index)
    assert panel.ui.shapeSource.text == "yours"
    panel.ui.sentenceText.plainText = "A mass of the right lobe."
    panel.report.flush()
    assert panel.desk.finding("L1").sentence == "A mass of the right lobe."
    choose(panel, 1)
    assert panel.ui.sentenceText.plainText == panel.desk.finding("L2").sentence


def test_a_written_impression_is_only_replaced_after_asking(host, panel, nodes):
    panel.ui.impressionText.plainText = "One mass.\nNothing else."
    panel.report.flush()
    assert panel.desk.report.impression == ("One mass.", "Nothing else.")
    choose(panel, 1)
    panel.ui.rejectButton.click()
    assert panel.ui.impressionText.plainText == "One mass.\nNothing else."
    assert "changed since" in panel.ui.impressionLabel.text
    host.dialogs.answer(False)
    panel.ui.draftButton.click()
    assert panel.ui.impressionText.plainText == "One mass.\nNothing else."
    host.dialogs.answer(True)
    panel.ui.draftButton.click()
    assert "L1" in panel.ui.impressionText.plainText
    panel.ui.undoButton.click()
    assert panel.ui.impressionText.plainText == "One mass.\nNothing else."


def test_a_saved_scene_opens_with_its_findings_and_choices(host, scene, panel, nodes, tmp_path):
    from PASTALib.mrml.bundle import save_scene

    choose(panel, 0)
    panel.ui.acceptButton.click()
    panel.ui.confidenceSlider.value = 0.25
    panel.ui.impressionText.plainText = "One mass."
    panel.report.flush()
    report = panel.desk.report
    save_scene(scene, tmp_path / "case.mrb")
    scene.Clear(0)
    assert panel.ui.findingsTable.rowCount == 0
    assert panel.ui.impressionText.plainText == ""
    assert scene.ReadFromMRB(str(tmp_path / "case.mrb"))
    host.process_events()
    assert panel.desk.report == report
    assert cells(panel, 6) == ["accepted", "AI"]
    assert panel.ui.impressionText.plainText == "One mass."
    assert panel.ui.confidenceSlider.value == 0.25
    draw_ball(panel, "L2", (66, 30, 120), 16)
    measured(host, panel)
    assert panel.desk.finding("L2").size.volume_ml > report.finding("L2").size.volume_ml


def test_deleting_a_node_of_the_case_puts_it_away(scene, panel, nodes):
    choose(panel, 0)
    panel.ui.editButton.click()
    scene.RemoveNode(nodes.lesions)
    assert panel.desk.nodes is None
    assert panel.ui.findingsTable.rowCount == 0
    assert not panel.ui.exportButton.enabled


def test_report_preview_and_files_are_written_by_the_worker(host, panel, nodes, tmp_path):
    opened = []
    panel.report._open_page = lambda path: opened.append(path.read_text(encoding="utf-8"))
    choose(panel, 1)
    panel.ui.rejectButton.click()
    panel.ui.previewButton.click()
    host.process_events(lambda: opened, PATIENCE_S)
    assert "dismissed" in opened[0]
    assert "data:image/png" in opened[0]
    panel.ui.exportFolder.directory = str(tmp_path)
    panel.ui.exportButton.click()
    host.process_events(lambda: panel.ui.exportStatus.text.startswith("Wrote"), PATIENCE_S)
    names = {path.name for path in (tmp_path / "painted").iterdir()}
    assert {"report.json", "report.html", "lesions.csv", "segmentation.seg.nrrd"} <= names
    panel.ui.correctionsButton.click()
    host.process_events(lambda: "case to" in panel.ui.exportStatus.text, PATIENCE_S)
    (case,) = tmp_path.glob("case-*")
    facts = json.loads((case / "corrections.json").read_text(encoding="utf-8"))
    assert [row["status"] for row in facts["findings"]] == ["AI", "rejected"]


def test_a_folder_that_cannot_be_written_to_is_told(host, panel, nodes, tmp_path):
    (tmp_path / "painted").write_text("a file where the folder should be")
    panel.ui.exportFolder.directory = str(tmp_path)
    panel.ui.exportButton.click()
    host.process_events(lambda: "cannot be written" in panel.ui.exportStatus.text, PATIENCE_S)


def test_time_at_a_finding_is_kept_in_the_scene(panel, nodes):
    choose(panel, 0)
    choose(panel, 1)
    assert "L1" in nodes.read_seconds()


@pytest.mark.parametrize("handedness", [1, -1])
def test_oblique_and_left_handed_volumes_are_read_and_drawn_in_place(
    host, scene, panel, handedness
):
    from labelled_images import OBLIQUE
    from report_case import ORIGIN, SIZE, SPACING
    from scene_case import add_painted_case

    direction = np.reshape(OBLIQUE, (3, 3)) * [1, 1, handedness]
    middle = np.multiply(np.subtract(SIZE, 1), SPACING) / 2
    origin = tuple(ORIGIN + middle - direction @ middle)
    nodes = add_painted_case(scene, direction=tuple(np.ravel(direction)), origin=origin)
    panel.desk.take(nodes)
    row = cells(panel, 2).index("Liver tumor")
    choose(panel, row)
    center = panel.desk.finding(panel.findings.current).location.center
    assert np.allclose(center, (-70, -20, 180), atol=5)
    draw_ball(panel, panel.findings.current, (-70, -20, 180), 26)
    measured(host, panel)
    finding = panel.desk.finding(panel.findings.current)
    assert finding.size.diameter_3d.length_mm == pytest.approx(52, abs=7)
    assert np.allclose(finding.location.center, (-70, -20, 180), atol=2)
