"""Where shared data lies, and how files are written so that nothing is half there."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from PASTALib.errors import PastaError


def resource_folder() -> Path:
    """The folder ``Resources`` with catalogue, models and report template.

    Looked for in the environment variable ``PASTA_RESOURCES``, in the repository (two folders
    above this package), beside the package (an installed Slicer extension), and in the installed
    Python package ``PASTAResources``.

    Raises:
        PastaError: none of these places holds the catalogue.
    """
    package = Path(__file__).resolve().parent
    candidates = [package.parents[1] / "Resources", package.parent / "Resources"]
    if os.environ.get("PASTA_RESOURCES"):
        candidates.insert(0, Path(os.environ["PASTA_RESOURCES"]))
    installed = find_spec("PASTAResources")
    if installed is not None:
        candidates += [Path(place) for place in installed.submodule_search_locations or ()]
    for folder in candidates:
        if (folder / "Catalog" / "organs.json").is_file():
            return folder
    raise PastaError(
        "The folder Resources with the PASTA catalogue was not found; reinstall PASTA or set "
        "PASTA_RESOURCES to that folder."
    )


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; renamed to `path` when the block ends without an error.

    The temporary name keeps all suffixes (``.nii.gz``), because writers choose the format by them.
    On an error the temporary file is removed and an earlier `path` stays as it was. Who may read it
    is as for any new file, whatever the writer did: that of safetensors keeps others out.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex[:8]}.part-{path.name}"
    try:
        temporary.touch()
        usual = temporary.stat().st_mode
        temporary.unlink()
        yield temporary
        temporary.chmod(usual)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_atomically(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`; renamed to `folder` when the block ends without an error.

    On an error the temporary folder is removed, and `folder` stays as it was.

    Raises:
        PastaError: `folder` holds something already.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PastaError(f"'{folder}' holds something already; choose a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{uuid.uuid4().hex[:8]}.part-{folder.name}"
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed program left of files and folders that were to be written atomically."""
    for left in folder.rglob(".*.part-*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with LF line ends, atomically."""
    with written_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
