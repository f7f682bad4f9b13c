"""nnU-Net's raw layout: ``DatasetNNN_Name`` with imagesTr, labelsTr and dataset.json."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PASTAGenLib.layouts.classes import ClassList
from PASTALib.files import write_text
from PASTALib.synthetic import SYNTHETIC
from PASTALib.writing import write_image, write_labels

if TYPE_CHECKING:
    from PASTAGenLib.production.produced import ProducedCase, Record

ENDING = ".nii.gz"


@dataclass(frozen=True)
class NnunetLayout:
    """Scans in their own geometry; labels are organs and, over them, lesions.

    Attributes:
        number: of the data set, 1 to 999.
        name: of the data set.
        classes: names of the labels.
    """

    number: int
    name: str
    classes: ClassList

    @property
    def folder(self) -> str:
        """Name of the data set's folder."""
        return f"Dataset{self.number:03d}_{self.name}"

    def write(self, case: ProducedCase, out: Path) -> list[Path]:
        """Write image and labels of a case."""
        root = out / self.folder
        image = root / "imagesTr" / f"{case.plan.name}_0000{ENDING}"
        labels = root / "labelsTr" / f"{case.plan.name}{ENDING}"
        write_image(case.ct, image, description=case.mark)
        merged = self.classes.merged(case.organs, case.lesions)
        write_labels(merged, labels, description=case.mark)
        return [image, labels]

    def finish(self, records: Collection[Record], out: Path) -> None:
        """Write ``dataset.json``."""
        facts = {
            "channel_names": {"0": "CT"},
            "labels": self.classes.numbers,
            "numTraining": len(records),
            "file_ending": ENDING,
            "name": self.name,
            "description": f"{SYNTHETIC}: lesions inserted by PASTAGen",
        }
        write_text(out / self.folder / "dataset.json", json.dumps(facts, indent=1) + "\n")
