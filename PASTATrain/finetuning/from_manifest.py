"""A manifest as a raw dataset of nnU-Net, with the manifest's own split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.files import write_text, written_atomically
from PASTALib.geometry import Geometry
from PASTALib.progress import Progress
from PASTALib.reading import read_ct, read_image
from PASTATrain.finetuning.dataset import Split
from PASTATrain.judging.predictions import read_truth
from PASTATrain.manifest import Entry, entries_of, read_manifest

ENDING = ".nii.gz"


def write_raw_dataset(manifest: Path, folder: Path, progress: Progress) -> Split:
    """Write the cases with masks of the splits ``train`` and ``validation`` as a raw dataset.

    Its classes are all that the label tables name, by their catalogue keys. Files that are there
    are kept.

    Args:
        manifest: see `PASTATrain.manifest`.
        folder: of the dataset.
        progress: told after each case.

    Raises:
        PastaError: one of the splits is empty, CT and MR are mixed, or a file cannot be read.
    """
    entries = read_manifest(manifest)
    parts = {
        name: [e for e in entries_of(entries, split, str(manifest)) if e.masks is not None]
        for name, split in (("train", "train"), ("val", "validation"))
    }
    empty = [name for name, cases in parts.items() if not cases]
    if empty:
        raise PastaError(f"The cases to {empty[0]} in '{manifest}' have no masks.")
    used = [entry for cases in parts.values() for entry in cases]
    modalities = {entry.modality for entry in used}
    if len(modalities) > 1:
        raise PastaError(f"'{manifest}' mixes CT and MR; fine-tune for one of them.")
    classes = _classes(used)
    for number, entry in enumerate(used):
        _write_case(entry, folder, classes)
        progress((number + 1) / len(used), f"{entry.name} is in the dataset")
    description = {
        "channel_names": {"0": modalities.pop().upper()},
        "labels": {"background": 0, **{key: n for n, key in enumerate(classes, 1)}},
        "numTraining": len(used),
        "file_ending": ENDING,
    }
    write_text(folder / "dataset.json", json.dumps(description, indent=1) + "\n")
    return {name: [entry.name for entry in cases] for name, cases in parts.items()}


def _classes(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Catalogue keys of all labels in the tables, lesions last: they lie over the organs."""
    if any(entry.has_unknown_voxels for entry in entries):
        raise PastaError(
            "The manifest has masks with unknown voxels, which nnU-Net would take for background; "
            "use 'pasta-train add' and 'pasta-train run'."
        )
    labels = sorted({label for entry in entries for label in entry.table.values()})
    lesions = {kind.label: kind.key for kind in catalog().lesion_types.values()}
    organs = [catalog().by_label[label].key for label in labels if label not in lesions]
    return (*organs, *(lesions[label] for label in labels if label in lesions))


def _write_case(entry: Entry, folder: Path, classes: tuple[str, ...]) -> None:
    image_path = folder / "imagesTr" / f"{entry.name}_0000{ENDING}"
    label_path = folder / "labelsTr" / f"{entry.name}{ENDING}"
    if image_path.exists() and label_path.exists():
        return
    is_ct = entry.modality == "ct"
    image = read_ct(entry.image).image if is_ct else read_image(entry.image)[0]
    masks, truth = read_truth(entry)
    numbers = np.zeros(256, np.uint8)
    for number, key in enumerate(classes, 1):
        numbers[catalog().label(key)] = number
    merged = numbers[np.where(truth.lesions > 0, truth.lesions, truth.organs)]
    labels = Geometry.of(masks).place(sitk.GetImageFromArray(merged))
    labels = sitk.Resample(labels, image, sitk.Transform(), sitk.sitkNearestNeighbor)
    for path, written in ((image_path, image), (label_path, labels)):
        with written_atomically(path) as temporary:
            sitk.WriteImage(written, str(temporary), True)
