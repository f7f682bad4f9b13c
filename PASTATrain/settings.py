"""The YAML file of a run, and the settings that a run was begun with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.errors import PastaError
from PASTALib.files import write_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KEPT = "run.json"


def read_settings(path: Path, kind: type[DataclassInstance]) -> dict[str, Any]:
    """Values of a YAML file for the fields of a dataclass; its lists as tuples.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key that is no field.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise PastaError(f"The configuration '{path}' cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise PastaError(f"The configuration '{path}' must be a list of 'key: value'.")
    known = {item.name for item in fields(kind)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise PastaError(
            f"The configuration '{path}' has unknown keys ({', '.join(map(str, unknown))}); known "
            f"are {', '.join(sorted(known))}."
        )
    return {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}


def keep_settings(run: Path, settings: Mapping[str, Any]) -> None:
    """Note what a run is, and refuse to go on with a run of another kind.

    Raises:
        PastaError: the folder holds a run with other settings.
    """
    path, text = run / KEPT, json.dumps(settings, indent=1) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise PastaError(
            f"'{run}' holds a run with other settings (see {KEPT} there); choose another folder."
        )
    write_text(path, text)
