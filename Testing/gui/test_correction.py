"""Correction of an outline with the segment editor in the panel of PASTA, on a painted case."""

from __future__ import annotations

import json

import pytest

from gui.reader import cells, choose, draw_ball, measured

pytestmark = pytest.mark.slicer


def test_drawing_changes_table_and_report_and_can_be_undone(host, panel, nodes):
    choose(panel, 0)
    panel.ui.editButton.click()
    assert not panel.ui.editorFrame.isHidden()
    assert panel.ui.segmentEditor.currentSegmentID() == "L1"
    volume, impression = cells(panel, 4)[0], panel.ui.impressionText.plainText
    other = panel.desk.regions["L2"].voxels
    draw_ball(panel, "L1", (-70, -20, 180), 26)
    measured(host, panel)
    assert cells(panel, 4)[0] != volume
    assert cells(panel, 6)[0] == "edited"
    assert panel.ui.impressionText.plainText != impression
    assert panel.desk.regions["L2"].voxels == other
    assert json.loads(nodes.report.GetText())["edits"][0]["path"] == "findings/L1/outline"
    panel.ui.undoButton.click()
    assert (cells(panel, 4)[0], cells(panel, 6)[0]) == (volume, "AI")
    assert panel.ui.impressionText.plainText == impression
    panel.ui.editButton.click()
    assert panel.ui.editorFrame.isHidden()


def test_the_editor_overwrites_no_other_segment(panel, nodes):
    import slicer

    choose(panel, 0)
    panel.ui.editButton.click()
    node = panel.ui.segmentEditor.mrmlSegmentEditorNode()
    assert node.GetOverwriteMode() == slicer.vtkMRMLSegmentEditorNode.OverwriteNone


def test_the_other_sections_make_room_for_the_editor(panel, nodes):
    ui = panel.ui
    choose(panel, 0)
    ui.editButton.click()
    assert ui.inputSection.collapsed
    assert ui.reportSection.collapsed
    ui.editButton.click()
    assert not ui.inputSection.collapsed
    assert not ui.reportSection.collapsed
    assert ui.exportSection.collapsed  # as it was


def test_a_correction_says_how_far_it_went_and_can_be_done_again(host, panel, nodes):
    choose(panel, 0)
    assert panel.ui.changeLabel.text == ""
    draw_ball(panel, "L1", (-70, -20, 180), 6)
    measured(host, panel)
    assert panel.ui.changeLabel.text.startswith("Against the model's outline: Dice 0.")
    change, drawn = panel.desk.change("L1"), panel.desk.regions["L1"].voxels
    original = round(change.before_ml * drawn / change.after_ml)
    assert drawn < original  # a ball inside of it
    assert change.dice == pytest.approx(2 * drawn / (original + drawn), abs=0.02)
    panel.ui.undoButton.click()
    assert panel.ui.changeLabel.text == ""
    panel.ui.redoButton.click()
    measured(host, panel)
    assert "Dice 0." in panel.ui.changeLabel.text
    assert not panel.ui.redoButton.enabled


def test_another_finding_chosen_while_correcting_is_corrected_then(panel, nodes):
    choose(panel, 0)
    panel.ui.editButton.click()
    choose(panel, 1)
    assert panel.ui.segmentEditor.currentSegmentID() == "L2"
