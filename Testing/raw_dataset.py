"""A small dataset in nnU-Net's raw layout, made of torsos by rule with inserted liver lesions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import insert
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.torso import build_torso, sample_torso
from PASTALib.catalog import catalog

LABELS = {"background": 0, "liver": 1, "liver_tumor": 2}


def write_raw_dataset(folder: Path, seeds: Sequence[int], spacing_mm: float = 6.0) -> Path:
    """Liver crops of torsos, one with other axes than LPS; returns the dataset's folder."""
    for number, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        torso = build_torso(sample_torso(rng, spacing=(spacing_mm,) * 3))
        case = insert(torso.image, torso.organs, LesionSpec(type="liver_tumor"), rng)
        organs = sitk.GetArrayFromImage(torso.organs)
        labels = np.isin(organs, catalog().labels_of("liver")).astype(np.uint8)
        labels[sitk.GetArrayViewFromImage(case.lesion_mask) > 0] = 2
        box = np.argwhere(labels > 0)
        low, high = box.min(0)[::-1], box.max(0)[::-1] + 1
        image, truth = case.ct, sitk.GetImageFromArray(labels)
        truth.CopyInformation(image)
        cropped = [
            sitk.RegionOfInterest(x, (high - low).tolist(), low.tolist()) for x in (image, truth)
        ]
        if number == 0:
            cropped = [sitk.DICOMOrient(x, "RAS") for x in cropped]
        for sub, name, x in zip(("imagesTr", "labelsTr"), ("_0000", ""), cropped, strict=True):
            (folder / sub).mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(x, str(folder / sub / f"torso{seed}{name}.nii.gz"), True)
    description = {
        "channel_names": {"0": "CT"},
        "labels": LABELS,
        "numTraining": len(seeds),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return folder
