"""Make many: the settings as a recipe, made in the background by a worker of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from PASTAGenLib.choices import recipe_entry
from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.positions import position_of
from PASTAGenLib.production.jobs import recipe_for
from PASTAGenLib.ui.lesion_form import LesionForm
from PASTALib.errors import PastaError
from PASTALib.mrml.dicom_facts import patient_position
from PASTALib.mrml.volumes import grid_of, voxels_of_volume
from PASTALib.naming import file_name
from PASTALib.ui.request import Request, guarded
from PASTALib.ui.run_panel import time_left
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure
from PASTALib.worker.messages import array_in_steps, image_reference, put_image

JOBS = "PASTAGenLib.production.jobs"
LAYOUTS = {"pastagen": "PASTA-Gen-30K", "nnunet": "nnU-Net", "monai": "MONAI"}
USUAL_COUNT = 10
SHEET_PIXELS = 400
"""Width of the contact sheet in the panel; the button shows it as large as it is."""


class ManyPanel:
    """Binds the section Make many. One production at a time; previews go on beside it.

    Args:
        ui: the widgets.
        form: what is made.
        desk: has the scan.
        ready: sees to it that the scan is open; false if it cannot be.
    """

    def __init__(
        self, ui: Any, form: LesionForm, desk: BenchDesk, ready: Callable[[], bool]
    ) -> None:
        self.worker = WorkerProcess([JOBS])
        self._ui, self._form, self._desk, self._ready = ui, form, desk, ready
        self._request: Request | None = None
        self._sheet: Path | None = None
        self._window: Any = None
        self._started = 0.0
        for key, title in LAYOUTS.items():
            ui.layoutSelector.addItem(title, key)
        ui.countSpinBox.value = USUAL_COUNT
        ui.manyButton.connect("clicked(bool)", lambda _checked: self._press())
        ui.sheetButton.connect("clicked(bool)", lambda _checked: self.show_sheet())
        self.refresh()

    def refresh(self) -> None:
        """Bring the buttons up to date."""
        self._ui.manyButton.text = "Cancel" if self._request is not None else "Make them"
        self._ui.sheetButton.enabled = self._sheet is not None

    @property
    def folder(self) -> Path:
        """Where cases of this scan and type go."""
        assert self._desk.bench is not None
        name = f"{self._desk.bench.volume.GetName()} {self._form.type}"
        return Path(self._ui.manyFolder.directory) / file_name(name)

    def recipe(self) -> dict[str, Any]:
        """The present settings as a recipe. A clicked place is left out: it is one lesion's."""
        wish, ui = self._form.wish(), self._ui
        entry = recipe_entry(wish.type, wish.asked, int(ui.countSpinBox.value))
        layout = ui.layoutSelector.itemData(ui.layoutSelector.currentIndex)
        assert self._desk.bench is not None
        position = position_of(patient_position(self._desk.bench.volume))
        return recipe_for(entry, layout, wish.seed, position)

    def cancel(self) -> None:
        """Stop; what is finished stays, and the same settings go on with it."""
        if self._request is not None:
            self._request.cancel()

    def close(self) -> None:
        """The panel goes."""
        self.cancel()
        self.worker.close()
        if self._window is not None:
            self._window.deleteLater()

    def _press(self) -> None:
        if self._request is not None:
            self.cancel()
        elif self._ready():
            self._start()

    def _start(self) -> None:
        bench = self._desk.bench
        assert bench is not None
        listener = Listener(
            self._progress,
            self._done,
            self._failed,
            lambda: self._end("Stopped. Finished cases are kept; press again to go on."),
        )
        recipe, folder = self.recipe(), self.folder
        try:
            place = self.worker.folder
        except PastaError as error:
            self._end(str(error))
            return
        request = self._request = Request(self.worker, listener)

        def ask(name: str) -> None:
            arguments = {
                "image": image_reference(name, grid_of(bench.volume)),
                "organs": put_image(bench.labels, place),
                "recipe": recipe,
                "folder": str(folder),
            }
            request.ask("many", arguments)

        self._started = time.monotonic()
        self._progress(0.0, "Starting")
        guarded(
            request,
            lambda: request.send(array_in_steps(voxels_of_volume(bench.volume), place), ask),
        )
        self.refresh()

    def _progress(self, fraction: float, message: str) -> None:
        left = time_left(fraction, time.monotonic() - self._started)
        self._ui.manyProgress.value = round(100 * fraction)
        self._ui.manyStatus.text = f"{message}; {left}" if left else message

    def _done(self, result: dict[str, Any]) -> None:
        self._sheet = Path(result["sheet"])
        failed = f", {result['failed']} found no place" if result["failed"] else ""
        self._end(f"{result['done']} cases{failed}; see {result['folder']}.")
        self._ui.manyProgress.value = 100
        small = qt.QPixmap(str(self._sheet)).scaledToWidth(SHEET_PIXELS, qt.Qt.SmoothTransformation)
        self._ui.sheetLabel.setPixmap(small)

    def _failed(self, failure: Failure) -> None:
        self._end(failure.sentence)

    def _end(self, sentence: str) -> None:
        self._request = None
        self._ui.manyProgress.value = 0
        self._ui.manyStatus.text = sentence
        self.refresh()

    def show_sheet(self) -> None:
        """Show small pictures of what was made; Slicer goes on beside it."""
        if self._sheet is None:
            return
        if self._window is None:
            self._window = qt.QLabel()
            self._window.setWindowTitle("PASTAGen")
        self._window.setPixmap(qt.QPixmap(str(self._sheet)))
        self._window.show()
