"""Export: the report and the segmentation as files, and corrections as a case to train with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt

from PASTALib.mrml.desk import Desk
from PASTALib.naming import file_name
from PASTALib.ui.case_in_worker import CaseInWorker
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure

FORMATS = {
    "json": "jsonCheckBox",
    "html": "htmlCheckBox",
    "pdf": "pdfCheckBox",
    "csv": "csvCheckBox",
    "nifti": "niftiCheckBox",
    "seg.nrrd": "segNrrdCheckBox",
}
"""Format and its check box."""


class ExportPanel:
    """Binds the section Export.

    Args:
        ui: the widgets.
        desk: what is exported.
        case: writes it, in the worker.
        flush: takes over what is being typed.
        open_folder: opens a folder for the user.
    """

    def __init__(
        self,
        ui: Any,
        desk: Desk,
        case: CaseInWorker,
        flush: Callable[[], None],
        open_folder: Callable[[Path], None],
    ) -> None:
        self._ui, self._desk, self._case, self._flush = ui, desk, case, flush
        ui.exportButton.connect("clicked(bool)", lambda _checked: self.export())
        ui.correctionsButton.connect("clicked(bool)", lambda _checked: self.corrections())
        ui.openFolderButton.connect("clicked(bool)", lambda _checked: open_folder(self.folder))
        ui.exportSection.collapsed = True
        if not ui.exportFolder.directory:
            place = qt.QStandardPaths.writableLocation(qt.QStandardPaths.DocumentsLocation)
            ui.exportFolder.directory = str(place)
        desk.changed.connect(self.refresh)
        self.refresh()

    @property
    def folder(self) -> Path:
        """The folder to write to."""
        return Path(self._ui.exportFolder.directory)

    def refresh(self) -> None:
        """Bring the buttons up to date with the desk."""
        ready = self._desk.nodes is not None
        self._ui.exportButton.enabled = self._ui.correctionsButton.enabled = ready

    def export(self) -> None:
        """Write the chosen files into a folder with the name of the case."""
        self._flush()
        desk = self._desk
        formats = [key for key, name in FORMATS.items() if getattr(self._ui, name).checked]
        if desk.nodes is None or desk.report is None:
            return
        if not formats:
            self._say("Choose at least one kind of file.")
            return
        folder = self.folder / file_name(desk.report.study)
        self._say("Writing")
        listener = Listener(
            lambda _fraction, message: self._say(message),
            lambda result: self._say(f"Wrote {len(result['files'])} files to {folder}."),
            self._failed,
        )
        self._case.export(desk.nodes, desk.report, desk.outlines(), folder, formats, listener)

    def corrections(self) -> None:
        """Write the case for training."""
        self._flush()
        desk = self._desk
        if desk.nodes is None or desk.report is None:
            return
        self._say("Writing")
        listener = Listener(
            done=lambda result: self._say(f"Wrote the case to {result['folder']}."),
            failed=self._failed,
        )
        self._case.corrections(
            desk.nodes, desk.report, desk.outlines(), desk.seconds, self.folder, listener
        )

    def _failed(self, failure: Failure) -> None:
        self._say(failure.sentence)

    def _say(self, sentence: str) -> None:
        self._ui.exportStatus.text = sentence
