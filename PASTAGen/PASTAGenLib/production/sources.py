"""Scans made ready for production: read, with organs and phase, and kept until the end.

Each source is prepared once, into a folder of its own, so that no worker segments a scan or builds
a torso a second time. Images are kept uncompressed, which a case then reads in some 0.1 s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.positions import position_of
from PASTAGenLib.production.recipe import Recipe
from PASTAGenLib.production.source_entries import ScanEntry, TorsoEntry
from PASTAGenLib.spec import Position
from PASTAGenLib.torso import build_torso, sample_torso
from PASTALib.catalog import PHASES, Phase, catalog
from PASTALib.checks import checked_ct
from PASTALib.ct import CT, Estimate
from PASTALib.errors import PastaError
from PASTALib.files import folder_written_atomically, write_text
from PASTALib.naming import case_name
from PASTALib.organ_input import organs_for, read_organs
from PASTALib.phase import combined, estimate_phase
from PASTALib.reading import read_ct
from PASTALib.writing import write_image

SOURCE_STREAM = 1
"""First number of the random streams of sources; those of cases begin with another one."""
LIST, FACTS, CT_FILE, ORGANS_FILE = "sources.json", "source.json", "ct.nrrd", "organs.nrrd"
LEAST_VOXELS = 12
"""A structure with fewer voxels does not count as seen."""


@dataclass(frozen=True)
class Source:
    """What is known of a prepared source.

    Attributes:
        index: number among the sources, from 0.
        name: short name.
        phase: contrast phase.
        position: how the patient lies, where it is known.
        organs: those of the ten organs that are seen.
        sha256: of voxels and organ labels.
        technique: acquisition facts, as in `PASTALib.ct.CT`.
        notes: sentences about reading.
        error: why it cannot be used; empty where it can.
    """

    index: int
    name: str
    phase: Phase = "non_contrast"
    position: Position | None = None
    organs: tuple[str, ...] = ()
    sha256: str = ""
    technique: dict[str, str] | None = None
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class LoadedSource:
    """A source with its images."""

    facts: Source
    ct: sitk.Image
    organs: sitk.Image


def list_sources(recipe: Recipe) -> list[tuple[ScanEntry, Path] | tuple[TorsoEntry, int]]:
    """Every scan and torso of a recipe, in order."""
    found: list[tuple[ScanEntry, Path] | tuple[TorsoEntry, int]] = []
    for entry in recipe.sources:
        if isinstance(entry, ScanEntry):
            found += [(entry, path) for path in entry.paths]
        else:
            found += [(entry, number) for number in range(entry.count)]
    return found


def prepare_source(recipe: Recipe, index: int, folder: Path) -> Source:
    """Prepare one source in ``folder/0000``, unless an earlier run did so.

    A source that cannot be read does not stop the others: its facts then hold the error.
    """
    own = folder / f"{index:04d}"
    if (own / FACTS).is_file():
        return read_facts(own)
    entry, which = list_sources(recipe)[index]
    try:
        if isinstance(entry, TorsoEntry):
            assert isinstance(which, int)
            ct, organs = _torso(recipe, entry, which, index)
        else:
            assert isinstance(which, Path)
            ct, organs = _scan(entry, which)
        facts = replace(_facts(index, ct, organs), position=_position(entry, ct))
    except PastaError as error:
        name = case_name(which) if isinstance(which, Path) else f"torso_{which}"
        return Source(index, name, error=str(error))
    with folder_written_atomically(own) as temporary:
        write_image(ct.image, temporary / CT_FILE, compress=False)
        write_image(organs, temporary / ORGANS_FILE, compress=False)
        write_text(temporary / FACTS, json.dumps(asdict(facts), indent=1) + "\n")
    return facts


def read_facts(folder: Path) -> Source:
    """The facts of a prepared source."""
    return _source(json.loads((folder / FACTS).read_text(encoding="utf-8")))


def _source(row: dict[str, Any]) -> Source:
    lists = {key: tuple(row[key]) for key in ("organs", "notes")}
    return Source(**{**row, **lists})


def write_list(folder: Path, sources: Sequence[Source]) -> str:
    """Write the list of all sources, for the workers. Returns its digest."""
    text = json.dumps([asdict(source) for source in sources], indent=1) + "\n"
    write_text(folder / LIST, text)
    return sha256(text.encode()).hexdigest()


@lru_cache(maxsize=1)
def listed_sources(folder: Path, digest: str) -> tuple[Source, ...]:
    """The list of all sources; `digest` tells lists at the same place apart."""
    return tuple(_source(row) for row in json.loads((folder / LIST).read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def load_source(folder: Path, index: int, digest: str) -> LoadedSource:
    """A prepared source; the last one is kept, since cases of one source come one after another.

    `digest` (`Source.sha256`) tells sources apart that lay at the same place.
    """
    own = folder / f"{index:04d}"
    images = (sitk.ReadImage(str(own / name)) for name in (CT_FILE, ORGANS_FILE))
    return LoadedSource(read_facts(own), *images)


def usable(sources: Sequence[Source], kind: str, phases: Sequence[str]) -> list[Source]:
    """Sources that show the organ of a lesion type in one of the phases."""
    organ = catalog().lesion_types[kind].organ
    return [s for s in sources if not s.error and organ in s.organs and s.phase in phases]


def _torso(recipe: Recipe, entry: TorsoEntry, number: int, index: int) -> tuple[CT, sitk.Image]:
    pinned: dict[str, object] = {"field_of_view": entry.field_of_view}
    if entry.spacing is not None:
        pinned["spacing"] = entry.spacing
    phase = entry.phases[number % len(entry.phases)]
    spec = sample_torso(recipe.stream(SOURCE_STREAM, index), phase=phase, **pinned)
    torso = build_torso(spec)
    given = Estimate(phase, 1.0, "chosen for the torso")
    return CT(torso.image, f"torso_{number}", "made by rule", given, synthetic=True), torso.organs


def _scan(entry: ScanEntry, path: Path) -> tuple[CT, sitk.Image]:
    ct = read_ct(path, phase=entry.phase, exact=True)
    if entry.organs is None:
        return ct, _model_organs(ct, entry.model)
    return ct, read_organs(organs_for(path, ct.name, entry.organs), ct.image, entry.table).labels


def _position(entry: ScanEntry | TorsoEntry, ct: CT) -> Position | None:
    """How the patient lies: as the recipe says, or the scan's DICOM."""
    given = entry.position if isinstance(entry, ScanEntry) else None
    return given or position_of(ct.technique.get("patient position", ""))


