"""A MONAI datalist: images, labels and organs in folders, and ``datalist.json`` that lists them.

``monai.data.load_decathlon_datalist(path, data_list_key="training")`` reads it.
"""

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

DATALIST = "datalist.json"
KEYS = {"image": "images", "label": "labels", "organs": "organs"}
"""Key of a datalist entry, and the folder of its files."""


@dataclass(frozen=True)
class MonaiLayout:
    """Scans in their own geometry.

    ``label`` has the numbers of `classes`; ``organs`` has the catalogue's labels, as
    `PASTAGenLib.transforms.InsertLesiond` takes them to insert more lesions while training.

    Attributes:
        name: of the data set.
        classes: names of the labels.
    """

    name: str
    classes: ClassList

    def write(self, case: ProducedCase, out: Path) -> list[Path]:
        """Write image, label and organs of a case."""
        paths = {key: out / place for key, place in _places(case.plan.name).items()}
        write_image(case.ct, paths["image"], description=case.mark)
        merged = self.classes.merged(case.organs, case.lesions)
        write_labels(merged, paths["label"], description=case.mark)
        write_labels(case.organs, paths["organs"], description=case.mark)
        return list(paths.values())

    def finish(self, records: Collection[Record], out: Path) -> None:
        """Write the datalist."""
        training = [
            {**_places(record.name), "lesion": record.type, "source": record.source}
            for record in records
        ]
        facts = {
            "name": self.name,
            "description": f"{SYNTHETIC}: lesions inserted by PASTAGen",
            "modality": {"0": "CT"},
            "labels": {str(number): name for name, number in self.classes.numbers.items()},
            "numTraining": len(training),
            "training": training,
        }
        write_text(out / DATALIST, json.dumps(facts, indent=1) + "\n")


def _places(name: str) -> dict[str, str]:
    return {key: f"{folder}/{name}.nii.gz" for key, folder in KEYS.items()}
