"""The catalogue: organs, lesion types, report attributes, codes, colours and HU tables.

Everything is read from ``Resources/Catalog`` into frozen dataclasses. An organ, structure or
lesion type is known by its key (``"liver_tumor"``); its label number is written in one place
only, the catalogue.

Three words that are kept apart:

* an *organ* is one of the ten that PASTA reports on (``kidney``);
* a *structure* is something that a label map can hold (``kidney_left``, ``vertebra_L3``,
  ``spleen``); it may belong to an organ and may be a part of another structure (``parent``);
* a *lesion type* is one of the fifteen findings (``kidney_cyst``), each in one organ.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from PASTALib.errors import PastaError
from PASTALib.files import resource_folder

Phase = Literal["non_contrast", "arterial", "portal_venous"]
PHASES: tuple[Phase, ...] = ("non_contrast", "arterial", "portal_venous")
PHASE_NAMES: dict[str, str] = {
    "non_contrast": "non-contrast",
    "arterial": "late arterial",
    "portal_venous": "portal venous",
}


@dataclass(frozen=True)
class Code:
    """A coded concept: scheme (``SCT`` is SNOMED CT), value and meaning."""

    scheme: str
    value: str
    meaning: str

    def __str__(self) -> str:
        """The form that Slicer's terminology strings use."""
        return f"{self.scheme}^{self.value}^{self.meaning}"


@dataclass(frozen=True)
class Organ:
    """One of PASTA's ten organs."""

    key: str
    name: str
    hollow: bool
    region: Code


@dataclass(frozen=True)
class Structure:
    """Something a label map can hold. `color` is RGB, 0 to 255."""

    label: int
    key: str
    name: str
    parent: str | None
    organ: str | None
    side: Literal["left", "right"] | None
    part: str | None
    color: tuple[int, int, int]
    category: Code
    type: Code
    type_modifier: Code | None
    totalsegmentator_v1: tuple[int, ...]
    totalsegmentator_v2: tuple[int, ...]
    amos: tuple[int, ...]


@dataclass(frozen=True)
class LongAxis:
    """Documented long-axis distribution of a lesion type: log-normal about `median`, in mm."""

    median: float
    minimum: float
    maximum: float
    source: str


@dataclass(frozen=True)
class LesionType:
    """One of PASTA's fifteen lesion types."""

    label: int
    key: str
    name: str
    organ: str
    malignant: bool
    category: Code
    type: Code
    region: Code
    color: tuple[int, int, int]
    long_axis_mm: LongAxis
    default_shape: str
    shapes: tuple[str, ...]
    subtypes: tuple[str, ...]


@dataclass(frozen=True)
class Attribute:
    """One of the five report attributes, with PASTA's strings in PASTA's order."""

    key: str
    name: str
    values: tuple[str, ...]
    wider_values: tuple[str, ...]


@dataclass(frozen=True)
class HU:
    """Mean and standard deviation in Hounsfield units."""

    mean: float
    sd: float


@dataclass(frozen=True)
class LesionHU:
    """HU of a lesion subtype: absolute, or the difference to the median of `reference`."""

    lesion: str
    subtype: str
    reference: str
    by_phase: dict[str, HU]
    edge_mm: tuple[float, float]
    texture_sd: tuple[float, float]
    source: str

    @property
    def absolute(self) -> bool:
        """Whether the values are HU themselves rather than differences to a reference."""
        return self.reference == "absolute"


