"""Screening shown on torsos made by rule: ``python Testing/benchmarks/screening.py -o FOLDER``.

Makes non-contrast torsos, half of them with an inserted liver tumor and a quarter with a cyst,
trains a head on two thirds, and judges it on the rest: ``FOLDER/evaluation/evaluation.html``. A
torso takes about two seconds at 3 mm. What is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import apply
from PASTAGenLib.plan import plan
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.torso import build_torso, sample_torso
from PASTALib.errors import PastaError
from PASTATrain.cli import main as train_main
from PASTATrain.judging.cli import main as judge_main

KINDS = ("", "liver_tumor", "liver_cyst", "liver_tumor")
"""Of the torsos in turn: none, malignant, benign, malignant."""
SPACING_MM = 3.0
FIRST_SEED = 5000
"""The bundled model was trained with torsos of seeds from 0 on, and tuned with such from 1000."""
SIZES_MM = (15.0, 45.0)
SETTINGS = "around: [liver]\ncrop: 96\nmargin_mm: 16\nepochs: 60\nbatch: 16\n"


def with_lesion(
    image: sitk.Image, organs: sitk.Image, kind: str, rng: np.random.Generator
) -> sitk.Image:
    """The CT with a lesion of `SIZES_MM`."""
    for _ in range(20):
        size = float(rng.uniform(*SIZES_MM))
        spec = LesionSpec(kind, phase="non_contrast", long_axis_mm=size)
        try:
            return apply(image, organs, plan(image, organs, spec, rng)).ct
        except PastaError:
            continue
    raise PastaError(f"No room for a {kind} in twenty draws.")


def write_torsos(folder: Path, count: int) -> Path:
    """Write torsos and the manifest; the masks are those of before the insertion."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        name = f"torso{FIRST_SEED + number}"
        image_path, masks_path = folder / f"{name}.nii.gz", folder / f"{name}_organs.nii.gz"
        if not masks_path.exists():
            rng = np.random.default_rng(FIRST_SEED + number)
            spec = sample_torso(rng, spacing=(SPACING_MM,) * 3, phase="non_contrast")
            torso = build_torso(spec)
            image = with_lesion(torso.image, torso.organs, kind, rng) if kind else torso.image
            sitk.WriteImage(sitk.Cast(image, sitk.sitkInt16), str(image_path))
            sitk.WriteImage(torso.organs, str(masks_path))
        cases.append(
            {
                "name": name,
                "patient": name,
                "split": "test" if number >= 2 * count // 3 else "train",
                "image": image_path.name,
                "masks": masks_path.name,
                "malignant": ["liver"] if kind == "liver_tumor" else [],
            }
        )
    path = folder / "manifest.json"
    path.write_text(json.dumps({"labels": "pasta", "cases": cases}, indent=1), encoding="utf-8")
    return path


def main() -> int:
    """Make, train, apply, judge; returns the exit code of the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of everything")
    parser.add_argument("--torsos", type=int, default=300)
    parser.add_argument("--model", default="pasta-s", help="bundled name or folder")
    options = parser.parse_args()
    manifest = str(write_torsos(options.out / "torsos", options.torsos))
    settings = options.out / "settings.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")
    run, scores = str(options.out / "run"), str(options.out / "scores")
    model = ["--model", options.model]
    return (
        train_main(["screen", manifest, "-o", run, "--settings", str(settings), *model])
        or train_main(["apply", run, manifest, "-o", scores, "--saliency", "gradcam", *model])
        or judge_main([manifest, "--predictions", scores, "-o", str(options.out / "evaluation")])
    )


if __name__ == "__main__":
    sys.exit(main())
