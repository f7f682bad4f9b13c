"""What is around a lesion: the HU of tissues without their lesions, and the local noise."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.geometry import Geometry
from PASTALib.hu_statistics import HUStatistics, Reference, hu_statistics
from PASTALib.point_spread import point_spread_sigma
from PASTALib.region import Region

EROSION_MM = 2.0
"""Tissue this close to its border, or to a lesion, is not counted: partial volume, rim."""
MANY_VOXELS = 1_000_000
"""Boxes larger than this are read with a stride; a median of fewer voxels is as good."""
FEW_VOXELS = 30
"""Fewer voxels than this do not make a statistic."""
NOISE_REACH_MM = 20.0
NOISE_BLOCK_MM = 8.0
NOISE_TISSUES = (
    "liver",
    "spleen",
    "aorta",
    "back_muscle",
    "heart",
    "inferior_vena_cava",
    "urinary_bladder",
)
FEW_BLOCKS = 6
"""A tissue with fewer blocks is not asked on its own."""
DEFAULT_NOISE_HU = 15.0
"""Noise SD where none can be measured: 10 to 15 HU at 5 mm, 20 to 35 HU at 1 mm."""


class Surroundings:
    """A CT with its organs and lesions, and the statistics of tissues, each taken once.

    Attributes:
        hu: int16 HU ``[z, y, x]``, a view.
        organs: catalogue labels of structures, a view.
        lesions: nonzero where any lesion is, a view.
        geometry: geometry of all three.
        phase: contrast phase; ``portal_venous`` and so on, or ``unknown``.
    """

    def __init__(self, ct: CT, organs: sitk.Image, lesions: sitk.Image) -> None:
        self._keep = (ct.image, organs, lesions)  # the views do not own their memory
        hu, labels, masks = map(sitk.GetArrayViewFromImage, self._keep)
        self._hold(hu, labels, masks, Geometry.of(ct.image), ct.phase.value)

    @classmethod
    def of_arrays(
        cls,
        hu: NDArray[np.int16],
        organs: NDArray[np.uint8],
        lesions: NDArray[Any],
        geometry: Geometry,
        phase: str,
    ) -> Surroundings:
        """The same of arrays that stay as they are; attributes as of the class."""
        around = cls.__new__(cls)
        around._hold(hu, organs, lesions, geometry, phase)
        return around

    def _hold(
        self,
        hu: NDArray[np.int16],
        organs: NDArray[np.uint8],
        lesions: NDArray[Any],
        geometry: Geometry,
        phase: str,
    ) -> None:
        self.hu = hu
        self.organs = organs
        self.lesions = lesions
        self.geometry = geometry
        self.phase = phase
        self._tissues: dict[tuple[int, ...], HUStatistics | None] = {}
        self._boxes: dict[int, tuple[slice, slice, slice] | None] = {}
        self._earlier: Surroundings | None = None
        self._changed: frozenset[int] = frozenset()

    def with_lesions(self, lesions: NDArray[np.generic]) -> Surroundings:
        """The same CT and organs around other lesions; statistics of tissues are taken anew."""
        other = copy(self)
        other.lesions = lesions
        other._tissues = {}
        other._earlier = None
        other.__dict__.pop("lesion_boxes", None)
        return other

    @cached_property
    def point_spread_mm(self) -> float:
        """Sigma of the scan's in-plane point spread, from its skin."""
        return point_spread_sigma(self.hu, self.geometry.spacing_zyx)

    @cached_property
    def lesion_boxes(self) -> list[tuple[slice, slice, slice] | None]:
        """Bounding box of each label of `lesions`."""
        found: list[tuple[slice, slice, slice] | None] = ndimage.find_objects(self.lesions)
        return found

    def after(
        self,
        hu: NDArray[np.int16],
        organs: NDArray[np.uint8],
        lesions: NDArray[Any],
        phase: str,
        changed: tuple[int, ...],
    ) -> Surroundings:
        """The same scan with a lesion more, in a structure with the labels `changed`.

        What was found of all other tissues is kept. A large lesion leaves another organ behind: its
        median without the lesion is not what it was before.
        """
        later = Surroundings.of_arrays(hu, organs, lesions, self.geometry, phase)
        later._earlier, later._changed = self, frozenset(changed)
        later._boxes = self._boxes
        later.__dict__.update(point_spread_mm=self.point_spread_mm)
        return later

    def box(self, labels: tuple[int, ...]) -> tuple[slice, slice, slice] | None:
        """Bounding box of all of `labels` together; None if none is there."""
        boxes = [box for label in labels if (box := self._box_of(label)) is not None]
        if not boxes:
            return None
        low = [min(b[axis].start for b in boxes) for axis in range(3)]
        high = [max(b[axis].stop for b in boxes) for axis in range(3)]
        z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
        return z, y, x

    def _box_of(self, label: int) -> tuple[slice, slice, slice] | None:
        """Bounding box of a label of `organs`.

        Comparing bytes takes a thirtieth of what a search for all labels at once does.
        """
        if label not in self._boxes:
            here = self.organs == label
            sides = [np.flatnonzero(here.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
            found = len(sides[0]) > 0
            z, y, x = (slice(int(s[0]), int(s[-1]) + 1) if found else slice(0) for s in sides)
            self._boxes[label] = (z, y, x) if found else None
        return self._boxes[label]

    def tissue(self, structure: str) -> HUStatistics | None:
        """HU of a structure and its parts without lesions and borders; None if it is not seen."""
        labels = catalog().labels_of(structure)
        if self._earlier is not None and not self._changed & set(labels):
            return self._earlier.tissue(structure)
        if labels not in self._tissues:
            box = self.box(labels)
            self._tissues[labels] = None if box is None else self._statistics(labels, box)
        return self._tissues[labels]

    def _statistics(
        self, labels: tuple[int, ...], box: tuple[slice, slice, slice]
    ) -> HUStatistics | None:
        voxels = int(np.prod([b.stop - b.start for b in box]))
        stride = 1 if voxels <= MANY_VOXELS else 2 if voxels <= 8 * MANY_VOXELS else 3
        strided = tuple(slice(b.start, b.stop, stride) for b in box)
        inside = labelled(self.organs[strided], labels) & (self.lesions[strided] == 0)
        eroded = shrink(inside, self.geometry.spacing_zyx * stride, EROSION_MM)
        for mask in (eroded, inside):
            if np.count_nonzero(mask) >= FEW_VOXELS:
                return hu_statistics(self.hu[strided][mask])
        return None

    def reference(self, structure: str, fallback: str) -> Reference:
        """Median of a structure in this CT or, if it is not seen, of the catalogue's tissue."""
        found = self.tissue(structure)
        if found is not None:
            name = catalog().structures[structure].name
            return Reference(name[:1].lower() + name[1:], found.median, True, 2.0)
        return self.expected(fallback)

    def expected(self, tissue: str) -> Reference:
        """The catalogue's HU of a tissue in this phase; unknown counts as portal venous."""
        phases = catalog().normal_hu[tissue]
        normal = phases.get(self.phase, phases["portal_venous"])
        return Reference(tissue.replace("_", " "), normal.mean, False, normal.sd)

    def noise(self, region: Region) -> float:
        """Noise SD in HU near a region: the median SD of small blocks of even tissue.

        Of several tissues the middle one counts, so that fat in muscle does not look like noise.

        Blocks of `NOISE_BLOCK_MM` hold the correlated noise of a CT but little of the slow change
        of a tissue. Where no even tissue is near: `DEFAULT_NOISE_HU`.
        """
        z, y, x = region.grown(NOISE_REACH_MM).slices
        step = np.maximum(1, np.round(NOISE_BLOCK_MM / self.geometry.spacing_zyx)).astype(int)
        near = [z, y, x]
        for axis in range(3):
            if axis != self.geometry.slice_axis:
                near[axis] = slice(None)
        found = [sds for name in NOISE_TISSUES if len(sds := self._block_sds(name, near, step))]
        if not found:
            return DEFAULT_NOISE_HU
        even = sorted(float(np.median(sds)) for sds in found if len(sds) >= FEW_BLOCKS)
        if not even:
            return float(np.median(np.concatenate(found)))
        return even[(len(even) - 1) // 2]

    def _block_sds(
        self, structure: str, near: list[slice], step: NDArray[np.int_]
    ) -> NDArray[np.float32]:
        """SD of the blocks that lie in a structure and in no lesion, in a part of the image."""
        labels = catalog().labels_of(structure)
        box = self.box(labels)
        if box is None:
            return np.zeros(0, np.float32)
        cut = tuple(_meet(a, b) for a, b in zip(near, box, strict=True))
        inside = labelled(self.organs[cut], labels) & (self.lesions[cut] == 0)
        step = np.minimum(step, np.maximum(1, inside.shape))
        whole = blocks(inside, step)
        for _ in range(3):  # one axis after another is several times faster than all at once
            whole = np.all(whole, axis=3)
        if not whole.any() or np.prod(step) < 2:
            return np.zeros(0, np.float32)
        hu = blocks(self.hu[cut], step)[whole].astype(np.float32)
        return np.asarray(hu.reshape(len(hu), -1).std(axis=-1, ddof=1))


def labelled(array: NDArray[np.uint8], labels: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where an array holds one of `labels`; comparing bytes once is faster than looking them up."""
    if len(labels) == 1:
        return np.asarray(array == labels[0])
    table = np.zeros(256, dtype=bool)
    table[list(labels)] = True
    found: NDArray[np.bool_] = table[array]
    return found


def shrink(
    mask: NDArray[np.bool_], spacing_zyx: NDArray[np.float64], margin_mm: float
) -> NDArray[np.bool_]:
    """Erosion by a box of `margin_mm` (at least a voxel); the array's border erodes, too."""
    for axis in range(3):
        reach = max(1, round(margin_mm / spacing_zyx[axis]))
        mask = ndimage.minimum_filter1d(
            mask.view(np.uint8), 2 * reach + 1, axis=axis, mode="constant", cval=0
        ).view(bool)
    return mask


def blocks(array: NDArray[Any], step: NDArray[np.int_]) -> NDArray[Any]:
    """An array as blocks of `step` voxels: ``[block z, y, x, voxel z, y, x]``, a view."""
    count = [n // int(s) for n, s in zip(array.shape, step, strict=True)]
    kept = array[tuple(slice(0, c * int(s)) for c, s in zip(count, step, strict=True))]
    a, b, c = count
    i, j, k = (int(s) for s in step)
    return kept.reshape(a, i, b, j, c, k).transpose(0, 2, 4, 1, 3, 5)


def _meet(first: slice, second: slice) -> slice:
    if first.start is None:
        return second
    return slice(max(first.start, second.start), max(first.start, min(first.stop, second.stop)))
