"""The scans that the generator is judged on: torsos made by rule, and real CT if present."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.torso import TorsoSpec, build_torso
from PASTALib.catalog import Phase, catalog
from PASTALib.ct import CT, Estimate
from PASTALib.geometry import Geometry
from PASTALib.lungs import lungs_of
from PASTALib.organ_input import read_organs
from PASTALib.reading import read_ct

SOFT = TorsoSpec(seed=1, spacing=(1.2, 1.2, 2.0), noise_sd=9.0, kernel=1.4)
SHARP = TorsoSpec(seed=2, sex="female", spacing=(1.0, 1.0, 3.0), noise_sd=20.0, kernel=0.8)
TORSOS = {
    "torso soft": replace(SOFT, phase="portal_venous"),
    "torso sharp": replace(SHARP, phase="arterial"),
}
"""Two people, two kernels, two noise levels, two phases."""

MARGIN_MM = 45.0


@dataclass(frozen=True)
class RealScan:
    """A real CT in the folder of test data; without `organs` its lungs are found by HU."""

    image: str
    phase: Phase
    organs: str | None = None


REAL = {
    "abdomen 3 mm": RealScan(
        "totalsegmentator/example_ct.nii.gz",
        "non_contrast",
        "totalsegmentator/example_seg_total117.nii.gz",
    ),
    "upper abdomen": RealScan(
        "totalsegmentator/example_ct_dicom",
        "portal_venous",
        "totalsegmentator/example_seg_dicom.nii.gz",
    ),
    "chest low dose": RealScan("tcia_lidc_0306/chest_ct.nii.gz", "non_contrast"),
    "chest arterial": RealScan("tcia_cmb_crc_01068/chest_ct.nii.gz", "arterial"),
}


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT with its organ map.

    Attributes:
        name: for tables.
        image: int16 HU.
        organs: uint8 catalogue labels in the same geometry.
        phase: contrast phase.
        real: whether it is of a patient, so that no picture of it may be published.
    """

    name: str
    image: sitk.Image = field(repr=False)
    organs: sitk.Image = field(repr=False)
    phase: Phase
    real: bool
    _medians: dict[str, float] = field(default_factory=dict, repr=False)

    def labels(self, key: str) -> tuple[int, ...]:
        """Labels of a structure or of one of the ten organs."""
        known = catalog()
        return known.organ_labels(key) if key in known.organs else known.labels_of(key)

    def holds(self, key: str) -> bool:
        """Whether a structure or organ is in the organ map."""
        return bool(np.isin(sitk.GetArrayViewFromImage(self.organs), self.labels(key)).any())

    def median_hu(self, key: str) -> float:
        """Median HU of a structure or organ; nan if it is not in the organ map."""
        if key not in self._medians:
            inside = np.isin(sitk.GetArrayViewFromImage(self.organs), self.labels(key))
            values = sitk.GetArrayViewFromImage(self.image)[inside]
            self._medians[key] = float(np.median(values)) if values.size else float("nan")
        return self._medians[key]

    def around(self, organ: str) -> Scan:
        """The slices within `MARGIN_MM` of an organ: inserting and measuring takes less time."""
        hu = sitk.GetArrayViewFromImage(self.image)
        inside = np.isin(sitk.GetArrayViewFromImage(self.organs), self.labels(organ))
        axis = Geometry.of(self.image).slice_axis
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero(inside.any(axis=others))
        margin = int(np.ceil(MARGIN_MM / self.image.GetSpacing()[2 - axis]))
        first = max(int(filled[0]) - margin, 0)
        last = min(int(filled[-1]) + margin + 1, hu.shape[axis])
        start, size = [0, 0, 0], list(self.image.GetSize())
        start[2 - axis], size[2 - axis] = first, last - first
        image, organs = (
            sitk.RegionOfInterest(whole, size, start) for whole in (self.image, self.organs)
        )
        return replace(self, image=image, organs=organs, _medians={})

    def ct(self, image: sitk.Image | None = None) -> CT:
        """The scan, or another image in its place, as what measures a lesion takes it."""
        phase = Estimate(self.phase, 1.0, "known")
        return CT(image or self.image, self.name, phase=phase, synthetic=image is not None)


def torso_scan(name: str, spec: TorsoSpec) -> Scan:
    """A torso made by rule."""
    torso = build_torso(spec)
    return Scan(name, torso.image, torso.organs, spec.phase, real=False)


def real_scans(data: Path) -> Iterator[Scan]:
    """The real CT of `REAL` that are in a folder; others are left out."""
    for name, scan in REAL.items():
        if not (data / scan.image).exists():
            continue
        ct = read_ct(data / scan.image)
        if scan.organs is None:
            organs = lungs_of(ct.image)
        else:
            organs = read_organs(data / scan.organs, ct.image, "totalsegmentator_v2").labels
        yield Scan(name, ct.image, organs, scan.phase, real=True)
