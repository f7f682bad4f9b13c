"""The recipe of a production: which lesions, in which scans, written how. YAML or JSON.

``PASTAGen/Resources/Recipes`` has examples with every key explained.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from PASTAGenLib.lesion_mix import PROPERTIES, LesionMix
from PASTAGenLib.production.fields import flag, plain_name, rows, some_of, table, whole
from PASTAGenLib.production.source_entries import ScanEntry, TorsoEntry, source_entry
from PASTALib.catalog import PHASES, catalog
from PASTALib.errors import PastaError

LAYOUTS = ("pastagen", "nnunet", "monai")
KEYS = ("name", "seed", "layout", "dataset", "attempts", "dicom", "lesions", "sources")
LESION_KEYS = ("type", "count", "phases", *PROPERTIES)
ALL = "all"
MOST_CASES = 1_000_000


@dataclass(frozen=True)
class LesionEntry:
    """Some cases with one type of lesion.

    Attributes:
        mix: type and distributions of its properties.
        count: number of cases.
        phases: contrast phases of the scans that are used.
    """

    mix: LesionMix
    count: int
    phases: tuple[str, ...] = PHASES


@dataclass(frozen=True)
class CasePlan:
    """What is planned for one case before a scan is looked at.

    Attributes:
        index: number among all cases of the recipe, from 0.
        entry: its entry.
        number: number among the cases of its type, from 1.
    """

    index: int
    entry: LesionEntry
    number: int

    @property
    def name(self) -> str:
        """Type and number, such as ``liver_cyst_0012``."""
        return f"{self.entry.mix.type}_{self.number:04d}"


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        name: of the data set.
        seed: of everything random.
        layout: one of `LAYOUTS`.
        dataset: number of nnU-Net's data set.
        attempts: how often a lesion is drawn anew where it does not fit.
        dicom: whether each case is also written as DICOM series and segmentation.
        lesions: what is inserted.
        sources: scans and torsos.
        digest: SHA-256 of all that it says; output of another recipe is not continued.
    """

    name: str
    seed: int
    layout: str
    dataset: int
    attempts: int
    dicom: bool
    lesions: tuple[LesionEntry, ...]
    sources: tuple[ScanEntry | TorsoEntry, ...]
    digest: str

    def cases(self) -> Iterator[CasePlan]:
        """All cases in order."""
        counts: dict[str, int] = {}
        index = 0
        for entry in self.lesions:
            for _ in range(entry.count):
                kind = entry.mix.type
                counts[kind] = counts.get(kind, 0) + 1
                yield CasePlan(index, entry, counts[kind])
                index += 1

    @property
    def total(self) -> int:
        """Number of cases."""
        return sum(entry.count for entry in self.lesions)

    @property
    def types(self) -> tuple[str, ...]:
        """Lesion types that occur, in the catalogue's order."""
        asked = {entry.mix.type for entry in self.lesions}
        return tuple(key for key in catalog().lesion_types if key in asked)

    def stream(self, *path: int) -> np.random.Generator:
        """A random generator of its own for each case or source, whoever computes it when."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=path))


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Paths in it are relative to its folder.

    Raises:
        PastaError: it cannot be read, or one of its fields is wrong; the sentence names which.
    """
    return recipe_of(_load(path), path.resolve().parent)


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PastaError(
            f"The recipe '{path}' cannot be read ({error}); check the path."
        ) from error
    try:
        if path.suffix.lower() == ".json":
            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except ImportError as error:
        raise PastaError(
            "Reading a recipe in YAML needs the Python package PyYAML; install it, or write the "
            "recipe as JSON."
        ) from error
    except ValueError as error:
        raise PastaError(f"The recipe '{path}' is not valid JSON: {error}") from error
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise PastaError(f"The recipe '{path}' is not valid YAML: {where}") from error


def recipe_of(data: Any, folder: Path) -> Recipe:
    """A recipe from plain values; see `read_recipe`."""
    read = table(data, "The recipe", KEYS, needed=("lesions", "sources"))
    layout = read.get("layout", "pastagen")
    if layout not in LAYOUTS:
        raise PastaError(f"layout cannot be '{layout}'; use one of {', '.join(LAYOUTS)}.")
    lesions = tuple(
        entry
        for number, row in enumerate(rows(read, "lesions"), start=1)
        for entry in _lesion_entries(row, f"lesions, entry {number}")
    )
    sources = tuple(
        source_entry(row, f"sources, entry {number}", folder)
        for number, row in enumerate(rows(read, "sources"), start=1)
    )
    recipe = Recipe(
        name=plain_name(read.get("name", "PASTAGen"), "name"),
        seed=whole(read.get("seed", 0), "seed", 0, 2**63),
        layout=layout,
        dataset=whole(read.get("dataset", 501), "dataset", 1, 999),
        attempts=whole(read.get("attempts", 12), "attempts", 1, 1000),
        dicom=flag(read.get("dicom", False), "dicom"),
        lesions=lesions,
        sources=sources,
        digest=sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest(),
    )
    if not 1 <= recipe.total <= MOST_CASES:
        raise PastaError(
            f"The counts of lesions add up to {recipe.total}; ask for 1 to {MOST_CASES} cases."
        )
    return recipe


def _lesion_entries(row: Any, where: str) -> Iterator[LesionEntry]:
    read = table(row, where, LESION_KEYS, needed=("type", "count"))
    count = whole(read["count"], f"{where}, count", 0, MOST_CASES)
    phases = some_of(read.get("phases", list(PHASES)), f"{where}, phases", PHASES)
    properties = {key: value for key, value in read.items() if key in PROPERTIES}
    kinds = list(catalog().lesion_types) if read["type"] == ALL else read["type"]
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        yield LesionEntry(LesionMix.of(str(kind), properties, where), count, phases)
