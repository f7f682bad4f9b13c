"""Training cases: a CT on the model grid with catalogue labels, stored as one file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.errors import PastaError
from PASTALib.files import written_atomically

STORED = "stored"
"""Kind of a case whose lesions are in its labels. There may be thousands, so that they are read
when a patch is drawn of them; all others are held in memory."""


@dataclass(frozen=True)
class Case:
    """One training case.

    Attributes:
        name: where it is from, for logs and the model card.
        kind: ``real`` (CT with organ labels), ``partial`` (CT with labels for some structures,
            the rest unknown), ``torso`` (made by rule), ``transplant`` (a torso with the organs
            of a real patient), ``stored`` (CT with lesions in its labels)
            or ``labels`` (a label map that is painted anew each time it is drawn; `hu` is then
            empty).
        hu: int16 HU, ``[z, y, x]``, LPS axes.
        labels: uint8 catalogue labels, ``[z, y, x]``; 255 is unknown.
        spacing_mm: edge of the isotropic voxels.
        phase: contrast phase of `hu`.
        split: ``train`` or ``test``.
    """

    name: str
    kind: str
    hu: np.ndarray
    labels: np.ndarray
    spacing_mm: float
    phase: str
    split: str


def save_case(folder: Path, case: Case) -> Path:
    """Write a case to `folder`; returns the path."""
    path = folder / f"{case.name}.npz"
    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **vars(case))
    return path


def load_case(path: Path) -> Case:
    """Read one case."""
    with np.load(path) as stored:
        fields = {key: stored[key] for key in stored.files}
    return Case(**{key: v.item() if v.ndim == 0 else v for key, v in fields.items()})


def case_files(folder: Path, split: str) -> list[tuple[Path, str]]:
    """Files of all cases of a split with their kinds, sorted by name; no image is read.

    Raises:
        PastaError: there is none; `prepare` was not run.
    """
    found = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            if stored["split"].item() == split:
                found.append((path, str(stored["kind"].item())))
    if not found:
        raise PastaError(
            f"The folder '{folder}' holds no {split} case; run 'pasta-train prepare' first."
        )
    return found


def load_cases(folder: Path, split: str) -> list[Case]:
    """All cases of a split, sorted by name.

    Raises:
        PastaError: there is none; `prepare` was not run.
    """
    return [load_case(path) for path, _ in case_files(folder, split)]


def on_grid(labels: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """A label map on another grid, by nearest neighbor, as an array ``[z, y, x]``."""
    moved = sitk.Resample(labels, grid, sitk.Transform(), sitk.sitkNearestNeighbor)
    return sitk.GetArrayFromImage(moved)
