"""Small painted CT with a liver in water, some with a bright tumor: a manifest for the heads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog

SPACING_MM = 5.0
SHAPE = (24, 28, 32)
LIVER = (slice(6, 18), slice(6, 20), slice(6, 22))


def painted(number: int, tumor: bool) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """HU, catalogue labels ``[z, y, x]``, and the center of the tumor, if there is one."""
    rng = np.random.default_rng(number)
    hu = np.full(SHAPE, -1000.0)
    hu[2:-2, 2:-2, 2:-2] = 0
    labels = np.zeros(SHAPE, np.uint8)
    labels[LIVER] = catalog().label("liver")
    hu[LIVER] = 60
    center = tuple(int(rng.integers(side.start + 3, side.stop - 3)) for side in LIVER)
    z, y, x = center
    if tumor:
        hu[z - 2 : z + 2, y - 2 : y + 2, x - 2 : x + 2] = 160
    return hu + rng.normal(0, 8, SHAPE), labels, (z, y, x)


def write_scans(folder: Path, count: int, splits: Sequence[str] = ("train", "train", "test")):
    """Every second scan has a tumor, is of a late stage, and its patient dies early."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for number in range(count):
        hu, labels, _ = painted(number, tumor=number % 2 == 1)
        name = f"scan{number:02d}"
        for suffix, array in (("", hu.astype(np.int16)), ("_seg", labels)):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing((SPACING_MM,) * 3)
            sitk.WriteImage(image, str(folder / f"{name}{suffix}.nii.gz"))
        cases.append(
            {
                "name": name,
                "patient": name,
                "split": splits[number // 2 % len(splits)],
                "image": f"{name}.nii.gz",
                "masks": f"{name}_seg.nii.gz",
                "malignant": ["liver"] if number % 2 else [],
                "stage": "late" if number % 2 else "early",
                "survival": {"days": 200 + number if number % 2 else 900 + number, "died": True},
            }
        )
    path = folder / "manifest.json"
    path.write_text(json.dumps({"labels": "pasta", "cases": cases}), encoding="utf-8")
    return path
