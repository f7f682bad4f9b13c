"""One case of a production: a scan with its lesions, and the record that is kept of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import SyntheticCase
from PASTAGenLib.production.recipe import CasePlan
from PASTAGenLib.production.sources import Source
from PASTALib.files import write_text
from PASTALib.synthetic import description


@dataclass(frozen=True)
class ProducedCase:
    """A finished case in the geometry of its scan.

    Attributes:
        plan: which case of the recipe it is.
        source: the scan that it was made from.
        cases: its lesions, each inserted into the one before; the last has all of them in its CT.
    """

    plan: CasePlan
    source: Source
    cases: tuple[SyntheticCase, ...]

    @property
    def type(self) -> str:
        """Lesion type of the catalogue."""
        return self.plan.entry.mix.type

    @property
    def ct(self) -> sitk.Image:
        """HU with all lesions."""
        return self.cases[-1].ct

    @property
    def organs(self) -> sitk.Image:
        """uint8 catalogue labels; organs include their lesions."""
        return self.cases[-1].organs

    @property
    def lesions(self) -> sitk.Image:
        """uint8 catalogue label of the lesion type, 0 elsewhere."""
        mask = self.cases[0].lesion_mask
        for case in self.cases[1:]:
            mask = sitk.Maximum(mask, case.lesion_mask)
        return mask

    @property
    def organ_labels(self) -> np.ndarray:
        """`organs` as a read-only array ``[z, y, x]``."""
        return sitk.GetArrayViewFromImage(self.organs)

    @property
    def mark(self) -> str:
        """Description of every file of it."""
        one = len({case.truth.type for case in self.cases}) == 1
        what = self.plan.name if one else f"{len(self.cases)} lesions"
        return description(f"{what} inserted by PASTAGen")


@dataclass(frozen=True)
class Record:
    """What is kept of a case; its file is written last, so that it means the case is finished.

    Attributes:
        index: number in the recipe.
        name: type and number.
        type: lesion type.
        number: number among the cases of its type, from 1.
        status: ``done``, or ``failed`` where no scan could hold the lesion.
        source: name of the scan.
        source_sha256: of its voxels and organs.
        attempts: how often the entry was drawn from, with the accepted time.
        rejected: why lesions were drawn anew, with counts: a sentence where no place was found, a
            fact where the generator measured something else than was meant.
        plans: plan of each lesion, as `InsertionPlan.to_json` has it.
        truths: measured facts of each lesion.
        files: SHA-256 of each file, by its path in the output.
        size: bytes of the files.
    """

    index: int
    name: str
    type: str
    number: int
    status: str
    source: str = ""
    source_sha256: str = ""
    attempts: int = 0
    rejected: dict[str, int] | None = None
    plans: tuple[dict[str, Any], ...] = ()
    truths: tuple[dict[str, Any], ...] = ()
    files: dict[str, str] | None = None
    size: int = 0

    def write(self, folder: Path) -> None:
        """Write ``folder/000012.json``."""
        text = json.dumps(vars(self), indent=1) + "\n"
        write_text(folder / f"{self.index:06d}.json", text)


def read_records(folder: Path) -> dict[int, Record]:
    """The records of all finished cases, by index. A damaged one counts as not there."""
    found = {}
    for path in sorted(folder.glob("[0-9]*.json")):
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            lists = {key: tuple(row[key]) for key in ("plans", "truths")}
            record = Record(**{**row, **lists})
        except (ValueError, TypeError, KeyError):
            continue
        found[record.index] = record
    return found
