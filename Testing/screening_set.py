"""Torsos made by rule, some with an inserted lesion, as a manifest for heads: nobody's data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import apply
from PASTAGenLib.plan import plan
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.torso import build_torso, sample_torso
from PASTALib.errors import PastaError

KINDS = ("", "liver_tumor", "liver_cyst", "liver_tumor")
"""Of the torsos in turn: none, malignant, benign, malignant."""


def write_screening_set(
    folder: Path,
    count: int,
    spacing_mm: float,
    kinds: Sequence[str] = KINDS,
    splits: Sequence[str] = ("train", "train", "test"),
    first_seed: int = 0,
) -> Path:
    """Write torsos, their organ masks and the manifest; returns its path.

    The masks are those of the torso before insertion: they do not tell where a lesion is. Stage
    and survival are by rule of the lesion's size, so that there is something to learn: larger
    than 25 mm is ``late``, and the hazard rises with size.

    Args:
        folder: of the files.
        count: how many torsos.
        spacing_mm: of their voxels.
        kinds: lesion types of the torsos in turn, empty for none.
        splits: of blocks of as many torsos as there are kinds, in turn.
        first_seed: of the first torso.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for number in range(count):
        rng = np.random.default_rng(first_seed + number)
        torso = build_torso(sample_torso(rng, spacing=(spacing_mm,) * 3, phase="non_contrast"))
        kind = kinds[number % len(kinds)]
        image, lesion = torso.image, None
        if kind:
            image, lesion = with_lesion(torso.image, torso.organs, kind, rng)
        name = f"torso{first_seed + number:04d}"
        sitk.WriteImage(sitk.Cast(image, sitk.sitkInt16), str(folder / f"{name}.nii.gz"))
        sitk.WriteImage(torso.organs, str(folder / f"{name}_organs.nii.gz"))
        size = lesion.long_axis_mm if lesion else 0.0
        days = float(rng.exponential(900 * np.exp(-size / 30)))
        cases.append(
            {
                "name": name,
                "patient": name,
                "split": splits[number // len(kinds) % len(splits)],
                "image": f"{name}.nii.gz",
                "masks": f"{name}_organs.nii.gz",
                "malignant": ["liver"] if kind == "liver_tumor" else [],
                "stage": "late" if size > 25 else "early",
                "survival": {"days": min(days, 1500.0), "died": days < 1500},
            }
        )
    path = folder / "manifest.json"
    path.write_text(json.dumps({"labels": "pasta", "cases": cases}, indent=1), encoding="utf-8")
    return path


def with_lesion(image, organs, kind: str, rng: np.random.Generator):
    """The CT with a lesion of 15 to 45 mm, and its truth."""
    for _ in range(20):
        spec = LesionSpec(kind, phase="non_contrast", long_axis_mm=float(rng.uniform(15, 45)))
        try:
            made = apply(image, organs, plan(image, organs, spec, rng))
        except PastaError:
            continue
        return made.ct, made.truth
    raise AssertionError(f"no room for a {kind}")
