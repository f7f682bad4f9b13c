"""Before the first finding: samples, devices, what goes wrong on the way, and the room there is."""

from __future__ import annotations

import errno

import psutil
import pytest

from gui.conftest import inside_real_slicer
from gui.screenshots import SIZE

pytestmark = pytest.mark.slicer
PATIENCE_S = 120.0


def menu_of(button) -> dict:
    return {action.text: action for action in button.menu().actions()}


def test_the_torso_of_the_sample_button_is_made_shown_and_chosen(host, scene, panel):
    menu_of(panel.ui.sampleButton)["Synthetic torso"].trigger()
    host.process_events(lambda: panel.input.volume is not None, PATIENCE_S)
    assert panel.ui.statusLabel.text.endswith("is ready.")
    assert panel.ui.runButton.enabled
    composite = scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert composite.GetBackgroundVolumeID() == panel.input.volume.GetID()


def test_samples_of_slicer_come_through_its_module(host, scene, panel):
    from gui.conftest import block
    from PASTALib.mrml.volumes import add_volume

    if inside_real_slicer():
        pytest.skip("would download")
    host.samples["CTLiver"] = lambda: add_volume(scene, block()[0], "CTLiver")
    items = menu_of(panel.ui.sampleButton)
    assert {"CTLiver (download)", "CTChest (download)", "CTACardio (download)"} <= set(items)
    items["CTLiver (download)"].trigger()
    assert panel.input.volume.GetName() == "CTLiver"
    items["CTChest (download)"].trigger()
    assert panel.ui.statusLabel.text.startswith("CTChest could not be downloaded: ")
    assert panel.input.volume.GetName() == "CTLiver"


def test_devices_are_listed_with_the_memory_that_is_free(panel):
    panel.run.show_devices(
        [
            {"key": "cuda:0", "name": "Some GPU", "free_bytes": 9_900_000_000},
            {"key": "cpu", "name": "CPU, 8 threads", "free_bytes": None},
        ]
    )
    selector = panel.ui.deviceSelector
    texts = [selector.itemText(index) for index in range(selector.count)]
    assert texts == ["Automatic", "Some GPU, 9.9 GB free", "CPU, 8 threads"]


@pytest.mark.parametrize("kind", ["memory", "device"])
def test_where_the_gpu_fails_the_cpu_is_offered(panel, sample_volume, monkeypatch, kind):
    from PASTALib.ui.request import Request
    from PASTALib.worker.failures import Failure

    asked = []

    def fail_on_gpu(_volume, _organs, choices, listener):
        asked.append(choices["device"])
        request = Request(panel.worker, listener)
        if choices["device"] != "cpu":
            request.fail(Failure(kind, "The GPU cannot.", "log"))
        return request

    monkeypatch.setattr(panel.case, "analyze", fail_on_gpu)
    panel.parameters.device = "auto"
    panel.input.choose(sample_volume)
    panel.ui.runButton.click()
    assert panel.ui.statusLabel.text == "The GPU cannot."
    assert not panel.ui.cpuButton.isHidden()
    assert not panel.ui.detailsButton.isHidden()
    panel.ui.cpuButton.click()
    assert asked == ["auto", "cpu"]
    assert panel.ui.runButton.text == "Cancel"
    assert panel.ui.cpuButton.isHidden()
    panel.ui.runButton.click()
    assert panel.ui.statusLabel.text == "Cancelled."


def test_no_space_to_hand_the_ct_over_is_told(host, panel, sample_volume, monkeypatch):
    from PASTALib.ui import case_in_worker

    def full(_array, folder):
        yield
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))

    monkeypatch.setattr(case_in_worker, "array_in_steps", full)
    panel.input.choose(sample_volume)
    panel.ui.runButton.click()
    host.process_events(lambda: panel.ui.runButton.text != "Cancel", PATIENCE_S)
    assert "no space left in the temporary folder" in panel.ui.statusLabel.text
    assert panel.desk.nodes is None


def test_quitting_ends_a_run_and_its_worker(host, panel, sample_volume):
    if inside_real_slicer():
        pytest.skip("would end the tests")
    panel.input.choose(sample_volume)
    panel.ui.runButton.click()
    host.process_events(lambda: panel.worker.process_id, PATIENCE_S)
    pid, folder = panel.worker.process_id, panel.worker.folder
    host.window.select_module("")
    host._parts.modules.unload("PASTA")  # as Slicer does when it quits
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not folder.exists()


def test_everything_that_is_pressed_or_chosen_has_a_tool_tip(panel):
    kinds = ("QPushButton", "QToolButton", "QComboBox", "ctkMenuButton", "qMRMLNodeComboBox")
    ours = {n: w for n, w in vars(panel.ui).items() if n.endswith(("Button", "Selector", "Filter"))}
    widgets = {n: w for n, w in ours.items() if n[0].islower() and w.className() in kinds}
    assert len(widgets) > 20
    assert [name for name, widget in widgets.items() if not widget.toolTip] == []


def test_the_panel_needs_no_scrolling_at_1080p(host, panel, nodes):
    if inside_real_slicer():
        pytest.skip("the size of Slicer's window is the user's")
    from PySide6.QtWidgets import QScrollArea

    host.window.resize(*SIZE)
    host.window.show()
    host.process_events()
    bars = [area.verticalScrollBar() for area in host.window.findChildren(QScrollArea)]
    assert bars
    assert [bar.maximum() for bar in bars if bar.isVisible()] == []
