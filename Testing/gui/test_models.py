"""The dialog of models."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = pytest.mark.slicer
PATIENCE_S = 120.0


@pytest.fixture
def manager(panel, tmp_path, monkeypatch):
    """The dialog, with an empty library."""
    from PASTALib.ui import model_manager

    monkeypatch.setattr(model_manager, "chosen_folder", lambda: tmp_path / "library")
    panel.models.refresh()
    return panel.models


def names(manager) -> list[str]:
    return [manager.table.item(row, 0).text() for row in range(manager.table.rowCount)]


def choose(manager, name: str) -> None:
    manager.table.setCurrentCell(names(manager).index(name), 0)


def working(manager) -> bool:
    return bool(manager.status.text == "Working")


def test_the_bundled_model_is_checked_and_stays(host, panel, manager):
    choose(manager, "pasta-s (bundled)")
    manager.buttons["Check"].click()
    host.process_events(lambda: not working(manager), PATIENCE_S)
    assert "as it was made" in manager.status.text
    choose(manager, "pasta-s (bundled)")
    manager.buttons["Delete"].click()
    assert "cannot be deleted" in manager.status.text
    assert panel.ui.modelSelector.findData("pasta-s") >= 0


def test_a_model_is_imported_offered_and_deleted(host, panel, manager, tmp_path):
    from PASTALib.model import INFO_FILE, available_models

    other = tmp_path / "other"
    shutil.copytree(available_models()["pasta-s"], other)
    info = json.loads((other / INFO_FILE).read_text(encoding="utf-8"))
    (other / INFO_FILE).write_text(json.dumps({**info, "name": "other"}))
    host.dialogs.answer(str(other))
    manager.buttons["Import folder..."].click()
    host.process_events(lambda: not working(manager), PATIENCE_S)
    assert manager.status.text == "other was imported."
    assert panel.ui.modelSelector.findText("other") >= 0
    choose(manager, "other")
    host.dialogs.answer(True)
    manager.buttons["Delete"].click()
    assert names(manager) == ["pasta-s (bundled)"]
    assert panel.ui.modelSelector.findText("other") < 0


def test_nothing_chosen_is_told(manager):
    manager.table.setCurrentCell(-1, -1)
    manager.buttons["Check"].click()
    assert manager.status.text == "Choose a model first."
