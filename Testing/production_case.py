"""A small recipe over phantoms in files, and what a production leaves, for tests."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).parent / "unit"))
from generator_phantom import phantom, tilted

TYPES = ("liver_cyst", "kidney_tumor", "kidney_stone", "pancreas_tumor")


def write_recipe(folder: Path, **changes: Any) -> Path:
    """Two phantoms with organ masks, one of them oblique, and a recipe that uses them."""
    for name, direction in (("straight", None), ("oblique", tilted())):
        ct, organs = phantom((2.5, 2.5, 3.5), direction)
        for kind, image in (("scans", ct), ("masks", organs)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(image, str(folder / kind / f"{name}.nii.gz"))
    recipe = {
        "name": "Phantoms",
        "seed": 11,
        "layout": "monai",
        "lesions": [{"type": list(TYPES), "count": 2}],
        "sources": [
            {"ct": "scans/*.nii.gz", "organs": "masks", "table": "pasta", "phase": "portal_venous"}
        ],
        **changes,
    }
    path = folder / "recipe.json"
    path.write_text(json.dumps(recipe), encoding="utf-8")
    return path


def fingerprints(out: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        path.relative_to(out).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
