"""The dialog of models: what there is, import, check, delete, another place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer

from PASTALib.errors import PastaError
from PASTALib.model_library import Entry, ModelLibrary, default_folder
from PASTALib.signals import Signal
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure

FOLDER_SETTING = "PASTA/ModelsFolder"


def chosen_folder() -> Path:
    """The folder of models that the user chose."""
    return Path(qt.QSettings().value(FOLDER_SETTING, "") or default_folder())


class ModelManager:
    """Lists models in a dialog. Copying and checking large files is left to the worker.

    Attributes:
        changed: emitted when models were added or deleted, or the folder was changed.
    """

    def __init__(self, worker: WorkerProcess) -> None:
        self.changed = Signal()
        self._worker = worker
        self._entries: list[Entry] = []
        self._build()

    @property
    def library(self) -> ModelLibrary:
        """The models in the chosen folder."""
        return ModelLibrary(chosen_folder())

    def _build(self) -> None:
        self.dialog = qt.QDialog()
        self.dialog.setWindowTitle("Models of PASTA")
        self.dialog.resize(620, 320)
        box = qt.QVBoxLayout(self.dialog)
        self.folder_label = qt.QLabel()
        box.addWidget(self.folder_label)
        self.table = qt.QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["Model", ""])
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().setVisible(False)
        self.table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        self.table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        box.addWidget(self.table)
        self.status = qt.QLabel()
        self.status.setWordWrap(True)
        box.addWidget(self.status)
        row = qt.QHBoxLayout()
        box.addLayout(row)
        self.buttons: dict[str, Any] = {}
        for title, action in (
            ("Import folder...", self.add_folder),
            ("Import file...", self.add_file),
            ("Check", self.verify),
            ("Delete", self.delete),
            ("Other folder...", self.choose_folder),
            ("Close", self.dialog.accept),
        ):
            button = qt.QPushButton(title)
            button.connect("clicked()", action)
            row.addWidget(button)
            self.buttons[title] = button

    def show(self) -> None:
        """Open the dialog; Slicer goes on beside it."""
        self.refresh()
        self.dialog.show()

    def refresh(self) -> None:
        """List what there is."""
        self._entries = self.library.entries()
        self.folder_label.text = f"Bundled, and in {self.library.folder}:"
        self.table.setRowCount(len(self._entries))
        for row, entry in enumerate(self._entries):
            name = f"{entry.name} (bundled)" if entry.bundled else entry.name
            for column, text in enumerate((name, entry.note)):
                self.table.setItem(row, column, qt.QTableWidgetItem(text))
        self.table.resizeColumnToContents(0)
        self.changed.emit()

    def choices(self) -> list[tuple[str, str]]:
        """Usable models for a selector: place and name."""
        return [(entry.place, entry.name) for entry in self.library.entries() if entry.usable]

    def add_folder(self) -> None:
        """Import a model folder: PASTA's own, or one that nnU-Net v2 trained."""
        self._add(
            qt.QFileDialog.getExistingDirectory(
                self.dialog, "Folder of a model (model.json, or plans.json of nnU-Net)"
            )
        )

    def add_file(self) -> None:
        """Import a file of PASTA's published weights, to start fine-tuning from."""
        self._add(
            qt.QFileDialog.getOpenFileName(
                self.dialog, "Weights of PASTA", "", "Weights (*.pth model.json)"
            )
        )

    def _add(self, source: str) -> None:
        if source:
            self._ask(
                "add_model",
                {"source": str(source), "library": str(self.library.folder)},
                lambda result: f"{result['name']} was imported.",
            )

    def verify(self) -> None:
        """Compare the chosen model with its checksum."""
        entry = self._chosen()
        if entry is not None:
            self._ask("verify_model", {"place": entry.place}, lambda result: result["sentence"])

    def delete(self) -> None:
        """Delete the chosen model, after asking."""
        entry = self._chosen()
        if entry is None:
            return
        try:
            if entry.bundled:
                self.library.delete(entry)
            elif slicer.util.confirmOkCancelDisplay(f"Delete the model in {entry.place}?"):
                self.library.delete(entry)
                self.status.text = f"{entry.name} was deleted."
        except (PastaError, OSError) as error:
            self.status.text = str(error)
        self.refresh()

    def choose_folder(self) -> None:
        """Look for models in another folder from now on."""
        folder = qt.QFileDialog.getExistingDirectory(self.dialog, "Folder of models")
        if folder:
            qt.QSettings().setValue(FOLDER_SETTING, str(folder))
            self.refresh()

    def _chosen(self) -> Entry | None:
        row = self.table.currentRow()
        if 0 <= row < len(self._entries):
            return self._entries[row]
        self.status.text = "Choose a model first."
        return None

    def _ask(self, job: str, arguments: dict[str, Any], sentence: Any) -> None:
        def done(result: dict[str, Any]) -> None:
            self.status.text = sentence(result)
            self.refresh()

        def failed(failure: Failure) -> None:
            self.status.text = failure.sentence

        self.status.text = "Working"
        try:
            self._worker.request(job, arguments, Listener(done=done, failed=failed))
        except PastaError as error:
            self.status.text = str(error)
