"""The manifest: which scans there are, with masks, reports, patients and splits, in one JSON file.

::

    {"labels": "totalsegmentator_v2",
     "cases": [{"name": "a1", "patient": "A", "split": "test", "image": "a1.nii.gz",
                "masks": "a1_seg.nii.gz", "report": "a1.json",
                "survival": {"days": 400, "died": true}}]}

Paths are relative to the file. ``labels`` names a table of the catalogue or is one itself
(``{"1": "liver", "2": "liver_tumor"}``); a case may have its own. No patient may be in two splits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTATrain.exchange.class_names import key_of_name

KEYS = {"name", "patient", "split", "image", "masks", "report", "labels", "survival"}


@dataclass(frozen=True)
class Survival:
    """Days until death, or until the patient was last seen alive."""

    days: float
    died: bool


@dataclass(frozen=True)
class Entry:
    """One scan.

    Attributes:
        name: of the scan; results are found by it.
        patient: who it is of.
        split: such as ``train`` or ``test``.
        image: file or DICOM folder of the CT.
        masks: label file in the geometry of the CT, None where there is none.
        table: catalogue label of each number in it.
        report: true findings, None where there are none: a report of PASTA that a reader has
            corrected, or what PASTAGen says of its lesions.
        survival: None where it is not known.
    """

    name: str
    patient: str
    split: str
    image: Path
    masks: Path | None
    table: Mapping[int, int]
    report: Path | None
    survival: Survival | None


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """Read and check a manifest.

    Raises:
        PastaError: it cannot be read, a file or field is missing, a label is not known, a name
            comes twice, or a patient is in two splits.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = data["cases"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"The manifest '{path}' cannot be read ({error}); it must be JSON with a list 'cases'."
        ) from error
    entries = tuple(_entry(row, data.get("labels", "pasta"), path) for row in rows)
    if not entries:
        raise PastaError(f"The manifest '{path}' lists no case.")
    _check_names(entries, path)
    check_leakage(entries, str(path))
    return entries


def _entry(row: dict[str, Any], labels: Any, path: Path) -> Entry:
    name = str(row.get("name", "without a name"))
    lacking = [key for key in ("name", "patient", "split", "image") if not row.get(key)]
    odd = sorted(set(row) - KEYS)
    if lacking or odd:
        problem = f"lacks {', '.join(lacking)}" if lacking else f"has unknown {', '.join(odd)}"
        raise PastaError(f"The case {name} in '{path}' {problem}.")
    files = {k: path.parent / row[k] for k in ("image", "masks", "report") if row.get(k)}
    for key, file in files.items():
        if not file.exists():
            raise PastaError(f"The {key} '{file}' of the case {name} in '{path}' is missing.")
    survival = row.get("survival")
    return Entry(
        name=name,
        patient=str(row["patient"]),
        split=str(row["split"]),
        image=files["image"],
        masks=files.get("masks"),
        table=label_table(row.get("labels", labels), str(path)),
        report=files.get("report"),
        survival=Survival(float(survival["days"]), bool(survival["died"])) if survival else None,
    )


def label_table(labels: str | Mapping[str, str], what: str) -> dict[int, int]:
    """Label numbers of a file to catalogue labels, lesion types included.

    Args:
        labels: name of a table of the catalogue, or number to name.
        what: where it stands, for messages.

    Raises:
        PastaError: the table or a name in it is not known.
    """
    if isinstance(labels, str):
        lesions = {kind.label: kind.label for kind in catalog().lesion_types.values()}
        return catalog().label_table(labels) | (lesions if labels == "pasta" else {})
    table = {}
    for number, name in labels.items():
        key = key_of_name(name)
        if key is None:
            raise PastaError(f"The label {number}, '{name}', in '{what}' is not in the catalogue.")
        table[int(number)] = catalog().label(key)
    return table


def _check_names(entries: tuple[Entry, ...], path: Path) -> None:
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PastaError(f"The name {twice[0]} comes twice in '{path}'; names must differ.")


def check_leakage(entries: tuple[Entry, ...], what: str) -> None:
    """Make sure that no patient and no image is in two splits.

    Raises:
        PastaError: one is; it names the first.
    """
    for kind in ("patient", "image"):
        splits: dict[str, set[str]] = {}
        for entry in entries:
            value = getattr(entry, kind)
            key = str(value.resolve()) if isinstance(value, Path) else value
            splits.setdefault(key, set()).add(entry.split)
        leaks = {key: found for key, found in splits.items() if len(found) > 1}
        if leaks:
            key, found = sorted(leaks.items())[0]
            raise PastaError(
                f"The {kind} '{key}' is in the splits {' and '.join(sorted(found))} of '{what}' "
                f"({len(leaks)} in all); no result on it would be honest. Keep each {kind} in one."
            )
