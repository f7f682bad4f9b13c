"""A run through the panel: findings, cancel, and every way in which it can be cut short."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from real_case import abdomen_with_a_cyst

pytestmark = [pytest.mark.slicer, pytest.mark.slow]
PATIENCE_S = 240.0
RUNNING = "Cancel"


@pytest.fixture
def real_volume(scene, shared_data):
    """A real abdomen with a lesion, 3 mm, in the scene."""
    from PASTALib.mrml.volumes import add_volume

    return add_volume(scene, abdomen_with_a_cyst(shared_data).image, "Abdomen")


def nodes_of(scene) -> set[str]:
    """Ids of what belongs to the user: not the parameter node of the module."""
    return {
        scene.GetNthNode(n).GetID()
        for n in range(scene.GetNumberOfNodes())
        if scene.GetNthNode(n).GetClassName() not in ("vtkMRMLScriptedModuleNode",)
    }


def begin(host, panel, volume) -> None:
    """Press Run, and wait until tiles are computed."""
    panel.input.choose(volume)
    panel.ui.runButton.click()
    assert panel.ui.runButton.text == RUNNING
    host.process_events(lambda: panel.ui.progressBar.value > 5, PATIENCE_S)


def wait_for_the_end(host, panel) -> None:
    host.process_events(lambda: panel.ui.runButton.text != RUNNING, PATIENCE_S)


def test_run_waits_for_a_volume_and_says_so(host, scene, panel):
    from PASTALib.mrml.volumes import add_volume
    from report_case import a_case

    assert not panel.ui.runButton.enabled
    assert panel.ui.runButton.toolTip == "Choose a CT volume first."
    volume = add_volume(scene, a_case()[0].image, "CT")
    host.process_events(lambda: panel.ui.runButton.enabled)
    assert panel.input.volume is volume


def test_two_runs_show_findings_and_leave_nothing_but_the_results(host, scene, panel, real_volume):
    from PASTALib.mrml.case import cases_in

    views = [scene.GetNthNodeByClass(n, "vtkMRMLSliceNode") for n in range(3)]
    before = [(view.GetSliceOffset(), view.GetFieldOfView()) for view in views]
    nodes = nodes_of(scene)
    added = []
    for _ in range(2):
        begin(host, panel, real_volume)
        assert "left" in panel.ui.statusLabel.text or "Tile" in panel.ui.statusLabel.text
        wait_for_the_end(host, panel)
        assert panel.ui.statusLabel.text.startswith("Found ")
        assert panel.ui.findingsTable.rowCount == len(panel.desk.report.findings) > 0
        assert panel.ui.impressionText.plainText.splitlines() == list(panel.desk.report.impression)
        now = nodes_of(scene)
        added.append(sorted(node.rstrip("0123456789_") for node in now - nodes))
        nodes = now
        assert list(panel.worker.folder.iterdir()) == []
    assert added[0] == added[1]
    assert len(cases_in(scene)) == 2
    assert [(view.GetSliceOffset(), view.GetFieldOfView()) for view in views] == before
    assert panel.worker.starts == 1
    folder = panel.worker.folder
    panel.worker.close()
    assert not folder.exists()


def test_two_volumes_in_turn_leak_neither_nodes_nor_folders_nor_memory(
    host, scene, panel, real_volume, shared_data
):
    from PASTALib.mrml.case import cases_in
    from PASTALib.mrml.volumes import add_volume
    from PASTALib.reading import read_ct

    heart = read_ct(shared_data("totalsegmentator/cta_heart/ct.nii.gz"))
    volumes = (real_volume, add_volume(scene, heart.image, "Heart"))
    nodes, added, used = nodes_of(scene), [], []
    for volume in volumes * 2:
        begin(host, panel, volume)
        wait_for_the_end(host, panel)
        assert panel.ui.statusLabel.text.startswith("Found ")
        assert panel.desk.nodes.volume.GetID() == volume.GetID()
        now = nodes_of(scene)
        added.append(sorted(node.rstrip("0123456789_") for node in now - nodes))
        nodes = now
        assert list(panel.worker.folder.iterdir()) == []
        used.append(psutil.Process(panel.worker.process_id).memory_info().rss)
    assert added[:2] == added[2:]
    assert len(cases_in(scene)) == 4
    assert panel.worker.starts == 1
    assert max(used[2:]) < 1.2 * max(used[:2])


def test_cancel_leaves_the_scene_as_it_was(host, scene, panel, real_volume):
    before = nodes_of(scene)
    begin(host, panel, real_volume)
    asked = time.monotonic()
    panel.ui.runButton.click()
    assert panel.ui.statusLabel.text == "Cancelled."
    assert time.monotonic() - asked < 1
    assert panel.ui.runButton.enabled
    host.process_events(lambda: not panel.worker._talk or not panel.worker._talk.stopping, 10)
    assert nodes_of(scene) == before
    assert panel.desk.nodes is None


def test_closing_the_scene_ends_the_run(host, scene, panel, real_volume):
    begin(host, panel, real_volume)
    scene.Clear(0)
    host.process_events()
    assert panel.ui.runButton.text != RUNNING
    assert not panel.ui.runButton.enabled
    host.process_events(lambda: not panel.worker._talk or not panel.worker._talk.stopping, 10)
    assert panel.desk.nodes is None
    assert panel.ui.findingsTable.rowCount == 0


def test_deleting_the_volume_ends_the_run(host, scene, panel, real_volume):
    begin(host, panel, real_volume)
    scene.RemoveNode(real_volume)
    assert panel.ui.statusLabel.text == "Cancelled."
    host.process_events(lambda: not panel.worker._talk or not panel.worker._talk.stopping, 10)
    assert panel.desk.nodes is None


def test_reloading_the_module_ends_run_and_worker(host, panel, real_volume):
    begin(host, panel, real_volume)
    pid, folder = panel.worker.process_id, panel.worker.folder
    host.load_module("PASTA")
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_worker_is_told_and_the_next_run_has_a_new_one(host, scene, panel, real_volume):
    before = nodes_of(scene)
    begin(host, panel, real_volume)
    os.kill(panel.worker.process_id, signal.SIGKILL)
    wait_for_the_end(host, panel)
    assert "memory ran out" in panel.ui.statusLabel.text
    assert nodes_of(scene) == before
    begin(host, panel, real_volume)
    assert panel.worker.starts == 2
    panel.ui.runButton.click()


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="needs limits of file size")
def test_no_space_for_the_result_is_told_with_details(host, scene, panel, real_volume):
    import qt

    before = nodes_of(scene)
    begin(host, panel, real_volume)
    psutil.Process(panel.worker.process_id).rlimit(psutil.RLIMIT_FSIZE, (20_000, 20_000))
    wait_for_the_end(host, panel)
    assert "no space left" in panel.ui.statusLabel.text
    assert panel.ui.cpuButton.isHidden()
    assert nodes_of(scene) == before
    host.dialogs.answer(qt.QMessageBox.Ok)
    panel.ui.detailsButton.click()
    assert "no space left" in host.dialogs.texts()[0]


def test_what_is_no_ct_is_told_in_one_sentence(host, scene, panel):
    from PASTALib.mrml.volumes import add_volume
    from report_case import a_case

    panel.input.choose(add_volume(scene, a_case()[1].organs, "Labels"))
    panel.ui.runButton.click()
    wait_for_the_end(host, panel)
    assert "'Labels'" in panel.ui.statusLabel.text
    assert panel.ui.cpuButton.isHidden()


def test_organs_of_a_segmentation_are_used(host, scene, panel, real_volume, shared_data):
    from PASTALib.mrml.segmentations import segment_keys
    from scene_case import add_painted_case

    painted = add_painted_case(scene)
    panel.ui.organsSelector.setCurrentNode(painted.organs)
    panel.input.choose(painted.volume)
    panel.ui.runButton.click()
    wait_for_the_end(host, panel)
    assert panel.ui.statusLabel.text.startswith("Found ")
    assert set(segment_keys(panel.desk.nodes.organs)) == set(segment_keys(painted.organs))


def test_organs_on_another_grid_are_brought_over_by_the_worker(host, scene, panel, monkeypatch):
    import SimpleITK as sitk

    from PASTALib.ct import Segmentation
    from PASTALib.mrml.segmentations import add_segmentation, segment_keys
    from PASTALib.mrml.volumes import add_volume
    from report_case import a_case

    ct, segmentation = a_case()
    coarse = sitk.Shrink(segmentation.organs, [2, 2, 2])
    none = sitk.Image(coarse.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(coarse)
    organs = add_segmentation(scene, Segmentation(coarse, none, none), "Coarse")
    panel.ui.organsSelector.setCurrentNode(organs)
    panel.input.choose(add_volume(scene, ct.image, "CT"))
    before, said = nodes_of(scene), []
    told = panel.run._progress

    def note(fraction: float, message: str) -> None:
        said.append(message)
        told(fraction, message)

    monkeypatch.setattr(panel.run, "_progress", note)
    panel.ui.runButton.click()
    host.process_events(lambda: any("organs" in text for text in said), PATIENCE_S)
    panel.ui.runButton.click()
    assert panel.ui.statusLabel.text == "Cancelled."
    assert nodes_of(scene) == before
    panel.ui.runButton.click()
    wait_for_the_end(host, panel)
    assert any(text.startswith("Bringing the organs onto the grid") for text in said)
    assert panel.ui.statusLabel.text.startswith("Found ")
    assert set(segment_keys(panel.desk.nodes.organs)) == set(segment_keys(organs))
    assert list(panel.worker.folder.iterdir()) == []


def test_nothing_is_installed_without_a_yes(host, panel, sample_volume, monkeypatch):
    from PASTALib.packages import TORCH
    from PASTALib.ui import packages

    monkeypatch.setattr(packages, "missing_packages", lambda: (str(TORCH), "safetensors>=0.4"))
    monkeypatch.setattr(
        packages, "is_installed", lambda item: item.name not in ("torch", "safetensors")
    )
    host.dialogs.answer(False)
    panel.input.choose(sample_volume)
    panel.ui.runButton.click()
    question = host.dialogs.texts("confirm")[0]
    assert "safetensors" in question
    assert "download.pytorch.org" in question
    assert "GB" in question
    assert "Nothing was installed" in panel.ui.statusLabel.text
    assert host.installations.installed == []
    assert panel.worker.starts == 0


def test_a_bent_scan_is_not_run_until_it_is_hardened(host, scene, panel, sample_volume):
    from gui.making import bend

    ui = panel.ui
    ui.inputSelector.setCurrentNode(sample_volume)
    assert ui.hardenButton.isHidden()
    bend(scene, sample_volume)
    assert not ui.hardenButton.isHidden()
    ui.runButton.click()
    host.process_events(lambda: "Harden" in ui.statusLabel.text, PATIENCE_S)
    ui.hardenButton.click()
    assert ui.hardenButton.text == "Cancel"
    host.process_events(lambda: ui.hardenButton.text == "Harden", PATIENCE_S)
    assert ui.inputSelector.currentNode().GetName() == "Block hardened"
    assert ui.hardenButton.isHidden()
    assert list(panel.worker.folder.iterdir()) == []


@pytest.mark.parametrize("way", ["the button", "another volume", "a closed scene", "SIGKILL"])
def test_hardening_that_is_cut_short_leaves_the_scene_as_it_was(host, scene, panel, way):
    from gui.making import bend
    from PASTALib.mrml.volumes import add_volume
    from report_case import a_case

    ui = panel.ui
    other, volume = (add_volume(scene, a_case()[0].image, name) for name in ("Other", "CT"))
    ui.inputSelector.setCurrentNode(volume)
    bend(scene, volume)
    before = nodes_of(scene)
    ui.hardenButton.click()
    host.process_events(lambda: panel.worker.process_id, PATIENCE_S)
    if way == "the button":
        ui.hardenButton.click()
    elif way == "another volume":
        ui.inputSelector.setCurrentNode(other)
    elif way == "a closed scene":
        scene.Clear(0)
        before = nodes_of(scene)
    else:
        os.kill(panel.worker.process_id, signal.SIGKILL)
        host.process_events(lambda: ui.hardenButton.text == "Harden", PATIENCE_S)
        assert "memory ran out" in ui.statusLabel.text
    assert ui.hardenButton.text == "Harden"
    host.process_events(lambda: not panel.worker._talk or not panel.worker._talk.stopping, 10)
    assert nodes_of(scene) == before


def test_a_worker_that_ends_while_a_scan_is_sent_is_named_as_the_cause(host, panel):
    from PASTALib.ui.request import Request
    from PASTALib.worker.conversation import Listener

    def endless():
        (panel.worker.folder / "part").touch()  # starts it
        while True:
            yield

    failures, sent = [], []
    request = Request(panel.worker, Listener(failed=failures.append))
    request.send(endless(), sent.append)
    host.process_events(lambda: panel.worker.process_id, PATIENCE_S)
    os.kill(panel.worker.process_id, signal.SIGKILL)
    host.process_events(lambda: failures, PATIENCE_S)
    assert ["memory ran out" in failure.sentence for failure in failures] == [True]
    assert not sent
    assert panel.worker.folder.is_dir(), "the next one starts anew"
