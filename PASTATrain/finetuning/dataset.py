"""A raw dataset of nnU-Net, checked, turned to LPS axes, and split into training and validation."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTALib.errors import PastaError
from PASTALib.files import write_text, written_atomically
from PASTALib.progress import Progress

Split = dict[str, list[str]]
"""Names of the scans to ``train`` and to validate (``val``) with, as nnU-Net stores them."""

NUMBER = 1
"""Each run has folders of its own, so its dataset can always be the first."""


@dataclass(frozen=True)
class RawDataset:
    """A dataset in nnU-Net's raw layout: ``dataset.json``, ``imagesTr``, ``labelsTr``.

    Attributes:
        folder: of the dataset.
        description: what ``dataset.json`` says.
        cases: names of the scans, sorted.
    """

    folder: Path
    description: dict[str, Any]
    cases: tuple[str, ...]

    @property
    def ending(self) -> str:
        """What the names of the image files end with."""
        return str(self.description["file_ending"])

    @property
    def is_ct(self) -> bool:
        """Whether its channel is called CT, as nnU-Net tells; all else is normalized by scan."""
        (name,) = self.description["channel_names"].values()
        return str(name).lower() == "ct"

    def image(self, case: str) -> Path:
        """File of the scan."""
        return self.folder / "imagesTr" / f"{case}_0000{self.ending}"

    def labels(self, case: str) -> Path:
        """File of the labels."""
        return self.folder / "labelsTr" / f"{case}{self.ending}"


def read_dataset(folder: Path) -> RawDataset:
    """Look at a dataset.

    Raises:
        PastaError: files are missing, or it has more than one channel.
    """
    path = folder / "dataset.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        ending = description["file_ending"]
    except (OSError, ValueError, KeyError) as error:
        raise PastaError(
            f"'{path}' cannot be read ({error}); give a dataset in the raw layout of nnU-Net v2, "
            "with dataset.json, imagesTr and labelsTr."
        ) from error
    if len(description.get("channel_names", {})) != 1:
        raise PastaError(f"'{path}' must name one channel; PASTA's network has one.")
    labels = sorted((folder / "labelsTr").glob(f"*{ending}"))
    found = RawDataset(folder, description, tuple(p.name.removesuffix(ending) for p in labels))
    if len(found.cases) < 2:
        raise PastaError(f"'{folder}/labelsTr' holds {len(found.cases)} scans; 2 are needed.")
    missing = [case for case in found.cases if not found.image(case).is_file()]
    if missing:
        raise PastaError(f"The image '{found.image(missing[0])}' is missing, its labels are there.")
    return found


def turned_to_lps(dataset: RawDataset, raw: Path, progress: Progress) -> RawDataset:
    """The dataset with LPS axes below `raw`: nnU-Net does not turn images, our weights ask for it.

    Files that have these axes are linked (copied where links are impossible).
    """
    name = "".join(c if c.isalnum() else "_" for c in dataset.folder.name)
    folder = raw / f"Dataset{NUMBER:03d}_{name}"
    description = {**dataset.description, "numTraining": len(dataset.cases)}
    turned = RawDataset(folder, description, dataset.cases)
    for number, case in enumerate(dataset.cases):
        _turn(dataset.image(case), turned.image(case))
        _turn(dataset.labels(case), turned.labels(case))
        progress((number + 1) / len(dataset.cases), f"{case} has LPS axes")
    write_text(folder / "dataset.json", json.dumps(description, indent=1) + "\n")
    return turned


def _turn(source: Path, target: Path) -> None:
    if target.exists():
        return
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(source))
    reader.ReadImageInformation()
    target.parent.mkdir(parents=True, exist_ok=True)
    if np.allclose(reader.GetDirection(), np.eye(3).ravel(), atol=1e-3):
        try:
            os.link(source.resolve(), target)
            return
        except OSError:
            pass  # another disk
    with written_atomically(target) as temporary:
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(source)), "LPS"), str(temporary), True)


def split(cases: tuple[str, ...], fold: int) -> Split:
    """Names of the scans to train and to validate with: nnU-Net's own five folds, or fewer.

    Raises:
        PastaError: there is no such fold.
    """
    from nnunetv2.utilities.crossval_split import generate_crossval_split

    folds = generate_crossval_split(sorted(cases), n_splits=min(5, len(cases)))
    if not 0 <= fold < len(folds):
        raise PastaError(f"The fold {fold} does not exist; {len(cases)} scans give {len(folds)}.")
    return {k: [str(case) for case in folds[fold][k]] for k in ("train", "val")}


def few_shots(chosen: Split, shots: int | None, seed: int) -> Split:
    """The same with so many of the training scans only; None keeps all.

    Raises:
        PastaError: there are fewer.
    """
    train = chosen["train"]
    if shots is None:
        return chosen
    if shots > len(train):
        raise PastaError(f"There are {len(train)} scans to train with, fewer than {shots}.")
    drawn = np.random.default_rng(seed).choice(train, shots, replace=False)
    return {**chosen, "train": sorted(str(case) for case in drawn)}
