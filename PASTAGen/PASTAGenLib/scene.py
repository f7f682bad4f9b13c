"""A scan with its organs as arrays, and what planning needs of it, each found once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import Box, grown, slices
from PASTAGenLib.noise import autocorrelation, even_blocks, sd_of_even
from PASTALib.catalog import Phase, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.surroundings import Surroundings

EVEN_TISSUES = (
    "liver",
    "spleen",
    "aorta",
    "back_muscle",
    "heart",
    "inferior_vena_cava",
    "urinary_bladder",
)
LEAST_RANGE_HU = 20
"""Noise alone spans more; a label map or a picture scaled to 0 to 1 does not."""
NOISE_REACH_MM = 10.0
NEAR_NOISE = (0.6, 1.7)
"""Noise near a place is within these shares of the scan's; more is an organ map that is off."""
NEAR_VOXELS, ALL_VOXELS = 50_000, 1_000_000
"""So many voxels of a place, or of the scan, are looked at for noise."""
DEFAULT_NOISE_HU = 15.0
"""Noise SD where no even tissue is seen: 10 to 15 HU at 5 mm slices (facts 4.1)."""
FALLBACK_TISSUE = {
    "gallbladder": "bile",
    "urinary_bladder": "urine",
    "back_muscle": "muscle",
    "kidney_left": "kidney",
    "kidney_right": "kidney",
    "lung_left": "lung",
    "lung_right": "lung",
    "aorta": "blood",
    "stomach": "hollow_wall",
    "esophagus": "hollow_wall",
    "colorectum": "hollow_wall",
    **{s.key: "trabecular_bone" for s in catalog().structures.values() if s.organ == "bone"},
}
"""Tissue of the catalogue's normal HU for structures with too few voxels for a median."""


BONE_LABELS = np.zeros(256, bool)
BONE_LABELS[list(catalog().organ_labels("bone"))] = True
"""Look-up table over label numbers, true for bone."""
SCANNER_HU = (-1024.0, 3071.0)
"""What 12-bit scanners store."""
CUT_VOXELS = 30
"""So many voxels at the scan's least or largest value say that what lay beyond was cut."""
HU = NDArray[Any]
"""HU as a scan holds them: int16, or float32 where it has fractions."""
OCCUPIED = 255
"""Stands in the organ map of a scene for voxels of lesions that are already there."""


@dataclass(frozen=True)
class Host:
    """One structure that a lesion can be in: its parts count as it."""

    key: str
    organ: str
    labels: tuple[int, ...]


def _check_same_grid(ct: sitk.Image, other: sitk.Image, name: str) -> None:
    places = ("GetSize", "GetOrigin", "GetSpacing", "GetDirection")
    if not all(np.allclose(getattr(ct, p)(), getattr(other, p)(), atol=1e-3) for p in places):
        raise PastaError(
            f"The {name} lies on another voxel grid than the CT; resample it to the CT."
        )


def hosts_of(organ: str) -> tuple[Host, ...]:
    """The structures of one of the ten organs that stand for themselves."""
    found = catalog()
    return tuple(
        Host(s.key, organ, found.labels_of(s.key) if s.key != "vertebrae" else (s.label,))
        for s in found.structures.values()
        if s.organ == organ and (s.parent is None or s.parent == "vertebrae")
    )


