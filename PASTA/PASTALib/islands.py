"""Pieces that a network outlines apart from an organ: a liver has no part in the arm.

Keeping the largest connected piece is a usual last step of organ segmentation (nnU-Net's among
others). Here a second piece stays where it is large, as in a scan that cuts an organ in two, and a
piece goes with the lesions that were found in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog

LEAST_SHARE = 0.2
"""Of the volume of the largest piece, which a second piece must have to be believed."""
LEAST_ML = {
    "liver": 30.0,
    "spleen": 10.0,
    "kidney_right": 8.0,
    "kidney_left": 8.0,
    "gallbladder": 1.0,
    "pancreas": 4.0,
    "stomach": 8.0,
    "urinary_bladder": 8.0,
    "esophagus": 2.0,
    "lung_right": 30.0,
    "lung_left": 30.0,
    "heart": 30.0,
    "aorta": 3.0,
    "inferior_vena_cava": 2.0,
    "sacrum": 8.0,
    "sternum": 3.0,
}
"""Structures that are one piece, and the volume below which a piece inside the scan is no organ: a
fraction of the smallest that adults have. A piece at the edge of the scan may be smaller."""
BESIDE = {"gallbladder": "liver"}
"""Structures whose pieces lie beside another structure, where the scan shows that one."""
BESIDE_MM = 30.0
"""At most so far from it, from box to box."""
COARSE_MM = 3.0
"""Pieces are counted on every voxel that lies about this far from the next."""


def drop_islands(
    organs: NDArray[np.uint8], lesions: NDArray[np.uint8], spacing: Sequence[float]
) -> None:
    """Remove what a network outlined apart from an organ, and the lesions in it.

    Args:
        organs: labels of structures ``[z, y, x]``, changed; they include their lesions.
        lesions: labels of lesion types, changed.
        spacing: mm along z, y, x.
    """
    every = tuple(max(1, int(COARSE_MM // step)) for step in spacing)
    coarse = organs[tuple(slice(None, None, step) for step in every)]
    voxel_ml = float(np.prod(np.multiply(spacing, every))) / 1000
    boxes = dict(enumerate(ndimage.find_objects(coarse), start=1))
    for key, least_ml in LEAST_ML.items():
        label = catalog().label(key)
        box = boxes.get(label)
        if box is None:
            continue
        parts, count = ndimage.label(coarse[box] == label, np.ones((3, 3, 3)))
        volumes = voxel_ml * np.bincount(parts.ravel(), minlength=count + 1)
        volumes[0] = 0
        too_small = volumes < LEAST_SHARE * volumes.max()
        cut = np.isin(np.arange(count + 1), _at_the_edge(parts, box, coarse.shape))
        drop = too_small | ((volumes < least_ml) & ~cut)
        if key in BESIDE:
            neighbor = coarse == catalog().label(BESIDE[key])
            drop |= _far_from(neighbor, parts, box, np.multiply(spacing, every))
        drop[0] = False
        pieces = ndimage.find_objects(parts)
        for number in np.flatnonzero(drop):
            piece = pieces[number - 1]
            place = [
                slice(b.start + p.start, b.start + p.stop) for b, p in zip(box, piece, strict=True)
            ]
            _clear(organs, lesions, label, parts[piece] == number, place, every)


def _far_from(
    neighbor: NDArray[np.bool_],
    parts: NDArray[np.int32],
    box: tuple[slice, ...],
    step: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """For each number of a piece, whether its box is too far from that of another structure."""
    pieces = ndimage.find_objects(parts)
    far = np.zeros(len(pieces) + 1, bool)
    around = ndimage.find_objects(neighbor.view(np.uint8))
    if not around:
        return far
    for number, piece in enumerate(pieces, start=1):
        gaps = [
            max(0, wide.start - (at.start + part.stop), at.start + part.start - wide.stop) * mm
            for wide, at, part, mm in zip(around[0], box, piece, step, strict=True)
        ]
        far[number] = np.linalg.norm(gaps) > BESIDE_MM
    return far


def _at_the_edge(
    parts: NDArray[np.int32], box: tuple[slice, ...], shape: Sequence[int]
) -> NDArray[np.int32]:
    """Numbers of the pieces that touch the first or last plane of the scan along any axis."""
    touching = [np.zeros(0, parts.dtype)]
    for axis, (place, size) in enumerate(zip(box, shape, strict=True)):
        touching += [parts.take(0, axis).ravel()] if place.start == 0 else []
        touching += [parts.take(-1, axis).ravel()] if place.stop == size else []
    return np.unique(np.concatenate(touching))


def _clear(
    organs: NDArray[np.uint8],
    lesions: NDArray[np.uint8],
    label: int,
    piece: NDArray[np.bool_],
    box: Sequence[slice],
    every: Sequence[int],
) -> None:
    """Clear the voxels of a piece: those of its structure around what stands for them on the
    coarse grid, where it lies in `box`."""
    fine = tuple(
        slice(max(0, (place.start - 1) * step), place.stop * step)
        for place, step in zip(box, every, strict=True)
    )
    inside = organs[fine]
    seen = tuple(
        slice(place.start * step - within.start, None, step)
        for place, step, within in zip(box, every, fine, strict=True)
    )
    marked = np.zeros(inside.shape, np.uint8)
    marked[seen] = piece
    near = ndimage.maximum_filter(marked, [2 * step - 1 for step in every])
    gone = (near > 0) & (inside == label)
    inside[gone] = 0
    lesions[fine][gone] = 0
