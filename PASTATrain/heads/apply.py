"""A trained head on the scans of a manifest: ``scores.csv`` for ``pasta-eval``, and saliency."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from PASTALib.files import write_text
from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress
from PASTALib.writing import write_image
from PASTATrain.heads.crops import crops_of, read_scan
from PASTATrain.heads.saliency import saliency
from PASTATrain.heads.tasks import task_with
from PASTATrain.heads.training import TrainedHead
from PASTATrain.judging.predictions import SCORES
from PASTATrain.manifest import Entry

SALIENCY = "saliency"


def apply_head(
    head: TrainedHead,
    model: Model,
    entries: Sequence[Entry],
    out: Path,
    progress: Progress,
    cancel: CancelToken,
    method: str | None = None,
) -> dict[str, dict[str, float]]:
    """Score scans and write ``scores.csv``; a scan without the organ has no score.

    Args:
        head: the head.
        model: that it was trained for; outlines organs where a case has no masks.
        entries: the scans.
        out: folder of the scores, and of ``saliency/NAME_ORGAN.nii.gz``.
        progress: told after each scan.
        cancel: asked before each scan.
        method: of the saliency maps, none without.

    Raises:
        PastaError: a scan cannot be read, or the head is not one for whole scans.
        Cancelled: asked to stop.
    """
    task = task_with(head.info.task, head.info.questions)
    scores: dict[str, dict[str, float]] = {}
    for number, entry in enumerate(entries):
        cancel.check()
        scan = read_scan(entry, model)
        crops = crops_of(
            scan, head.info.around, model.info.spacing_mm, head.info.crop, head.info.margin_mm
        )
        if crops:
            hu, masks = (np.stack([getattr(crop, key) for crop in crops]) for key in ("hu", "mask"))
            logits = head.logits(model, hu, masks)
            scores[entry.name] = task.scores([crop.around for crop in crops], logits)
            for row, crop in enumerate(crops if method else ()):
                keys = list(task.questions)
                output = (
                    keys.index(crop.around) if crop.around in keys else int(logits[row].argmax())
                )
                shown = saliency(head, model, crop, output, method or "")
                write_image(shown, out / SALIENCY / f"{entry.name}_{crop.around}.nii.gz")
        progress((number + 1) / len(entries), entry.name)
    write_text(out / SCORES, as_csv(scores))
    return scores


def as_csv(scores: dict[str, dict[str, float]]) -> str:
    """The scores as text, one line a scan, empty where a scan has no such score."""
    columns = list(dict.fromkeys(key for row in scores.values() for key in row))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", *columns])
    for name, row in scores.items():
        writer.writerow([name, *(f"{row[key]:.6f}" if key in row else "" for key in columns)])
    return stream.getvalue()
