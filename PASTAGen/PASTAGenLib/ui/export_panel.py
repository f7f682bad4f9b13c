"""Export of a case that was made, and the test of the model on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt

from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.ui.bench_in_worker import WorkerEngine
from PASTALib.worker.conversation import Listener

FORMATS = {
    "case": "caseCheckBox",
    "nifti": "niftiCheckBox",
    "seg.nrrd": "segNrrdCheckBox",
    "nnunet": "nnunetCheckBox",
    "pastagen": "pastagenCheckBox",
    "dicom": "dicomCheckBox",
}
"""Format and its check box."""


class BenchExportPanel:
    """Binds the section Export.

    Args:
        ui: the widgets.
        desk: what is exported.
        engine: writes it, in the worker.
    """

    def __init__(self, ui: Any, desk: BenchDesk, engine: WorkerEngine) -> None:
        self._ui, self._desk, self._engine = ui, desk, engine
        ui.exportButton.connect("clicked(bool)", lambda _checked: self.export())
        ui.exportSection.collapsed = ui.manySection.collapsed = True
        for folder in (ui.exportFolder, ui.manyFolder):
            if not folder.directory:
                place = qt.QStandardPaths.writableLocation(qt.QStandardPaths.DocumentsLocation)
                folder.directory = str(place)
        desk.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Bring the button up to date with the desk."""
        self._ui.exportButton.enabled = any(kept.shown for kept in self._desk.lesions)

    def export(self) -> None:
        """Write the chosen files into a folder with the name of the case."""
        desk = self._desk
        formats = [key for key, name in FORMATS.items() if getattr(self._ui, name).checked]
        if desk.bench is None or desk.nodes is None:
            return
        if not formats:
            self._say("Choose at least one kind of file.")
            return
        folder = Path(self._ui.exportFolder.directory)
        lesions = [(kept.patch.plan, kept.wish) for kept in desk.lesions if kept.shown]
        self._say("Writing")
        listener = Listener(
            lambda _fraction, message: self._say(message),
            lambda result: self._say(f"Wrote {len(result['files'])} items to {folder}."),
            lambda failure: self._say(failure.sentence),
        )
        name = desk.nodes.volume.GetName()
        self._engine.export(desk.bench, name, lesions, folder, formats, listener)

    def _say(self, sentence: str) -> None:
        self._ui.exportStatus.text = sentence