def _model_organs(ct: CT, model: str) -> sitk.Image:
    from PASTALib.devices import choose_device
    from PASTALib.inference import segment
    from PASTALib.model import load_model

    whole = replace(ct, image=checked_ct(ct.image, ct.name)[0])
    return segment(whole, load_model(model, choose_device("auto"))).organs


def _facts(index: int, ct: CT, organs: sitk.Image) -> Source:
    hint, _ = combined(ct.phase, estimate_phase(ct.image, organs))
    phase = next((phase for phase in PHASES if phase == hint.value), None)
    if phase is None:
        raise PastaError(
            f"The contrast phase of '{ct.name}' cannot be told; say phase in its entry of sources."
        )
    hu, labels = sitk.GetArrayViewFromImage(ct.image), sitk.GetArrayViewFromImage(organs)
    counts = np.bincount(labels.ravel(), minlength=256)
    known = catalog()
    seen = tuple(
        organ
        for organ in known.organs
        if counts[list(known.organ_labels(organ))].sum() >= LEAST_VOXELS
    )
    if not seen:
        raise PastaError(f"The organ mask of '{ct.name}' shows none of the ten organs.")
    digest = sha256(np.ascontiguousarray(hu).tobytes() + np.ascontiguousarray(labels).tobytes())
    return Source(
        index, ct.name, phase, organs=seen, sha256=digest.hexdigest(),
        technique=dict(sorted(ct.technique.items())), notes=ct.notes,
    )  # fmt: skip
