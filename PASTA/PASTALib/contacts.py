"""Which structures a lesion touches, and with how much of its surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from PASTALib.catalog import Structure, catalog
from PASTALib.region import Region

REACH_MM = 2.0
"""A structure counts as touched where it is at most this far from the lesion's surface."""


@dataclass(frozen=True)
class Contact:
    """Contact of a lesion with a structure of another organ.

    Attributes:
        structure: catalogue key.
        area_mm2: part of the lesion's surface with the structure within `REACH_MM`.
        fraction: the same as a fraction of the lesion's whole surface.
    """

    structure: str
    area_mm2: float
    fraction: float


def find_contacts(
    region: Region, organs: NDArray[np.uint8], own: tuple[int, ...], surface_mm2: float
) -> tuple[Contact, ...]:
    """Contacts of a region, the largest first.

    From each voxel face of the lesion's surface we walk outward up to `REACH_MM` and take the first
    foreign structure; a neighboring voxel counts however thick the slices are, since the gap to it
    is zero. Face areas are scaled so that all of them together make `surface_mm2`, because the
    staircase of voxel faces is half as large again as the smooth surface.

    Args:
        region: the lesion.
        organs: catalogue labels of the whole image.
        own: labels of the lesion's own organ, never a contact.
        surface_mm2: smooth surface of the lesion.
    """
    # A voxel more than the reach: the gap is counted from the face, not from the voxel's center.
    grown = region.grown(REACH_MM + max(region.geometry.spacing))
    labels = organs[grown.slices]
    names = catalog().by_label
    foreign = np.zeros(256, dtype=bool)
    foreign[[k for k, item in names.items() if isinstance(item, Structure) and k not in own]] = True
    other = np.where(foreign[labels], labels, 0)
    areas = np.zeros(256)
    total = 0.0
    spacing = region.geometry.spacing_zyx
    for axis in range(3):
        face = region.geometry.voxel_mm3 / spacing[axis]
        # A face that the reach never leaves still sees its direct neighbor (gap 0).
        steps = 1 + int(REACH_MM / spacing[axis])
        for sense in (-1, 1):
            faces = grown.mask & ~_moved(grown.mask, axis, sense)
            total += face * np.count_nonzero(faces)
            hit = np.where(faces, other, 0)
            for step in range(1, steps + 1):
                beyond = np.where(faces & (hit == 0), _moved(other, axis, sense * step), 0)
                hit = np.where(hit == 0, beyond, hit)
            areas += face * np.bincount(hit[faces], minlength=256)
    found = [
        Contact(names[int(k)].key, surface_mm2 * areas[k] / total, float(areas[k] / total))
        for k in np.flatnonzero(areas)
        if k != 0
    ]
    return tuple(sorted(found, key=lambda c: (-c.area_mm2, c.structure)))


def _moved(array: NDArray[Any], axis: int, step: int) -> NDArray[Any]:
    """`array` shifted so that each voxel holds the value found `step` voxels along `axis`."""
    result = np.zeros_like(array)
    length = array.shape[axis]
    if abs(step) >= length:
        return result
    here: list[slice] = [slice(None)] * 3
    there: list[slice] = [slice(None)] * 3
    here[axis] = slice(max(0, -step), length - max(0, step))
    there[axis] = slice(max(0, step), length - max(0, -step))
    result[tuple(here)] = array[tuple(there)]
    return result
