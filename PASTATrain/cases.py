"""Training cases: a CT on the model grid with catalogue labels, stored as one file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.files import written_atomically


@dataclass(frozen=True)
class Case:
    """One training case.

    Attributes:
        name: where it is from, for logs and the model card.
        kind: ``real`` (CT with organ labels), ``partial`` (CT with labels for some structures,
            the rest unknown), ``torso`` (made by rule) or ``labels`` (a label map that is
            painted anew each time it is drawn; `hu` is then empty).
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


def load_cases(folder: Path, split: str) -> list[Case]:
    """All cases of a split, sorted by name.

    Raises:
        PastaError: there is none; `prepare` was not run.
    """
    cases = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            fields = {key: stored[key] for key in stored.files}
        scalars = {k: v.item() for k, v in fields.items() if v.ndim == 0}
        case = Case(**{**fields, **scalars})
        if case.split == split:
            cases.append(case)
    if not cases:
        raise PastaError(
            f"The folder '{folder}' holds no {split} case; run 'pasta-train prepare' first."
        )
    return cases


def to_lps_grid(image: sitk.Image, spacing_mm: float, labels: bool = False) -> sitk.Image:
    """Resample to LPS axes and isotropic voxels, covering the whole image.

    Labels take the nearest neighbor; a CT is smoothed before it is made coarser, so that thin
    structures do not alias.
    """
    image = sitk.DICOMOrient(image, "LPS")
    if not labels:
        image = sitk.Cast(image, sitk.sitkFloat32)
        sigma = [
            0.4 * (spacing_mm**2 - s**2) ** 0.5 if s < spacing_mm else 0.0
            for s in image.GetSpacing()
        ]
        for axis, value in enumerate(sigma):
            if value:
                image = sitk.RecursiveGaussian(image, value, direction=axis)
    size = [
        max(1, round(n * s / spacing_mm))
        for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    first = [(spacing_mm - s) / 2 for s in image.GetSpacing()]
    origin = image.TransformContinuousIndexToPhysicalPoint(
        [shift / s for shift, s in zip(first, image.GetSpacing(), strict=True)]
    )
    interpolator = sitk.sitkNearestNeighbor if labels else sitk.sitkLinear
    return sitk.Resample(
        image,
        size,
        sitk.Transform(),
        interpolator,
        origin,
        [spacing_mm] * 3,
        image.GetDirection(),
        0 if labels else -1024,
    )


def catalogue_labels(labels: sitk.Image, table: str) -> sitk.Image:
    """Label map of another tool with the label numbers of the catalogue (uint8)."""
    numbers = sitk.GetArrayViewFromImage(labels).astype(np.int32)
    look_up = np.zeros(int(numbers.max()) + 1, np.uint8)
    for theirs, ours in catalog().label_table(table).items():
        if theirs < len(look_up):
            look_up[theirs] = ours
    mapped = sitk.GetImageFromArray(look_up[numbers])
    mapped.CopyInformation(labels)
    return mapped
