"""Self-training: let the present model name what is unknown in partly labeled scans.

Where a scan has no organ masks, the averaged network of a run labels the unknown voxels that it is
sure of; the rest stays unknown. What was known before stays as it was, and lesions are never taken
over: these scans show none.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.progress import Progress
from PASTATrain.cases import Case, case_files, load_case, save_case
from PASTATrain.classes import CLASSES, IGNORE, STRUCTURES
from PASTATrain.config import TrainingConfig
from PASTATrain.export import averaged_network
from PASTATrain.patches import NORMALIZATION
from PASTATrain.precision import mixed_precision

SURE = 0.8
"""Least probability of a structure (or of background) to be taken over."""


def structure_probabilities(case: Case, network: object, patch: int) -> np.ndarray:
    """Float32 probabilities ``(1 + structures, z, y, x)``, lesion classes left out."""
    import torch
    from monai.inferers import sliding_window_inference

    image = torch.from_numpy(NORMALIZATION(case.hu))[None, None]
    with torch.inference_mode(), mixed_precision("cpu"):
        logits = sliding_window_inference(
            image, (patch,) * 3, 1, network, overlap=0.5, mode="gaussian", padding_mode="replicate"
        )
    return logits[0, : 1 + len(STRUCTURES)].float().softmax(0).numpy()


def filled(case: Case, probability: np.ndarray) -> Case:
    """The case with its unknown voxels labeled where a structure is sure."""
    table = np.array([0, *(catalog().label(key) for key in CLASSES[1 : 1 + len(STRUCTURES)])])
    best = table[probability.argmax(0)].astype(np.uint8)
    sure = (case.labels == IGNORE) & (probability.max(0) >= SURE)
    return replace(case, labels=np.where(sure, best, case.labels))


def fill_unknown(cases: Path, run: Path, config: TrainingConfig, progress: Progress) -> int:
    """Label the unknown voxels of the partly labeled training cases, in place.

    Run it between two pieces of training. Returns how many cases were changed.
    """
    network = averaged_network(run, config)
    partial = [path for path, kind in case_files(cases, "train") if kind == "partial"]
    for number, path in enumerate(partial):
        case = load_case(path)
        changed = filled(case, structure_probabilities(case, network, config.patch))
        save_case(cases, changed)
        share = 1 - np.sum(changed.labels == IGNORE) / max(1, np.sum(case.labels == IGNORE))
        progress((number + 1) / len(partial), f"{case.name}: {share:.0%} of the unknown labeled")
    return len(partial)
