"""The models that a user has besides the bundled one: a folder of model folders.

The folder is a setting; the environment variable ``PASTA_MODELS`` sets it for a whole laboratory.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PASTALib.errors import PastaError
from PASTALib.exchange.pretrained import read_pretrained
from PASTALib.model import INFO_FILE, PRETRAINED_FILE, WEIGHTS_FILE, available_models, read_info
from PASTALib.weights import file_sha256

NNUNET_PLANS = "plans.json"
"""What the folder of a model that nnU-Net v2 trained holds."""
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
            kinds = (INFO_FILE, PRETRAINED_FILE)
            folders = sorted(
                path.parent for kind in kinds for path in self.folder.glob(f"*/{kind}")
            )
            found += [_entry(str(folder), folder, False) for folder in folders]
        return found

    def add(self, source: Path) -> Entry:
        """Take a model into the library; it appears whole and checked, or not at all.

        Args:
            source: a model folder of PASTA (or a file in it), the folder of a model that nnU-Net v2
                trained, or a ``.pth`` file of PASTA's published weights, which fine-tuning starts
                from.

        Raises:
            PastaError: it is none of these, is damaged, or its name is taken.
        """
        from PASTALib.exchange.nnunet_import import import_nnunet
        from PASTALib.exchange.pasta_import import import_pasta

        source = Path(source)
        folder = source.parent if source.is_file() else source
        if (folder / INFO_FILE).is_file():
            verify(str(folder))
            return self._place(read_info(folder).name, lambda part: _copy(folder, part))
        if (folder / NNUNET_PLANS).is_file():
            name = next((p.name for p in (folder, folder.parent) if p.name[:7] == "Dataset"), "")
            return self._place(name or folder.name, lambda part: import_nnunet(folder, part, {}))
        if source.suffix == ".pth":
            return self._place(source.stem, lambda part: import_pasta(source, part))
        raise PastaError(
            f"'{source}' is no model; choose a folder with {INFO_FILE} and {WEIGHTS_FILE}, the "
            f"folder of a model that nnU-Net v2 trained (with {NNUNET_PLANS}), or a .pth file of "
            "PASTA's weights."
        )

    def _place(self, name: str, fill: Callable[[Path], object]) -> Entry:
        """Have a new model's folder filled under another path, and move it to its place."""
        target = self.folder / name
        if target.exists():
            raise PastaError(
                f"The library already has a model '{name}'; delete it first to replace it."
            )
        incoming = self.folder / ".incoming"
        try:
            shutil.rmtree(incoming, ignore_errors=True)
            incoming.mkdir(parents=True)
            fill(incoming / name)
            (incoming / name).rename(target)
        except OSError as error:
            raise PastaError(
                f"The model could not be copied to '{self.folder}' ({error.strerror}); check the "
                "free space, or choose another folder."
            ) from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
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


def _copy(folder: Path, part: Path) -> None:
    shutil.copytree(folder, part)


def verify(place: str) -> str:
    """Compare the weights of a model with their checksum; returns a sentence.

    Raises:
        PastaError: they differ, or the model is not whole.
    """
    from PASTALib.closer.look import verify_closer_look

    folder = available_models().get(place, Path(place))
    if (folder / PRETRAINED_FILE).is_file():
        digest = read_pretrained(folder).sha256[:12]
        return f"{folder.name} is as it was imported (SHA-256 {digest}...)."
    info = read_info(folder)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise PastaError(f"'{folder}' lacks {WEIGHTS_FILE}; copy the whole folder again.")
    verify_closer_look(folder)
    if not info.sha256:
        return f"{info.name} has no checksum to compare with."
    if file_sha256(weights) != info.sha256:
        raise PastaError(
            f"The weights of {info.name} do not match their checksum; copy the model again."
        )
    return f"{info.name} is as it was made (SHA-256 {info.sha256[:12]}...)."


def _entry(place: str, folder: Path, bundled: bool) -> Entry:
    if (folder / PRETRAINED_FILE).is_file():
        note = "weights to start fine-tuning from (pasta-train finetune); names no lesion itself"
        return Entry(folder.name, place, bundled, note, usable=False)
    try:
        info = read_info(folder)
        size = (folder / WEIGHTS_FILE).stat().st_size / 1e6
    except (PastaError, OSError) as error:
        return Entry(folder.name, place, bundled, str(error), usable=False)
    note = f"version {info.version}, {size:.0f} MB, {info.spacing_mm:g} mm"
    return Entry(info.name, place, bundled, note)
