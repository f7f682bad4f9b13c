"""Lesions are made interactively in the panel of PASTAGen, through its widgets and its worker."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from gui.making import PATIENCE_S, choose, drawn, hu, preview, rows, settled

pytestmark = pytest.mark.slicer


def test_of_two_requests_only_the_newer_one_is_finished(host, ready):
    from dataclasses import replace

    preview(host, ready)
    wish, finished = ready.desk.preview.wish, []

    def note() -> None:
        if ready.desk.preview is not None and ready.desk.preview.finished:
            finished.append(ready.desk.preview.wish.asked["long_axis_mm"])

    def ask(size: float) -> None:
        ready.desk.ask(replace(wish, asked={"long_axis_mm": size}))

    ask(30.0)
    ready.desk.changed.connect(note)
    ask(22.0)
    settled(host, ready)
    host.process_events()
    ready.desk.changed.disconnect(note)
    assert finished[-1] == 22.0
    assert ready.desk.preview.patch.truth["long_axis_mm"] == pytest.approx(22, abs=3)


def test_a_lesion_is_tried_out_kept_and_undone(host, scene, ready, sample_volume):
    from PASTALib.mrml.segmentations import segment_keys

    ui, before = ready.ui, hu(sample_volume)
    preview(host, ready)
    made = ready.desk.nodes.volume
    assert made.GetName() == "SYNTHETIC Block"
    assert made.GetAttribute("PASTA.Synthetic") == "1"
    assert np.array_equal(hu(sample_volume), before)
    assert (hu(made) != before).sum() > 200
    assert ui.statusLabel.text.startswith("Liver cyst, ")
    assert rows(ready) == []
    ui.keepButton.click()
    assert not ui.keepButton.enabled
    row = rows(ready)[0]
    assert row[:3] == ["L1", "Liver cyst", "Liver"]
    assert row[3] == "18 mm"
    assert abs(int(row[4].split()[0]) - 18) <= 3
    assert set(segment_keys(ready.desk.nodes.lesions).values()) == {"liver_cyst"}
    assert set(segment_keys(ready.desk.nodes.organs).values()) == {"liver"}
    ui.undoButton.click()
    assert rows(ready) == []
    assert np.array_equal(hu(made), before)
    ui.redoButton.click()
    assert len(rows(ready)) == 1


def test_keys_take_back_and_do_again_while_the_module_is_open(host, ready, sample_volume):
    before, keys = hu(sample_volume), ready.keys
    preview(host, ready)
    ready.ui.keepButton.click()
    kept = hu(ready.desk.nodes.volume)
    ready.ui.diceButton.click()
    preview(host, ready)
    assert not np.array_equal(hu(ready.desk.nodes.volume), kept)
    keys["Ctrl+Z"].activated()  # first what is being tried out
    assert np.array_equal(hu(ready.desk.nodes.volume), kept)
    assert ready.ui.statusLabel.text == "Took back: Try a lesion out."
    keys["Ctrl+Z"].activated()
    assert np.array_equal(hu(ready.desk.nodes.volume), before)
    keys["Ctrl+Y"].activated()
    assert np.array_equal(hu(ready.desk.nodes.volume), kept)
    assert all(keys[key].enabled for key in keys)
    ready.exit()
    assert not any(keys[key].enabled for key in keys)
    ready.enter()


def test_a_turned_knob_changes_the_lesion_on_the_screen(host, ready, sample_volume):
    preview(host, ready)
    first = hu(ready.desk.nodes.volume)
    ready.ui.sizeSpinBox.value = 26.0
    ready.ui.sizeSpinBox.value = 24.0  # the newer one counts
    drawn(host, ready)
    assert ready.desk.preview.patch.truth["long_axis_mm"] == pytest.approx(24, abs=3)
    assert not np.array_equal(hu(ready.desk.nodes.volume), first)
    host.process_events()
    assert list(ready.worker.folder.iterdir()) == []
    ready.ui.discardButton.click()
    assert np.array_equal(hu(ready.desk.nodes.volume), hu(sample_volume))


def test_a_click_places_the_lesion_and_dragging_moves_it(host, scene, ready):
    import slicer
    import vtk

    ui = ready.ui
    ui.placeButton.click()
    interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    point = scene.GetFirstNodeByName("Lesion")
    point.AddControlPointWorld(vtk.vtkVector3d(-58.0, -60.0, 50.0), "")
    assert ready.place.ghost.shown  # before anything is computed
    host.process_events(lambda: ready.desk.preview is not None, PATIENCE_S)
    drawn(host, ready)
    truth = ready.desk.preview.patch.truth
    assert np.allclose(truth["center"], (58, 60, 50), atol=4)
    assert not ready.place.ghost.shown
    assert ui.placeSelector.currentText == "Where I clicked"
    point.SetNthControlPointPositionWorld(0, -64.0, -66.0, 44.0)
    assert ready.place.ghost.shown
    point.InvokeEvent(slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent)
    host.process_events(ready._still.isActive, 10)
    drawn(host, ready)
    assert np.allclose(ready.desk.preview.patch.truth["center"], (64, 66, 44), atol=4)
    choose(ui.placeSelector, "")
    assert "center" not in ready.form.asked
    assert scene.GetFirstNodeByName("Lesion") is None


def test_an_impossible_place_says_why_and_offers_the_nearest(host, scene, ready):
    import vtk

    ready.ui.placeButton.click()
    point = scene.GetFirstNodeByName("Lesion")
    point.AddControlPointWorld(vtk.vtkVector3d(-20.0, -60.0, 50.0), "")
    assert "lies in the liver; here is" in ready.ui.statusLabel.text
    host.process_events(lambda: not ready.ui.nearestButton.isHidden(), PATIENCE_S)
    assert "not in the liver" in ready.ui.statusLabel.text
    ready.ui.nearestButton.click()
    host.process_events(
        lambda: ready.desk.preview is not None and ready.desk.preview.finished, PATIENCE_S
    )
    center = ready.form.asked["center"]
    assert 28 <= center[0] <= 50
    place = [0.0, 0.0, 0.0]
    point.GetNthControlPointPositionWorld(0, place)
    assert np.allclose(place, (-center[0], -center[1], center[2]))


def test_kept_lesions_are_hidden_edited_ordered_and_deleted(host, ready, sample_volume):
    ui = ready.ui
    for kind, size in (("liver_cyst", 14.0), ("liver_tumor", 12.0)):
        choose(ui.typeSelector, kind)
        ui.sizeSpinBox.value = size
        preview(host, ready)
        ui.keepButton.click()
    ui.caseTable.selectRow(0)
    both = hu(ready.desk.nodes.volume)
    ui.hideButton.click()
    settled(host, ready)
    assert ui.hideButton.text == "Show"
    assert not np.array_equal(hu(ready.desk.nodes.volume), both)
    ui.hideButton.click()
    settled(host, ready)
    assert np.array_equal(hu(ready.desk.nodes.volume), both)
    ui.downButton.click()
    settled(host, ready)
    assert [row[0] for row in rows(ready)] == ["L2", "L1"]
    ui.caseTable.selectRow(1)
    ui.editButton.click()
    assert ready.form.type == "liver_cyst"
    ui.sizeSpinBox.value = 16.0
    drawn(host, ready)
    ui.keepButton.click()
    settled(host, ready)
    assert [row[:1] + row[3:4] for row in rows(ready)] == [["L2", "12 mm"], ["L1", "16 mm"]]
    for _ in range(2):
        ui.caseTable.selectRow(0)
        ui.deleteButton.click()
        settled(host, ready)
    assert rows(ready) == []
    assert np.array_equal(hu(ready.desk.nodes.volume), hu(sample_volume))


def test_with_and_without_difference_and_surfaces(host, scene, ready, sample_volume):
    import slicer

    slicer.util.setSliceViewerLayers(background=sample_volume)
    red = scene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    preview(host, ready)
    ui, made = ready.ui, ready.desk.nodes.volume
    assert red.GetBackgroundVolumeID() == made.GetID()
    ui.abButton.checked = True
    assert red.GetBackgroundVolumeID() == sample_volume.GetID()
    ui.abButton.checked = False
    assert red.GetBackgroundVolumeID() == made.GetID()
    ui.differenceButton.checked = True
    difference = scene.GetFirstNodeByName("SYNTHETIC difference")
    assert red.GetForegroundVolumeID() == difference.GetID()
    assert hu(difference).max() == np.abs(hu(made) - hu(sample_volume)).max()
    ui.differenceButton.checked = False
    assert scene.GetFirstNodeByName("SYNTHETIC difference") is None
    ui.show3DButton.checked = True
    lesions = ready.desk.nodes.lesions.GetSegmentation()
    assert lesions.ContainsRepresentation("Closed surface")
    ui.show3DButton.checked = False


def test_a_saved_scene_brings_case_and_choices_back(host, scene, ready, tmp_path):
    from PASTALib.mrml.bundle import save_scene

    preview(host, ready)
    ready.ui.keepButton.click()
    kept = hu(ready.desk.nodes.volume)
    choose(ready.ui.typeSelector, "liver_tumor")
    drawn(host, ready)
    preview(host, ready)
    assert not np.array_equal(hu(ready.desk.nodes.volume), kept)
    save_scene(scene, tmp_path / "case.mrb")  # with a preview, which is not kept
    scene.Clear(0)
    host.process_events()
    assert rows(ready) == []
    assert scene.ReadFromMRB(str(tmp_path / "case.mrb"))
    host.process_events()
    assert [row[:2] for row in rows(ready)] == [["L1", "Liver cyst"]]
    assert ready.form.type == "liver_tumor"
    host.process_events(lambda: np.array_equal(hu(ready.desk.nodes.volume), kept), PATIENCE_S)
    assert ready.desk.nodes.segment_ids() == ["L1"]
    preview(host, ready)
    ready.ui.keepButton.click()
    assert [row[0] for row in rows(ready)] == ["L1", "L2"]
    ready.ui.undoButton.click()
    assert np.array_equal(hu(ready.desk.nodes.volume), kept)


def test_an_oblique_left_handed_scan_gets_the_lesion_where_it_was_clicked(host, scene, generator):
    from gui.conftest import block
    from PASTALib.ct import Segmentation
    from PASTALib.mrml.segmentations import add_segmentation
    from PASTALib.mrml.volumes import add_volume, image_of

    ct, labels = block()
    turn = np.reshape(sitk.Euler3DTransform((0.0,) * 3, 0.3, -0.4, 0.5).GetMatrix(), (3, 3))
    for image in (ct, labels):
        image.SetDirection((turn @ np.diag([1.0, -1.0, 1.0])).ravel().tolist())
    none = sitk.Image(labels.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(labels)
    volume = add_volume(scene, ct, "Oblique")
    organs = add_segmentation(scene, Segmentation(labels, none, none), "Organs", volume=volume)
    generator.input.choose(volume, organs)
    choose(generator.ui.typeSelector, "liver_cyst")
    center = ct.TransformIndexToPhysicalPoint((30, 28, 20))
    generator.form.ask("center", list(center))
    generator.ui.sizeSpinBox.value = 16.0
    preview(host, generator)
    generator.ui.keepButton.click()
    made = image_of(generator.desk.nodes.volume)
    assert made[30, 28, 20] < ct[30, 28, 20] - 15
    assert np.allclose(made.GetDirection(), ct.GetDirection())
    x, y, z = generator.desk.nodes.lesions.GetSegmentCenterRAS("L1")
    assert np.allclose((-x, -y, z), center, atol=4)


def test_a_case_is_exported(host, ready, tmp_path):
    ui = ready.ui
    assert not ui.exportButton.enabled
    preview(host, ready)
    ui.keepButton.click()
    ui.exportFolder.directory = str(tmp_path)
    ui.niftiCheckBox.checked = True
    ui.exportButton.click()
    host.process_events(lambda: ui.exportStatus.text.startswith("Wrote"), PATIENCE_S)
    report = json.loads((tmp_path / "SYNTHETIC_Block/case/report.json").read_text())
    assert report["lesions"][0]["asked"]["long_axis_mm"] == 18.0
    assert report["lesions"][0]["truth"]["type"] == "liver_cyst"
    assert (tmp_path / "SYNTHETIC_Block/lesions.nii.gz").is_file()
    for name in ("niftiCheckBox", "caseCheckBox", "segNrrdCheckBox"):
        getattr(ui, name).checked = False
    ui.exportButton.click()
    assert ui.exportStatus.text == "Choose at least one kind of file."


def test_many_cases_are_made_in_the_background_stopped_and_resumed(host, ready, tmp_path):
    ui = ready.ui
    ui.manyFolder.directory = str(tmp_path)
    ui.countSpinBox.value = 3
    choose(ui.layoutSelector, "nnunet")
    ui.manyButton.click()
    assert ui.manyButton.text == "Cancel"
    records = tmp_path / "Block_liver_cyst/cases/records"
    host.process_events(lambda: any(records.glob("*.json")), PATIENCE_S)
    ui.manyButton.click()
    assert ui.manyStatus.text.startswith("Stopped.")
    made = len(list(records.glob("*.json")))
    assert made >= 1
    host.process_events(lambda: not ready.many.worker._talk or not ready.many.worker._talk.stopping)
    ui.manyButton.click()
    host.process_events(lambda: ui.manyButton.text == "Make them", PATIENCE_S)
    assert ui.manyStatus.text.startswith("3 cases"), ui.manyStatus.text
    assert (tmp_path / "Block_liver_cyst/cases/contact_sheet.png").is_file()
    assert ui.sheetLabel.pixmap.width() == 400
    ui.sheetButton.click()
    assert ready.many._window.visible
    assert len(list(tmp_path.glob("*/cases/Dataset501_PASTAGen/imagesTr/*.nii.gz"))) == 3


def test_the_model_that_is_chosen_in_the_module_pasta_is_tested(host, panel, ready, tmp_path):
    panel.ui.modelSelector.addItem("Mine", str(tmp_path / "mine"))
    choose(panel.ui.modelSelector, str(tmp_path / "mine"))
    preview(host, ready)
    ready.ui.keepButton.click()
    ready.ui.testButton.click()
    assert ready.ui.testLabel.text == "mine looks at the case"
    host.process_events(lambda: ready.ui.testButton.text == "Test the model", PATIENCE_S)
    assert str(tmp_path / "mine") in ready.ui.testLabel.text  # there is no such model


@pytest.mark.slow
def test_the_model_is_tested_on_the_case(host, scene, ready):
    preview(host, ready)
    ready.ui.keepButton.click()
    ready.ui.testButton.click()
    assert ready.ui.testButton.text == "Cancel"
    host.process_events(lambda: ready.ui.testButton.text == "Test the model", PATIENCE_S)
    lines = ready.ui.testLabel.text.splitlines()
    assert lines[0].startswith("L1: ")
    assert "missed" in lines[0] or "Dice" in lines[0]
    assert "by pasta-s; see the module PASTA" in lines[-1]
    assert scene.GetFirstNodeByName("SYNTHETIC Block report") is not None


def test_closing_the_scene_or_deleting_the_scan_ends_it_all(host, scene, ready, sample_volume):
    ready.ui.previewButton.click()
    scene.RemoveNode(sample_volume)
    host.process_events()
    assert ready.desk.bench is None
    assert not ready.ui.previewButton.enabled
    scene.Clear(0)
    host.process_events()
    assert rows(ready) == []
