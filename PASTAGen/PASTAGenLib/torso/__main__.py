"""``python -m PASTAGenLib.torso -o FOLDER --seed 3``: write a torso CT and its labels."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from PASTAGenLib.torso import FIELDS_OF_VIEW, build_torso, sample_torso
from PASTALib.catalog import PHASES
from PASTALib.errors import PastaError
from PASTALib.synthetic import description
from PASTALib.writing import write_image


def main(arguments: list[str] | None = None) -> int:
    """Write ``ct.nii.gz`` and ``organs.nii.gz``; the exit code is 0 unless the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m PASTAGenLib.torso", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="the person (default 0)")
    parser.add_argument(
        "--spacing", type=float, nargs="+", default=[1.5], help="mm: one number, or x y z"
    )
    parser.add_argument("--phase", choices=PHASES, help="contrast phase (default: by the seed)")
    parser.add_argument("--field-of-view", choices=sorted(FIELDS_OF_VIEW), default="torso")
    options = parser.parse_args(arguments)
    spacing = tuple(options.spacing * 3 if len(options.spacing) == 1 else options.spacing)
    pinned = {"spacing": spacing, "field_of_view": options.field_of_view}
    if options.phase:
        pinned["phase"] = options.phase
    try:
        torso = build_torso(sample_torso(np.random.default_rng(options.seed), **pinned))
    except PastaError as problem:
        parser.exit(2, f"{problem}\n")
    mark = description(f"torso {torso.spec.seed} made by rule by PASTAGen")
    for name, image in (("ct", torso.image), ("organs", torso.organs)):
        write_image(image, options.output / f"{name}.nii.gz", description=mark)
        print(options.output / f"{name}.nii.gz")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
