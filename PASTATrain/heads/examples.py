"""The cases of a manifest as crops with targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from PASTALib.errors import PastaError
from PASTALib.files import written_atomically
from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress
from PASTATrain.heads.config import HeadConfig
from PASTATrain.heads.crops import crops_of, read_scan
from PASTATrain.heads.fitting import validation_rows
from PASTATrain.heads.tasks import Task, known_rows
from PASTATrain.manifest import Entry


@dataclass(frozen=True)
class Examples:
    """Crops of many scans, one row each.

    Attributes:
        hu: int16 ``(n, z, y, x)``.
        masks: uint8, 1 in the organ or lesions.
        targets: float32 ``(n, columns)``, NaN where not known.
        patients: who each is of.
        validation: which are kept from learning to choose the epoch and to calibrate.
    """

    hu: np.ndarray
    masks: np.ndarray
    targets: np.ndarray
    patients: np.ndarray
    validation: np.ndarray


def make_examples(
    entries: Sequence[Entry],
    task: Task,
    model: Model,
    config: HeadConfig,
    progress: Progress,
    cancel: CancelToken,
) -> Examples:
    """Cut the crops of all cases and note what is to be learned.

    Args:
        entries: cases of the splits ``train`` and ``validation``.
        task: gives the targets.
        model: whose grid the crops have; outlines organs where a case has no masks.
        config: of the run.
        progress: told after each case.
        cancel: asked before each.

    Raises:
        PastaError: a scan cannot be read, or no case has a target.
        Cancelled: asked to stop.
    """
    hu, masks, targets, patients, validation = [], [], [], [], []
    for number, entry in enumerate(entries):
        cancel.check()
        scan = read_scan(entry, model)
        crops = crops_of(scan, config.around, model.info.spacing_mm, config.crop, config.margin_mm)
        for crop in crops:
            hu.append(crop.hu)
            masks.append(crop.mask)
            targets.append(task.targets(entry, scan.labels, crop))
            patients.append(entry.patient)
            validation.append(entry.split == "validation")
        progress((number + 1) / len(entries), f"{entry.name}: {len(crops)} crops")
    kept = known_rows(np.array(targets, np.float32)) if targets else np.zeros(0, bool)
    if not kept.any():
        raise PastaError(
            f"No case of the manifest can be learned from: none has {' or '.join(config.around)} "
            f"in its masks and tells what '{task.name}' asks."
        )
    rows = [np.array(values)[kept] for values in (hu, masks, targets, patients, validation)]
    if not rows[4].any():
        rows[4] = validation_rows(rows[3], config.seed)
    if rows[4].all():
        raise PastaError("The manifest has no case to learn from; put some in the split 'train'.")
    return Examples(rows[0], rows[1], rows[2].astype(np.float32), rows[3], rows[4])


def save_examples(path: Path, examples: Examples) -> None:
    """Write examples to a file."""
    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **vars(examples))


def load_examples(path: Path) -> Examples:
    """Read what `save_examples` wrote."""
    with np.load(path) as stored:
        return Examples(**{key: stored[key] for key in stored.files})
