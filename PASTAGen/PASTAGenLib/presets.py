"""Presets: lesions by a name that a radiologist knows, as JSON files; own ones can be saved.

A file holds ``{"name": ..., "type": ..., "asked": {...}}``, or a list of such; ``asked`` are fields
of `LesionSpec`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PASTAGenLib.choices import spec_of
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.naming import file_name

BUNDLED = Path(__file__).resolve().parents[1] / "Resources" / "Presets"


@dataclass(frozen=True)
class Preset:
    """A lesion with a name.

    Attributes:
        name: what is shown.
        type: lesion type of the catalogue.
        asked: what is not left to chance.
    """

    name: str
    type: str
    asked: Mapping[str, Any]


def presets_of(path: Path) -> list[Preset]:
    """The presets of a file.

    Raises:
        PastaError: the file is none, or asks for what its type cannot be.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = data if isinstance(data, list) else [data]
        found = [Preset(str(r["name"]), str(r["type"]), dict(r["asked"])) for r in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{path}' is not a preset ({error}); it needs name, type and asked."
        ) from error
    for preset in found:
        try:
            spec_of(preset.type, preset.asked, 0)
        except PastaError as error:
            raise PastaError(f"'{preset.name}' of '{path}' cannot be used: {error}") from error
    return found


def read_presets(own: Path | None = None) -> tuple[list[Preset], list[str]]:
    """All presets, the bundled ones first, and a sentence for each file that is none."""
    presets, problems = [], []
    for folder in (BUNDLED, own):
        for path in sorted(folder.glob("*.json")) if folder is not None else ():
            try:
                presets += presets_of(path)
            except PastaError as error:
                problems.append(str(error))
    return presets, problems


def save_preset(preset: Preset, folder: Path) -> Path:
    """Write a preset; one of the same name is replaced. Returns the file.

    Raises:
        PastaError: it cannot be used, or the folder cannot be written to.
    """
    if not preset.name.strip():
        raise PastaError("A preset needs a name.")
    spec_of(preset.type, preset.asked, 0)
    path = folder / f"{file_name(preset.name)}.json"
    data = {"name": preset.name, "type": preset.type, "asked": dict(preset.asked)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(data, indent=1) + "\n")
    except OSError as error:
        raise PastaError(
            f"'{folder}' cannot be written to ({error.strerror}); choose another folder."
        ) from error
    return path
