"""Results of the parts of an evaluation, kept as JSON so that each can be measured by itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from PASTAGenLib.quality.agreement import Agreement
from PASTAGenLib.quality.seam import Seam
from PASTAGenLib.quality.shapes import ShapeSet
from PASTALib.errors import PastaError
from PASTALib.files import write_text

Result = TypeVar("Result")
PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (
    "quality", "torso", "layouts", "production", "transforms", "mrml", "ui", "demo.py", "jobs.py",
    "case_export.py", "choices.py", "found.py", "presets.py", "workbench.py",
)  # fmt: skip
"""Folders and files of the library that are not the generator: they use it."""


@dataclass(frozen=True)
class Part:
    """What one part measured.

    Attributes:
        generator: `fingerprint` of the generator that it was measured with.
        command: options that it was measured with.
    """

    generator: str
    command: str


@dataclass(frozen=True)
class AgreementPart(Part):
    """Asked = measured."""

    result: Agreement


@dataclass(frozen=True)
class SeamPart(Part):
    """Classifier and noise power."""

    result: Seam


@dataclass(frozen=True)
class ShapesPart(Part):
    """Shapes of masks."""

    result: tuple[ShapeSet, ...]


PARTS: dict[str, type[Any]] = {
    "agreement": AgreementPart,
    "seam": SeamPart,
    "shapes": ShapesPart,
}


def fingerprint() -> str:
    """Eight hexadecimal digits that change with the generator's source."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in FOLDERS:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def save(folder: Path, name: str, part: Part) -> None:
    """Write one part."""
    text = TypeAdapter(PARTS[name]).dump_json(part, indent=1).decode()
    write_text(folder / f"{name}.json", text + "\n")


def load(folder: Path, name: str) -> Any:
    """One part, or None where it has not been measured.

    Raises:
        PastaError: the file does not hold such results.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return TypeAdapter(PARTS[name]).validate_json(path.read_bytes())
    except ValueError as error:
        raise PastaError(
            f"'{path}' holds no results of this version; measure again with --only {name}."
        ) from error
