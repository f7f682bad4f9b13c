"""Which structure holds a lesion, and which lesions lie in no organ of their type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from PASTALib.catalog import catalog

REACH_MM = 5.0
"""A lesion may bulge this far out of an organ that was outlined without it."""
_SEARCH_MM = (6.0, 30.0)
"""How far around a lesion its structure is looked for; mostly the first is enough, and cheap."""

Places = tuple[slice, ...]


def _padded(places: Places, shape: Sequence[int], spacing: np.ndarray, margin_mm: float) -> Places:
    margin = np.ceil(margin_mm / spacing).astype(int)
    return tuple(
        slice(max(0, s.start - m), min(n, s.stop + m))
        for s, m, n in zip(places, margin, shape, strict=True)
    )


def _lesions_by_organ(lesions: np.ndarray) -> list[tuple[str, Places, list[int]]]:
    """Organs that have lesions: key, box of these lesions, and labels of the organ's types."""
    found = []
    boxes = dict(enumerate(ndimage.find_objects(lesions), start=1))
    for organ in catalog().organs:
        labels = [kind.label for kind in catalog().lesions_of(organ)]
        present = [box for label in labels if (box := boxes.get(label)) is not None]
        if present:
            box = tuple(
                slice(min(p[axis].start for p in present), max(p[axis].stop for p in present))
                for axis in range(3)
            )
            found.append((organ, box, labels))
    return found


def drop_outside_organs(
    lesions: np.ndarray, probability: np.ndarray, organs: np.ndarray, spacing: Sequence[float]
) -> None:
    """Remove lesion voxels that are more than `REACH_MM` away from the organ of their type.

    Args:
        lesions: labels of lesion types ``[z, y, x]``, changed.
        probability: lesion probability, changed: 0 where a lesion voxel is removed.
        organs: labels of structures.
        spacing: mm along z, y, x.
    """
    step = np.asarray(spacing)
    for organ, box, labels in _lesions_by_organ(lesions):
        around = _padded(box, lesions.shape, step, REACH_MM)
        host = np.isin(organs[around], catalog().organ_labels(organ))
        wrong = np.isin(lesions[around], labels)
        if host.any():
            wrong &= ndimage.distance_transform_edt(~host, sampling=step) > REACH_MM
        lesions[around][wrong] = 0
        probability[around][wrong] = 0


def include_lesions(organs: np.ndarray, lesions: np.ndarray, spacing: Sequence[float]) -> None:
    """Let every organ include the lesions of its types.

    A lesion that is labeled as something else gets the organ's nearest structure. So does one
    that is split between structures, or that has a structure which is not found around it: the
    inside of a large kidney tumor tells little about the side, what lies around it decides.

    Args:
        organs: labels of structures ``[z, y, x]``, changed.
        lesions: labels of lesion types.
        spacing: mm along z, y, x.
    """
    step = np.asarray(spacing)
    for organ, box, labels in _lesions_by_organ(lesions):
        structures = catalog().organ_labels(organ)
        here = np.isin(lesions[box], labels)
        parts, _ = ndimage.label(here, np.ones((3, 3, 3), bool))
        for number, places in enumerate(ndimage.find_objects(parts), start=1):
            part = tuple(
                slice(b.start + p.start, b.start + p.stop) for b, p in zip(box, places, strict=True)
            )
            inside = parts[places] == number
            held = np.unique(organs[part][inside])
            whole = len(held) == 1 and held[0] in structures
            for search in _SEARCH_MM[:1] if whole else _SEARCH_MM:
                around = _padded(part, organs.shape, step, search)
                lesion = np.zeros(organs[around].shape, bool)
                lesion[_within(part, around)] = inside
                outside = np.isin(organs[around], structures) & ~lesion
                if whole and held[0] in organs[around][outside]:
                    break
                if outside.any():
                    _give_nearest(organs[around], lesion, outside, step)
                    break
            else:
                held = held[np.isin(held, structures)]
                organs[part][inside] = held[0] if len(held) else structures[0]


def _within(part: Places, around: Places) -> Places:
    """A box counted from the start of a larger one."""
    return tuple(
        slice(p.start - a.start, p.stop - a.start) for p, a in zip(part, around, strict=True)
    )


def _give_nearest(
    organs: np.ndarray, lesion: np.ndarray, outside: np.ndarray, step: np.ndarray
) -> None:
    """Set the voxels of a lesion to the label of the nearest voxel in `outside`."""
    nearest = ndimage.distance_transform_edt(
        ~outside, sampling=step, return_distances=False, return_indices=True
    )
    organs[lesion] = organs[tuple(nearest)][lesion]