@dataclass(frozen=True)
class Catalog:
    """All of ``Resources/Catalog``."""

    organs: dict[str, Organ]
    structures: dict[str, Structure]
    lesion_types: dict[str, LesionType]
    attributes: dict[str, Attribute]
    normal_hu: dict[str, dict[str, HU]]
    lesion_hu: dict[tuple[str, str], LesionHU]

    @cached_property
    def by_label(self) -> dict[int, Structure | LesionType]:
        """Structure or lesion type of each label number."""
        both: list[Structure | LesionType] = [
            *self.structures.values(),
            *self.lesion_types.values(),
        ]
        return {item.label: item for item in both}

    def label(self, key: str) -> int:
        """Label number of a structure or lesion type.

        Raises:
            PastaError: the key is not in the catalogue.
        """
        item = self.structures.get(key) or self.lesion_types.get(key)
        if item is None:
            raise PastaError(f"'{key}' is not a structure or lesion type of the PASTA catalogue.")
        return item.label

    def labels_of(self, key: str) -> tuple[int, ...]:
        """Label numbers that a structure covers: its own and those of its parts."""
        own = (self.structures[key].label,)
        return own + tuple(s.label for s in self.structures.values() if s.parent == key)

    def organ_labels(self, organ: str) -> tuple[int, ...]:
        """Label numbers of all structures of one of the ten organs."""
        return tuple(s.label for s in self.structures.values() if s.organ == organ)

    def lesions_of(self, organ: str) -> tuple[LesionType, ...]:
        """Lesion types of one of the ten organs."""
        return tuple(t for t in self.lesion_types.values() if t.organ == organ)

    def label_table(self, name: str) -> dict[int, int]:
        """Map from the label numbers of another tool to ours.

        Args:
            name: ``pasta``, ``totalsegmentator_v1``, ``totalsegmentator_v2`` or ``amos``.

        Raises:
            PastaError: the table is not known.
        """
        if name == "pasta":
            return {s.label: s.label for s in self.structures.values()}
        if name not in ("totalsegmentator_v1", "totalsegmentator_v2", "amos"):
            raise PastaError(
                f"The label table '{name}' is not known; use pasta, totalsegmentator_v1, "
                "totalsegmentator_v2 or amos."
            )
        return {
            number: structure.label
            for structure in self.structures.values()
            for number in getattr(structure, name)
        }


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _code(value: dict[str, str] | None) -> Code | None:
    return Code(**value) if value else None


def _structure(row: dict[str, Any]) -> Structure:
    codes = {name: _code(row[name]) for name in ("category", "type", "type_modifier")}
    lists = {
        name: tuple(row[name])
        for name in ("color", "totalsegmentator_v1", "totalsegmentator_v2", "amos")
    }
    return Structure(**{**row, **codes, **lists})


def _lesion_type(row: dict[str, Any]) -> LesionType:
    codes = {name: _code(row[name]) for name in ("category", "type", "region")}
    lists = {name: tuple(row[name]) for name in ("color", "shapes", "subtypes")}
    axis = LongAxis(**row["long_axis_mm"])
    return LesionType(**{**row, **codes, **lists, "long_axis_mm": axis})


def _phases(row: dict[str, Any]) -> dict[str, HU]:
    return {phase: HU(*row[phase]) for phase in PHASES}


def _lesion_hu(row: dict[str, Any]) -> LesionHU:
    return LesionHU(
        lesion=row["lesion"],
        subtype=row["subtype"],
        reference=row["reference"],
        by_phase=_phases(row),
        edge_mm=(row["edge_mm"][0], row["edge_mm"][1]),
        texture_sd=(row["texture_sd"][0], row["texture_sd"][1]),
        source=row["source"],
    )


@cache
def catalog() -> Catalog:
    """The catalogue, read once.

    Raises:
        PastaError: the folder ``Resources`` is missing.
    """
    folder = resource_folder() / "Catalog"
    anatomy = _read(folder, "organs.json")
    hu = _read(folder, "hu.json")
    return Catalog(
        organs={
            row["key"]: Organ(**{**row, "region": Code(**row["region"])})
            for row in anatomy["organs"]
        },
        structures={row["key"]: _structure(row) for row in anatomy["structures"]},
        lesion_types={
            row["key"]: _lesion_type(row)
            for row in _read(folder, "lesion_types.json")["lesion_types"]
        },
        attributes={
            row["key"]: Attribute(
                row["key"], row["name"], tuple(row["values"]), tuple(row["wider_values"])
            )
            for row in _read(folder, "attributes.json")["attributes"]
        },
        normal_hu={row["tissue"]: _phases(row) for row in hu["normal"]},
        lesion_hu={(row["lesion"], row["subtype"]): _lesion_hu(row) for row in hu["lesions"]},
    )
