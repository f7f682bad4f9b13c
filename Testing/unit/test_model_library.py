"""The library of models: list, import, check, delete."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial

import pytest
import torch

from pasta_checkpoint import random_checkpoint
from PASTALib.errors import PastaError
from PASTALib.exchange import pasta_import
from PASTALib.model import INFO_FILE, WEIGHTS_FILE, Model, available_models, load_model
from PASTALib.model_library import ENVIRONMENT, ModelLibrary, default_folder, verify
from PASTATrain.exchange.nnunet_export import export_nnunet


@pytest.fixture
def library(tmp_path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "models")


@pytest.fixture
def other(tmp_path):
    """A model of another name, in a folder outside of the library."""
    folder = tmp_path / "from a colleague"
    shutil.copytree(available_models()["pasta-s"], folder)
    info = json.loads((folder / INFO_FILE).read_text(encoding="utf-8"))
    (folder / INFO_FILE).write_text(json.dumps({**info, "name": "other"}))
    return folder


def test_the_bundled_model_is_listed_and_cannot_be_deleted(library):
    entry = next(entry for entry in library.entries() if entry.name == "pasta-s")
    assert entry.bundled
    assert entry.usable
    assert "MB" in entry.note
    with pytest.raises(PastaError, match="cannot be deleted"):
        library.delete(entry)


def test_a_model_is_imported_checked_and_deleted(library, other):
    entry = library.add(other / WEIGHTS_FILE)
    assert entry in library.entries()
    assert "as it was made" in verify(entry.place)
    with pytest.raises(PastaError, match="already has a model 'other'"):
        library.add(other)
    library.delete(entry)
    assert entry not in library.entries()
    assert other.is_dir()


def test_a_damaged_model_is_refused_and_leaves_nothing(library, other):
    with (other / WEIGHTS_FILE).open("r+b") as weights:
        weights.seek(1000)
        weights.write(b"damage")
    with pytest.raises(PastaError, match="do not match their checksum"):
        library.add(other)
    assert not library.folder.exists()


def test_a_folder_that_is_no_model_says_what_to_do(library, tmp_path):
    with pytest.raises(PastaError, match="is no model; choose a folder with"):
        library.add(tmp_path)


def test_a_model_that_nnunet_trained_is_imported_under_the_name_of_its_dataset(library, tmp_path):
    info = replace(
        load_model("pasta-s").info,
        classes=("background", "liver", "liver_tumor"),
        features=(4, 6, 8),
    )
    info = replace(info, biases=True, refines=False, compresses=False, patch=(16, 16, 16))
    folder = export_nnunet(Model(info, info.network(), "cpu"), tmp_path)
    entry = library.add(folder)
    assert entry.usable
    assert entry.name.startswith("Dataset")
    assert load_model(entry.place).info.classes == info.classes


def test_weights_of_pasta_are_kept_to_start_from_and_do_not_run(library, tmp_path, monkeypatch):
    small = (4, 6, 8, 10, 12, 12)
    torch.save(random_checkpoint(small), tmp_path / "PASTA_final.pth")
    with pytest.raises(PastaError, match="PASTA_final"):
        library.add(tmp_path / "PASTA_final.pth")  # the published network is larger
    assert not list(library.folder.iterdir())
    taken = partial(pasta_import.import_pasta, features=small)
    monkeypatch.setattr(pasta_import, "import_pasta", taken)
    entry = library.add(tmp_path / "PASTA_final.pth")
    assert not entry.usable
    assert "fine-tuning" in entry.note
    assert entry in library.entries()
    assert "as it was imported" in verify(entry.place)


def test_a_model_that_lacks_its_weights_is_listed_as_broken(library, other):
    (other / WEIGHTS_FILE).unlink()
    library.folder.mkdir()
    shutil.move(other, library.folder / "other")
    entry = next(entry for entry in library.entries() if not entry.bundled)
    assert not entry.usable


def test_a_laboratory_can_set_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    assert default_folder() == tmp_path
