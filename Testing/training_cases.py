"""A small run of stage I, and cases for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from PASTALib.catalog import catalog
from PASTATrain.cases import Case, save_case
from PASTATrain.config import TrainingConfig
from PASTATrain.painting import paint

SMALL = TrainingConfig(
    patch=32,
    features=(4, 8, 8),
    steps=4,
    coarse_steps=2,
    batch=1,
    workers=0,
    save_every=2,
    warm_up=1,
    torsos=0,
)


def liver_and_lungs() -> np.ndarray:
    """A label map with a liver on the patient's right below two lungs, ``[z, y, x]``, LPS."""
    labels = np.zeros((40, 40, 48), np.uint8)
    labels[5:18, 10:30, 6:26] = catalog().label("liver")
    labels[20:38, 10:30, 4:20] = catalog().label("lung_right")
    labels[20:38, 10:30, 28:44] = catalog().label("lung_left")
    return labels


def write_cases(folder: Path) -> Path:
    """Store a scan and a label map to train with, and a scan for testing; returns the folder."""
    labels = liver_and_lungs()
    hu = paint(labels, 3.0, "non_contrast", np.random.default_rng(0))
    save_case(folder, Case("scan", "real", hu, labels, 3.0, "non_contrast", "train"))
    empty = np.zeros((0, 0, 0), np.int16)
    save_case(folder, Case("map", "labels", empty, labels, 3.0, "unknown", "train"))
    save_case(folder, Case("kept", "real", hu, labels, 3.0, "non_contrast", "test"))
    return folder
