"""The scans of a recipe: files with their organ masks, and torsos made by rule."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from PASTAGenLib.production.fields import some_of, table, whole
from PASTAGenLib.spec import Position
from PASTAGenLib.torso import FIELDS_OF_VIEW
from PASTALib.catalog import PHASES
from PASTALib.errors import PastaError

MODEL = "model"
"""In place of an organ mask: the model finds the organs."""
DEFAULT_MODEL = "pasta-s"
SCAN_KEYS = ("ct", "organs", "table", "phase", "position", "model")
TORSO_KEYS = ("torsos", "phase", "spacing", "field_of_view")
MOST_TORSOS = 10_000


@dataclass(frozen=True)
class ScanEntry:
    """Scans with their organs.

    Attributes:
        paths: CT files and DICOM folders, sorted.
        organs: mask, folder with a mask named like each scan, or None for the model's organs.
        table: label table of the masks; guessed where it is None.
        phase: contrast phase; estimated where it is None.
        position: how the patients lie; what DICOM says, or supine, where it is None.
        model: bundled name or folder of the model for organs.
    """

    paths: tuple[Path, ...]
    organs: Path | None
    table: str | None
    phase: str | None
    position: Position | None
    model: str


@dataclass(frozen=True)
class TorsoEntry:
    """Torsos made by rule.

    Attributes:
        count: how many.
        phases: contrast phases, in turn.
        spacing: voxel size (x, y, z) in mm; drawn where it is None.
        field_of_view: a key of `FIELDS_OF_VIEW`.
    """

    count: int
    phases: tuple[str, ...]
    spacing: tuple[float, float, float] | None
    field_of_view: str


def source_entry(row: Any, where: str, folder: Path) -> ScanEntry | TorsoEntry:
    """An entry of a recipe's sources.

    Raises:
        PastaError: a field is wrong, or a file is missing.
    """
    if isinstance(row, dict) and "torsos" in row:
        return _torsos(table(row, where, TORSO_KEYS), where)
    return _scans(table(row, where, SCAN_KEYS, needed=("ct", "organs")), where, folder)


def _torsos(row: dict[str, Any], where: str) -> TorsoEntry:
    view = row.get("field_of_view", "torso")
    if view not in FIELDS_OF_VIEW:
        raise PastaError(f"{where}, field_of_view must be one of {', '.join(FIELDS_OF_VIEW)}.")
    return TorsoEntry(
        count=whole(row["torsos"], f"{where}, torsos", 1, MOST_TORSOS),
        phases=some_of(row.get("phase", list(PHASES)), f"{where}, phase", PHASES),
        spacing=_spacing(row.get("spacing"), f"{where}, spacing"),
        field_of_view=view,
    )


def _spacing(value: Any, where: str) -> tuple[float, float, float] | None:
    if value is None:
        return None
    numbers = value if isinstance(value, list) else [value] * 3
    good = len(numbers) == 3 and all(isinstance(mm, int | float) for mm in numbers)
    if not good or not all(0.4 <= mm <= 10 for mm in numbers):
        raise PastaError(f"{where} must be one number or x, y, z, from 0.4 to 10 mm.")
    x, y, z = (float(mm) for mm in numbers)
    return x, y, z


def _scans(row: dict[str, Any], where: str, folder: Path) -> ScanEntry:
    patterns = row["ct"] if isinstance(row["ct"], list) else [row["ct"]]
    paths: list[Path] = []
    for pattern in map(str, patterns):
        found = sorted(Path(p) for p in glob.glob(str(folder / pattern), recursive=True))
        if not found:
            raise PastaError(f"{where}, ct: nothing is at '{pattern}', seen from '{folder}'.")
        paths += found
    organs = None
    if row["organs"] != MODEL:
        organs = folder / str(row["organs"])
        if not organs.exists():
            raise PastaError(
                f"{where}, organs: '{row['organs']}' does not exist, seen from '{folder}'; give a "
                f"mask, a folder of masks named like the scans, or '{MODEL}'."
            )
        if len(paths) > 1 and not organs.is_dir():
            raise PastaError(
                f"{where}, organs: one mask cannot fit {len(paths)} scans; give a folder with a "
                "mask named like each scan."
            )
    labels = row.get("table")
    if labels is not None and str(labels).lower().endswith(".json"):
        labels = str(folder / str(labels))
    phase = row.get("phase")
    if phase is not None:
        some_of(phase, f"{where}, phase", PHASES)
    position = row.get("position")
    if position is not None and position not in get_args(Position):
        raise PastaError(f"{where}, position must be one of {', '.join(get_args(Position))}.")
    model = str(row.get("model", DEFAULT_MODEL))
    return ScanEntry(tuple(paths), organs, labels, phase, position, model)
