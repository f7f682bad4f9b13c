"""Lesions for the benchmark of the correction: inserted into scans kept out of training, and real.

Nothing of them is written anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import insert
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import PHASES, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTATrain.evaluation import REAL_LESIONS, scans

DEEP_LESION = "deeplesion_medsam2"


@dataclass(frozen=True, eq=False)
class Case:
    """A lesion to be outlined; arrays are ``[z, y, x]``."""

    scan: str
    type: str
    hu: np.ndarray
    truth: np.ndarray
    geometry: Geometry

    @property
    def made_by_rule(self) -> bool:
        """Whether all of the scan is; pictures of patients are not to be published."""
        return self.scan.startswith("torso_")


def inserted_cases(data: Path, torsos: range, seeds: range) -> Iterator[Case]:
    """Inserted lesions of each type in each scan that was kept out of training."""
    for scan in scans(data, torsos, "test"):
        ct = scan.ct
        phase = next((phase for phase in PHASES if phase == ct.phase.value), None)
        for seed in seeds:
            for number, kind in enumerate(catalog().lesion_types):
                rng = np.random.default_rng((seed, number))
                try:
                    case = insert(ct.image, scan.organs, LesionSpec(type=kind, phase=phase), rng)
                except PastaError:
                    continue  # the scan does not hold that organ
                yield Case(
                    scan.name,
                    catalog().lesion_types[kind].name,
                    sitk.GetArrayFromImage(case.ct),
                    sitk.GetArrayFromImage(case.lesion_mask) > 0,
                    Geometry.of(case.ct),
                )


def real_cases(data: Path) -> Iterator[Case]:
    """Lesions of patients with a mask, as far as the folder holds them."""
    pairs = [(name, image, mask) for name, _, image, mask in REAL_LESIONS]
    for folder in sorted((data / DEEP_LESION).glob("*")):
        relative = f"{DEEP_LESION}/{folder.name}"
        name = f"DeepLesion {folder.name}"
        pairs.append((name, f"{relative}/ct_clipped_hu", f"{relative}/lesion_mask"))
    for name, image, mask in pairs:
        if (data / f"{image}.nii.gz").exists():
            ct = sitk.ReadImage(str(data / f"{image}.nii.gz"))
            truth = sitk.Resample(
                sitk.ReadImage(str(data / f"{mask}.nii.gz")),
                ct,
                sitk.Transform(),
                sitk.sitkNearestNeighbor,
            )
            hu = sitk.GetArrayFromImage(ct).astype(np.int16)
            yield Case(name, name, hu, sitk.GetArrayFromImage(truth) > 0, Geometry.of(ct))
