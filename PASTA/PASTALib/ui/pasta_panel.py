"""The panel of the module PASTA: its sections, put together around one desk and one worker."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import qt
import slicer
import vtk

from PASTALib.errors import PastaError
from PASTALib.mrml.case import CaseNodes, add_findings, cases_in
from PASTALib.mrml.desk import Desk
from PASTALib.mrml.volumes import add_volume
from PASTALib.segments import segment_list
from PASTALib.synthetic import NODE_ATTRIBUTE
from PASTALib.ui.case_in_worker import CaseInWorker
from PASTALib.ui.correction_panel import CorrectionPanel
from PASTALib.ui.export_panel import ExportPanel
from PASTALib.ui.findings_panel import FindingsPanel
from PASTALib.ui.gesture_panel import GesturePanel
from PASTALib.ui.harden_button import HardenButton
from PASTALib.ui.input_panel import InputPanel
from PASTALib.ui.model_manager import ModelManager
from PASTALib.ui.packages import ensure_packages
from PASTALib.ui.parameters import parameters_of
from PASTALib.ui.report_panel import ReportPanel, open_in_browser
from PASTALib.ui.run_panel import RunPanel
from PASTALib.ui.shortcuts import Shortcuts
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.messages import take_image

SLICER_SAMPLES = ("CTLiver", "CTChest", "CTACardio")
TORSO = "Synthetic torso"
WARM_UP_MS = 1500
"""The worker is started so long after the panel was opened."""
WARM_IMPORTS = ("scipy.ndimage", "pydantic", "PASTALib.report", "PASTALib.impression",
                "PASTALib.report_changes", "PASTALib.study")  # fmt: skip
"""Imported while nobody waits: together they take 0.2 s."""


class PastaPanel:
    """Owns desk and worker, and hands them to the sections.

    Args:
        widget: of ``PASTA.ui``.
        logic: gives the parameter node of the present scene, and modules with the worker's jobs.
    """

    def __init__(self, widget: Any, logic: Any) -> None:
        self.widget = widget
        self.ui = slicer.util.childWidgetVariables(widget)
        self._parameter_node = logic.getParameterNode
        self._scene = slicer.mrmlScene
        widget.setMRMLScene(self._scene)
        self.parameters = parameters_of(logic.getParameterNode())
        self._gui_tag = self.parameters.connectGui(self.ui)
        self.worker = WorkerProcess(logic.jobs())
        self.case = CaseInWorker(self.worker)
        self.desk = Desk(self.case)
        ui, desk, say = self.ui, self.desk, self._say
        samples = {TORSO: self.load_torso}
        samples |= {f"{name} (download)": self._loader(name) for name in SLICER_SAMPLES}
        self.input = InputPanel(ui, samples)
        self.harden = HardenButton(ui, self._scene, self.worker, ensure_packages, self._tell)
        self.run = RunPanel(ui, self.parameters, self.input, self.case, ensure_packages)
        self.findings = FindingsPanel(ui, desk, self._scene, say)
        self.correction = CorrectionPanel(ui, desk, self._scene, say)
        self.gestures = GesturePanel(ui, desk, self._scene, say, self._prepare_outlining)
        self.report = ReportPanel(ui, desk, self.case, open_in_browser)
        self.export = ExportPanel(ui, desk, self.case, self.report.flush, open_in_browser)
        self.models = ModelManager(self.worker)
        self.shortcuts = Shortcuts(self.findings, self.gestures)
        self._observers: list[int] = []
        self._connect()
        self._models_changed()
        self.open_latest()

    def _connect(self) -> None:
        self.run.found.connect(self._found)
        self.findings.chosen.connect(self._chosen)
        self.findings.edit_wanted.connect(self._editing_wanted)
        self.findings.point_wanted.connect(self.gestures.begin)
        self.gestures.switched.connect(self._gestures_switched)
        self.gestures.made.connect(self.findings.choose_here)
        self.correction.chosen.connect(lambda finding_id: self.findings.table.choose([finding_id]))
        self.models.changed.connect(self._models_changed)
        self.ui.modelsButton.connect("clicked(bool)", lambda _checked: self.models.show())

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def removed(_caller: Any, _event: str, node: Any) -> None:
            self._node_removed(node)

        scene = slicer.vtkMRMLScene
        for event, slot in (
            (scene.StartCloseEvent, lambda *_: self.scene_closes()),
            (scene.EndCloseEvent, lambda *_: self.scene_changed()),
            (scene.EndImportEvent, lambda *_: self.scene_changed()),
            (scene.NodeAboutToBeRemovedEvent, removed),
            (scene.NodeAddedEvent, lambda *_: qt.QTimer.singleShot(0, self._node_added)),
        ):
            self._observers.append(self._scene.AddObserver(event, slot))

    # Life of the panel ---------------------------------------------------------------------------

    def enter(self) -> None:
        """The module is opened."""
        self.input.choose_shown(self._scene)
        self.shortcuts.enable(True)
        qt.QTimer.singleShot(WARM_UP_MS, self._warm_up)

    def exit(self) -> None:
        """Another module is opened; a run goes on."""
        self.shortcuts.enable(False)
        self.report.flush()
        self.gestures.stop()
        self.correction.leave()

    def cleanup(self) -> None:
        """The module is reloaded, or Slicer quits: nothing of it stays."""
        self.run.cancel()
        self.case.close()
        self.worker.close()
        self.correction.close()
        self.gestures.close()
        self.gestures.pen.close()
        self.findings.close()
        self.harden.close()
        self.shortcuts.remove()
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._observers.clear()
        self.parameters.disconnectGui(self._gui_tag)
        self.models.dialog.deleteLater()

    def scene_closes(self) -> None:
        """All nodes go: end what works on them."""
        self.run.cancel()
        self.correction.close()
        self.gestures.close()
        self.findings.close()
        self.harden.close()
        self.desk.put_away()
        for nodes in cases_in(self._scene):
            nodes.release()
        self.parameters.disconnectGui(self._gui_tag)

    def scene_changed(self) -> None:
        """Another scene is there, empty or loaded: take its choices and its case."""
        self.parameters.disconnectGui(self._gui_tag)
        self.parameters = parameters_of(self._parameter_node())
        self._gui_tag = self.parameters.connectGui(self.ui)
        self.run.use(self.parameters)
        self.open_latest()

    def open_latest(self) -> None:
        """Open the case that was made last, where the scene has one."""
        cases = cases_in(self._scene)
        if cases and self.desk.nodes not in cases:
            try:
                self.desk.take(cases[-1])
                self.input.choose(cases[-1].volume)
            except (PastaError, ImportError) as error:  # before the packages are installed
                self._say(f"The saved report cannot be opened: {error}")

    def _node_added(self) -> None:
        """A CT that is loaded while the module is open is the one to look at, if none is."""
        if self.shortcuts.enabled and not self._scene.IsBatchProcessing():
            self.input.choose_shown(self._scene)

    def _node_removed(self, node: Any) -> None:
        if any(node is used for used in self.run.running):
            self.run.cancel()
        nodes = self.desk.nodes
        if nodes is not None and any(node is one for one in vars(nodes).values()):
            self.correction.stop()
            self.gestures.close()
            self.desk.put_away()

    def _warm_up(self) -> None:
        from PASTALib.packages import missing_packages

        if self.shortcuts.enabled and not missing_packages():
            self.run.ask_devices()
            self._import_in_turn(list(WARM_IMPORTS))

    def _import_in_turn(self, names: list[str]) -> None:
        """Import what the first result needs, one module at each turn of the event loop."""
        if names:
            import_module(names.pop(0))
            qt.QTimer.singleShot(0, lambda: self._import_in_turn(names))

    # What sections tell each other ---------------------------------------------------------------

    def _say(self, sentence: str) -> None:
        self.run.said(sentence)

    def _tell(self, fraction: float, sentence: str) -> None:
        """How far something is that is no run."""
        self.ui.progressBar.value = round(100 * fraction)
        self._say(sentence)

    def _models_changed(self) -> None:
        self.run.show_models(self.models.choices())

    def _chosen(self, finding_id: str | None) -> None:
        self.report.look_at(finding_id)
        self.gestures.look_at(finding_id)
        if self.correction.editing is not None and finding_id != self.correction.editing:
            self.correction.edit(finding_id)

    def _editing_wanted(self, finding_id: str | None) -> None:
        if finding_id is not None:
            self.gestures.stop()
        self.correction.edit(finding_id)

    def _gestures_switched(self, on: bool) -> None:
        self.findings.clear_view(on)
        if on:
            self.correction.stop()

    def _prepare_outlining(self) -> None:
        if self.desk.nodes is not None and self.desk.report is not None:
            self.case.prepare(self.desk.nodes, self.desk.report)

    def _found(self, volume: Any, result: dict[str, Any]) -> None:
        from PASTALib.report import Report

        folder = self.worker.folder
        layers = [item and take_image(item, folder) for item in result["layers"]]
        listed = segment_list(layers, result["segments"])
        nodes = add_findings(volume, listed, Report.model_validate(result["report"]))
        self._open(nodes)
        found = len(self.desk.report.findings) if self.desk.report else 0
        self._say(f"Found {found} lesion{'' if found == 1 else 's'}.")

    def _open(self, nodes: CaseNodes) -> None:
        self.desk.take(nodes, fresh=True)
        self.case.adopt(nodes, self.desk.outlines())

    # Samples -------------------------------------------------------------------------------------

    def load_torso(self) -> None:
        """Make the synthetic torso in the worker and show it."""
        listener = Listener(
            lambda _fraction, message: self._say(message),
            self._torso_made,
            lambda failure: self._say(failure.sentence),
        )
        try:
            self.worker.request("torso", {"seed": 1, "spacing_mm": 2.0}, listener)
        except PastaError as error:
            self._say(str(error))

    def _torso_made(self, result: dict[str, Any]) -> None:
        take_image(result["organs"], self.worker.folder)
        image = take_image(result["image"], self.worker.folder)
        volume = add_volume(self._scene, image, result["name"])
        volume.SetAttribute(NODE_ATTRIBUTE, "1")
        self._show(volume)

    def _loader(self, name: str) -> Any:
        def load() -> None:
            self._say(f"Downloading {name}")
            try:
                volume = import_module("SampleData").downloadSample(name)
            except Exception as error:  # Slicer's module raises all kinds
                self._say(f"{name} could not be downloaded: {error}")
                return
            self._show(volume)

        return load

    def _show(self, volume: Any) -> None:
        self.input.choose(volume)
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        self._say(f"{volume.GetName()} is ready.")