class Scene:
    """A CT and its organ map.

    Handing the same scene to many plans saves looking for the organs each time. It reads the
    arrays when asked first, so the arrays must not change while it is in use.

    Attributes:
        hu: HU ``[z, y, x]``, int16 or, of a scan that holds fractions, float32.
        organs: uint8 catalogue labels of structures ``[z, y, x]``; `OCCUPIED` where no lesion
            may come to lie.
        geometry: where the voxels lie.
    """

    def __init__(self, hu: HU, organs: NDArray[np.uint8], geometry: Geometry) -> None:
        if hu.shape != organs.shape:
            raise PastaError("The organ map has another size than the CT; resample it to the CT.")
        self.hu = hu
        self.organs = organs
        self.geometry = geometry
        self._voxels: dict[tuple[int, ...], NDArray[np.int64]] = {}

    @classmethod
    def of(cls, ct: sitk.Image, organs: sitk.Image, lesions: sitk.Image | None = None) -> Scene:
        """A scene of images.

        Args:
            ct: 3D, HU.
            organs: catalogue labels of structures.
            lesions: nonzero where lesions already are; new ones keep off.

        Raises:
            PastaError: an image is not 3D, or they differ in size or place.
        """
        if ct.GetDimension() != 3 or ct.GetNumberOfComponentsPerPixel() != 1:
            raise PastaError("PASTAGen needs a 3D CT with one value a voxel; choose one volume.")
        _check_same_grid(ct, organs, "organ map")
        given = sitk.GetArrayFromImage(ct)
        hu = given.astype(np.float32 if given.dtype.kind == "f" else np.int16, copy=False)
        if np.ptp(hu) < LEAST_RANGE_HU:
            raise PastaError(
                f"The CT holds values from {hu.min()} to {hu.max()} only, which are not HU; apply "
                "its rescale slope and intercept."
            )
        labels = sitk.GetArrayFromImage(organs).astype(np.uint8, copy=False)
        if lesions is not None:
            _check_same_grid(ct, lesions, "lesion map")
            labels[sitk.GetArrayViewFromImage(lesions) > 0] = OCCUPIED
        return cls(hu, labels, Geometry.of(ct))

    @cached_property
    def hu_range(self) -> tuple[float, float]:
        """Least and largest HU that the scan can hold: its own where many voxels share its end,
        otherwise at least what 12-bit scanners store.
        """
        low, high = float(self.hu.min()), float(self.hu.max())
        cut_low, cut_high = (np.count_nonzero(self.hu == end) >= CUT_VOXELS for end in (low, high))
        least, most = SCANNER_HU
        return low if cut_low else min(low, least), high if cut_high else max(high, most)

    def stored(self, values: NDArray[np.float32]) -> HU:
        """HU as this scan can hold them: within its range, and whole where it holds whole ones."""
        clipped = np.clip(values, *self.hu_range)
        return clipped if self.hu.dtype.kind == "f" else np.rint(clipped).astype(self.hu.dtype)

    @staticmethod
    def table(labels: tuple[int, ...]) -> NDArray[np.bool_]:
        """Look-up table over label numbers, true for `labels`."""
        table = np.zeros(256, bool)
        table[list(labels)] = True
        return table

    def voxels(self, labels: tuple[int, ...]) -> NDArray[np.int64]:
        """Flat indices of all voxels with one of `labels`."""
        if labels not in self._voxels:
            # Comparing uint8 once a label is several times faster than one look-up table.
            mask = self.organs == labels[0]
            for label in labels[1:]:
                mask |= self.organs == label
            found = np.flatnonzero(mask)
            self._voxels[labels] = found
        return self._voxels[labels]

    @cached_property
    def around(self) -> Surroundings:
        """The same scan as measurements see it, so that both compare with the same tissue."""
        lesions = self.organs == OCCUPIED
        return Surroundings.of_arrays(self.hu, self.organs, lesions, self.geometry, "unknown")

    def median(self, key: str) -> float | None:
        """Median HU of a structure without its border; None where too little of it is seen."""
        found = self.around.tissue(key)
        return None if found is None else found.median

    def tissue_hu(self, key: str, phase: Phase) -> float:
        """Median HU of a structure of this patient, or the textbook value where it is not seen."""
        known = catalog()
        keys = [s.key for s in known.structures.values() if s.organ == key] or [key]
        for name in keys:
            median = self.median(name)
            if median is not None:
                return median
        return known.normal_hu[FALLBACK_TISSUE.get(key, key)][phase].mean

    @cached_property
    def phase(self) -> Phase:
        """Contrast phase by the rule of thumb: bright aorta arterial, otherwise by the liver."""
        aorta = self.median("aorta")
        liver = self.median("liver")
        if aorta is not None:
            return "arterial" if aorta > 200 else "portal_venous" if aorta > 90 else "non_contrast"
        return "portal_venous" if liver is not None and liver > 85 else "non_contrast"

    @cached_property
    def noise_hu(self) -> float:
        """Noise SD of even tissue anywhere in the scan."""
        everywhere = (slice(None), slice(None), slice(None))
        return self._noise(everywhere, ALL_VOXELS) or DEFAULT_NOISE_HU

    def noise_near(self, box: Box) -> float:
        """Noise SD of even tissue in a box and 10 mm around it; of the scan if there is none.

        Noise in the middle of the body is up to twice that near the skin.
        """
        margin = np.ceil(NOISE_REACH_MM / self.geometry.spacing_zyx)
        near = self._noise(slices(grown(box, margin, self.geometry.shape_zyx)), NEAR_VOXELS)
        low, high = (limit * self.noise_hu for limit in NEAR_NOISE)
        return self.noise_hu if near is None else float(np.clip(near, low, high))

    def _noise(self, where: tuple[slice, slice, slice], most: int) -> float | None:
        """Noise SD of even tissue in a part of the scan; None if there is none."""
        organs = self.organs[where]
        thin = max(1, int((organs.size / most) ** 0.5))
        even = self.table(tuple(catalog().label(key) for key in EVEN_TISSUES))
        return sd_of_even(self.hu[where], organs, even, thin)

    @cached_property
    def noise_correlation(self) -> NDArray[np.float32]:
        """Correlation of the scan's noise by lag ``[z, y, x]``, see `noise.autocorrelation`."""
        even = self.table(tuple(catalog().label(key) for key in EVEN_TISSUES))
        for label in np.flatnonzero(even).tolist():
            box = self.around.box((label,))
            if box is None:
                continue
            blocks = even_blocks(self.hu[box], self.organs[box] == label)
            if blocks is not None:
                return autocorrelation(blocks)
        return autocorrelation(None)

    @property
    def point_spread_mm(self) -> float:
        """Sigma of the scan's in-plane point spread."""
        return self.around.point_spread_mm
