"""The manifest: all scans of a training or a judgment in one JSON file, checked in one place.

::

    {"labels": "totalsegmentator_v2",
     "cases": [{"name": "a1", "patient": "A", "split": "test", "image": "a1.nii.gz",
                "masks": "a1_seg.nii.gz", "report": "a1.json",
                "malignant": ["liver"], "stage": "T3",
                "survival": {"days": 400, "died": true}}]}

Only name, patient, split and image have to be there. Paths are relative to the file. ``labels``
names a table of the catalogue or is one itself (``{"1": "liver", "2": "liver_tumor"}``); a case
may have its own; ``carried`` is the catalogue's with 255 for unknown. ``malignant`` lists the
organs with a malignant tumor (``[]`` if there is none); where it is left out, the masks tell.
``"modality": "mr"`` says that a scan is no CT. Splits are
``train``, ``validation`` (where there is none, a fifth of the training patients is taken),
``test``, or names of one's own. No patient and no image may be in two splits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.exchange.class_names import key_of_name
from PASTATrain.classes import IGNORE

KEYS = {
    "name", "patient", "split", "image", "masks", "report", "labels", "malignant", "stage",
    "survival", "modality",
}  # fmt: skip

CARRIED = "carried"
"""Label table of masks with unknown voxels; only ``pasta-train add`` can use these."""


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
        malignant: organs with a malignant tumor; None where the masks have to tell.
        stage: such as ``T3``; None where it is not known.
        modality: ``ct`` or ``mr``.
    """

    name: str
    patient: str
    split: str
    image: Path
    masks: Path | None
    table: Mapping[int, int]
    report: Path | None
    survival: Survival | None
    malignant: frozenset[str] | None = None
    stage: str | None = None
    modality: str = "ct"

    @property
    def has_unknown_voxels(self) -> bool:
        """Whether the masks leave voxels open, as those that ``pasta-train carry`` writes do."""
        return IGNORE in self.table.values()


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
    return Entry(
        name=name,
        patient=str(row["patient"]),
        split=str(row["split"]),
        image=files["image"],
        masks=files.get("masks"),
        table=label_table(row.get("labels", labels), str(path)),
        report=files.get("report"),
        survival=_survival(row, path),
        malignant=_malignant(row, path),
        stage=str(row["stage"]) if row.get("stage") is not None else None,
        modality=_modality(row, path),
    )


def _modality(row: dict[str, Any], path: Path) -> str:
    modality = row.get("modality", "ct")
    if modality not in ("ct", "mr"):
        raise PastaError(f"The modality of {row['name']} in '{path}' must be 'ct' or 'mr'.")
    return str(modality)


def _survival(row: dict[str, Any], path: Path) -> Survival | None:
    told = row.get("survival")
    if told is None:
        return None
    try:
        days, died = float(told["days"]), told["died"]
    except (KeyError, TypeError, ValueError):
        days, died = -1.0, None
    if days < 0 or not isinstance(died, bool):
        raise PastaError(
            f"The survival of the case {row['name']} in '{path}' must be an object with 'days' "
            "(a number from 0 on) and 'died' (true or false)."
        )
    return Survival(days, died)


def _malignant(row: dict[str, Any], path: Path) -> frozenset[str] | None:
    told = row.get("malignant")
    if told is None:
        return None
    organs = catalog().organs
    odd = [organ for organ in told if organ not in organs] if isinstance(told, list) else [told]
    if odd:
        raise PastaError(
            f"The case {row['name']} in '{path}' has the malignant organ '{odd[0]}'; give a list "
            f"of {', '.join(organs)}."
        )
    return frozenset(told)


def entries_of(entries: Sequence[Entry], split: str, what: str) -> list[Entry]:
    """The cases of a split.

    Raises:
        PastaError: there is none.
    """
    kept = [entry for entry in entries if entry.split == split]
    if not kept:
        splits = ", ".join(sorted({entry.split for entry in entries}))
        raise PastaError(f"'{what}' has no case in the split '{split}' (there are: {splits}).")
    return kept


def label_table(labels: str | Mapping[str, str], what: str) -> dict[int, int]:
    """Label numbers of a file to catalogue labels, lesion types included.

    Args:
        labels: name of a table of the catalogue, or number to name.
        what: where it stands, for messages.

    Raises:
        PastaError: the table or a name in it is not known.
    """
    if labels == CARRIED:
        return catalog().label_table("pasta") | {IGNORE: IGNORE}
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
