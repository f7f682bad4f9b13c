"""The panel of the module PASTAGen: its sections, put together around one desk and one worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import qt
import slicer
import vtk

from PASTAGenLib.choices import drawn_values
from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.mrml.bench_nodes import benches_in
from PASTAGenLib.mrml.engines import Wish
from PASTAGenLib.ui.bench_in_worker import WorkerEngine
from PASTAGenLib.ui.case_panel import CasePanel
from PASTAGenLib.ui.export_panel import BenchExportPanel
from PASTAGenLib.ui.input_panel import BenchInputPanel
from PASTAGenLib.ui.lesion_form import LesionForm
from PASTAGenLib.ui.many_panel import ManyPanel
from PASTAGenLib.ui.model_test import ModelTest
from PASTAGenLib.ui.parameters import parameters_of
from PASTAGenLib.ui.place_panel import PlacePanel
from PASTAGenLib.ui.preview_panel import PreviewPanel
from PASTALib.errors import PastaError
from PASTALib.mrml.segmentations import release_voxels
from PASTALib.mrml.views import jump_to
from PASTALib.mrml.volumes import ras_of
from PASTALib.ui.case_in_worker import CaseInWorker
from PASTALib.ui.keys import Keys
from PASTALib.ui.packages import ensure_packages
from PASTALib.ui.parameters import run_choices_in
from PASTALib.ui.worker_process import WorkerProcess

SETTLE_MS = 150
"""A knob that is turned tells of many values; the lesion follows when it has been still so long."""


class GeneratorPanel:
    """Owns desk and worker, and hands them to the sections.

    Args:
        widget: of ``PASTAGen.ui``.
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
        self.engine = WorkerEngine(self.worker)
        self.desk = BenchDesk(self.engine)
        ui, desk, say, scene = self.ui, self.desk, self._say, self._scene
        case = CaseInWorker(self.worker)
        chosen = partial(run_choices_in, scene)
        self.input = BenchInputPanel(
            ui, scene, self.engine, lambda: chosen()["device"], ensure_packages, self._progress
        )
        self.form = LesionForm(ui, self.parameters)
        self.place = PlacePanel(ui, self.form, desk, scene, self.open, say)
        self.preview = PreviewPanel(ui, desk, scene, say)
        self.case = CasePanel(ui, desk, scene, say)
        self.export = BenchExportPanel(ui, desk, self.engine)
        self.test = ModelTest(ui, desk, case, chosen, ensure_packages, self._progress)
        self.many = ManyPanel(ui, self.form, desk, self.open)
        self.keys = Keys({"Ctrl+Z": self.preview.undo, "Ctrl+Y": self.preview.redo})
        self._still = qt.QTimer()
        self._still.setSingleShot(True)
        self._still.setInterval(SETTLE_MS)
        self._still.connect("timeout()", self.show)
        self._shown: Any = None
        self._known_places: Any = None
        self._observers: list[int] = []
        self._connect()
        self.resume_latest()
        self.refresh()

    def _connect(self) -> None:
        ui, desk = self.ui, self.desk
        self.input.changed.connect(self._scan_chosen)
        self.form.changed.connect(self._wanted)
        self.form.told.connect(self._say)
        self.place.changed.connect(self._wanted)
        self.case.edited.connect(self._edited)
        ui.previewButton.connect("clicked(bool)", lambda _checked: self.show())
        ui.diceButton.connect("clicked(bool)", lambda _checked: self._still.start())
        ui.typeSelector.connect("activated(int)", lambda _index: self._type_chosen())
        desk.changed.connect(self.refresh)
        desk.failed.connect(self._failed)
        scene = slicer.vtkMRMLScene

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def removed(_caller: Any, _event: str, node: Any) -> None:
            self._node_removed(node)

        for event, slot in (
            (scene.StartCloseEvent, lambda *_: self.scene_closes()),
            (scene.EndCloseEvent, lambda *_: self.scene_changed()),
            (scene.EndImportEvent, lambda *_: self.scene_changed()),
            (scene.NodeAboutToBeRemovedEvent, removed),
        ):
            self._observers.append(self._scene.AddObserver(event, slot))

    # Life of the panel ---------------------------------------------------------------------------

    def enter(self) -> None:
        """The module is opened."""
        self.keys.enable(True)

    def exit(self) -> None:
        """Another module is opened: a click or a key there must not do anything here."""
        self.keys.enable(False)
        self.place.drop_point()

    def cleanup(self) -> None:
        """The module is reloaded, or Slicer quits: nothing of it stays."""
        self._still.stop()
        self.desk.put_away()
        self.worker.close()
        self.many.close()
        self.place.close()
        self.keys.remove()
        self.input.harden.close()
        for tag in self._observers:
            self._scene.RemoveObserver(tag)
        self._observers.clear()
        self.parameters.disconnectGui(self._gui_tag)

    def scene_closes(self) -> None:
        """All nodes go: end what works on them."""
        self._still.stop()
        self.input.cancel()
        self.test.cancel()
        self.many.cancel()
        self.desk.forget()
        for nodes in benches_in(self._scene):
            release_voxels(nodes.organs)
        self.place.close()
        self.parameters.disconnectGui(self._gui_tag)

    def scene_changed(self) -> None:
        """Another scene is there, empty or loaded: take its choices and its case."""
        self.parameters.disconnectGui(self._gui_tag)
        self.parameters = parameters_of(self._parameter_node())
        self._gui_tag = self.parameters.connectGui(self.ui)
        self.form.use(self.parameters)
        self.place.refresh()
        self.resume_latest()

    def resume_latest(self) -> None:
        """Go on with the case that was made last, where the scene has one."""
        benches = benches_in(self._scene)
        if not benches or self.desk.nodes is not None:
            return
        nodes = benches[-1]
        try:
            self.input.choose(nodes.original, nodes.given)
            self.desk.take(nodes.original, nodes.given, nodes)
        except (PastaError, ImportError, ValueError, KeyError) as error:
            self._say(f"The saved case cannot be opened: {error}")

    def _node_removed(self, node: Any) -> None:
        nodes, bench = self.desk.nodes, self.desk.bench
        used = [bench.volume, bench.organs] if bench is not None else []
        used += list(vars(nodes).values()) if nodes is not None else []
        if any(node is one for one in used):
            self.desk.forget()

    # What sections tell each other ---------------------------------------------------------------

    def open(self) -> bool:
        """Take the chosen scan, unless it is taken already; says why where it cannot be."""
        reason = self.input.why_not()
        if reason:
            self._say(reason)
            return False
        volume, organs, bench = self.input.volume, self.input.organs, self.desk.bench
        if bench is not None and bench.volume is volume and bench.organs is organs:
            return True
        return self._try(ensure_packages) and self._try(lambda: self.desk.take(volume, organs))

    def show(self) -> None:
        """Try the lesion of the form out."""
        self._still.stop()
        if self.open():
            self._say("Drawing the lesion")
            self._try(lambda: self.desk.ask(self.form.wish()))

    def _wanted(self) -> None:
        """The form changed: the lesion on the screen follows."""
        if self.desk.preview is not None or "center" in self.form.asked:
            self._still.start()

    def _type_chosen(self) -> None:
        self.place.drop_point()
        self.place.refresh()

    def _edited(self, wish: Wish) -> None:
        self.form.take(wish)
        self.place.refresh()

    def _scan_chosen(self) -> None:
        bench = self.desk.bench
        if bench is not None and bench.volume is not self.input.volume:
            self.desk.put_away()
            self.place.drop_point()
            self.form.ask("center", None)  # it was a place of the other scan
            self.place.refresh()
        self.refresh()

    def refresh(self) -> None:
        """Bring the panel up to date with the desk."""
        ui, desk, preview = self.ui, self.desk, self.desk.preview
        reason = self.input.why_not()
        ui.previewButton.enabled = ui.placeButton.enabled = not reason
        ui.previewButton.toolTip = reason or "Show the lesion in a copy of the CT."
        self._show_busy(desk.busy)
        if desk.places is not self._known_places:
            self._known_places = desk.places
            self.place.refresh()
        if preview is None or preview.patch is None or preview.patch is self._shown:
            return
        self._shown = preview.patch
        plan, truth = preview.patch.plan, preview.patch.truth
        if "center" in preview.wish.asked and not self._still.isActive():
            self.form.take(preview.wish)  # perhaps the nearest possible place
        self.form.show_drawn(drawn_values(plan, truth))
        self.place.refresh()
        self.place.follow(preview.wish.asked)
        if "center" not in preview.wish.asked:
            jump_to(self._scene, ras_of(plan.blob.center))
        if truth:
            self._say(sentence(truth))

    def _failed(self, reason: str) -> None:
        self._say(reason)
        self.place.offer_nearest()

    def _try(self, action: Callable[[], Any]) -> bool:
        try:
            action()
        except PastaError as error:
            self._say(str(error))
            return False
        return True

    def _show_busy(self, busy: bool) -> None:
        self.ui.progressBar.setRange(0, 0 if busy else 100)
        self.ui.progressBar.visible = busy

    def _progress(self, fraction: float, message: str) -> None:
        self.ui.progressBar.setRange(0, 100)
        self.ui.progressBar.value = round(100 * fraction)
        self.ui.progressBar.visible = 0 < fraction < 1
        if message:
            self._say(message)

    def _say(self, text: str) -> None:
        self.ui.statusLabel.text = text


def sentence(truth: dict[str, Any]) -> str:
    """What the lesion on the screen is, as measured."""
    from PASTALib.catalog import catalog

    known = catalog()
    name = known.lesion_types[truth["type"]].name
    place = known.structures[truth["structure"]].name.lower()
    return (
        f"{name}, {truth['long_axis_mm']:.0f} mm, in the {place}: {truth['core_hu']:.0f} HU within "
        f"its edge, organ {truth['organ_hu']:.0f} HU."
    )
