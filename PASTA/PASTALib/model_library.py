"""The models that a user has besides the bundled one: a folder of model folders.

The folder is a setting; the environment variable ``PASTA_MODELS`` sets it for a whole laboratory.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from PASTALib.errors import PastaError
from PASTALib.model import INFO_FILE, WEIGHTS_FILE, available_models, file_sha256, read_info

ENVIRONMENT = "PASTA_MODELS"


@dataclass(frozen=True)
class Entry:
    """A model that can be run.

    Attributes:
        name: what the user sees.
        place: bundled name, or folder, as `load_model` takes it.
        bundled: whether it came with PASTA and cannot be deleted.
        note: version and size, or what is wrong with it.
        usable: whether it is whole.
    """

    name: str
    place: str
    bundled: bool
    note: str
    usable: bool = True


def default_folder() -> Path:
    """Where models lie unless the user chose another folder."""
    set_by_lab = os.environ.get(ENVIRONMENT)
    return Path(set_by_lab) if set_by_lab else Path.home() / ".pasta" / "models"


class ModelLibrary:
    """Bundled models and those of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def entries(self) -> list[Entry]:
        """All models, the bundled ones first. Reads only what describes them."""
        found = [_entry(name, place, True) for name, place in available_models().items()]
        if self.folder.is_dir():
            folders = sorted(path.parent for path in self.folder.glob(f"*/{INFO_FILE}"))
            found += [_entry(str(folder), folder, False) for folder in folders]
        return found

    def add(self, source: Path) -> Entry:
        """Copy a model folder into the library, checked; it appears whole or not at all.

        Raises:
            PastaError: it is no model of PASTA, is damaged, or its name is taken.
        """
        source = Path(source)
        folder = source.parent if source.is_file() else source
        if not (folder / INFO_FILE).is_file():
            raise PastaError(
                f"'{source}' is no model of PASTA; choose a folder with {INFO_FILE} and "
                f"{WEIGHTS_FILE}. A checkpoint of PASTA or nnU-Net becomes one by the command "
                "'pasta-model import'."
            )
        verify(str(folder))
        target = self.folder / read_info(folder).name
        if target.exists():
            raise PastaError(
                f"The library already has a model '{target.name}'; delete it first to replace it."
            )
        part = self.folder / f".{target.name}.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, part)
            part.rename(target)
        except OSError as error:
            raise PastaError(
                f"The model could not be copied to '{self.folder}' ({error.strerror}); check the "
                "free space, or choose another folder."
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return _entry(str(target), target, False)

    def delete(self, entry: Entry) -> None:
        """Remove a model from the library.

        Raises:
            PastaError: it is bundled, or lies outside the library's folder.
        """
        folder = Path(entry.place)
        if entry.bundled or folder.parent != self.folder:
            raise PastaError(f"{entry.name} is part of PASTA and cannot be deleted.")
        shutil.rmtree(folder)


def verify(place: str) -> str:
    """Compare the weights of a model with their checksum; returns a sentence.

    Raises:
        PastaError: they differ, or the model is not whole.
    """
    folder = available_models().get(place, Path(place))
    info = read_info(folder)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise PastaError(f"'{folder}' lacks {WEIGHTS_FILE}; copy the whole folder again.")
    if not info.sha256:
        return f"{info.name} has no checksum to compare with."
    if file_sha256(weights) != info.sha256:
        raise PastaError(
            f"The weights of {info.name} do not match their checksum; copy the model again."
        )
    return f"{info.name} is as it was made (SHA-256 {info.sha256[:12]}...)."


def _entry(place: str, folder: Path, bundled: bool) -> Entry:
    try:
        info = read_info(folder)
        size = (folder / WEIGHTS_FILE).stat().st_size / 1e6
    except (PastaError, OSError) as error:
        return Entry(folder.name, place, bundled, str(error), usable=False)
    note = f"version {info.version}, {size:.0f} MB, {info.spacing_mm:g} mm"
    return Entry(info.name, place, bundled, note)
