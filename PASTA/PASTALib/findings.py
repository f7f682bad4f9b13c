"""From a map of lesion types to findings: one type each, large and sure enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.confidence import raw_confidence
from PASTALib.lesions import STONES, connected_parts, is_large_enough, minimum_diameter
from PASTALib.measure import equivalent_diameter

if TYPE_CHECKING:
    from PASTALib.model import ModelInfo


def one_type_each(lesions: NDArray[np.uint8], probability: NDArray[np.uint8]) -> None:
    """Give every connected lesion of an organ (26 neighbors) its most probable type.

    Voxel by voxel a network calls one part of a tumor a tumor and another a cyst. Stones stay what
    they are, also inside a cancer. Two lesions of one organ that touch become one; a reader splits
    them with one click, while a lesion in pieces has neither the right size nor the right type.

    Args:
        lesions: labels of lesion types ``[z, y, x]``, changed.
        probability: lesion probability times 255.
    """
    book = catalog()
    boxes = dict(enumerate(ndimage.find_objects(lesions), start=1))
    for organ in book.organs:
        rivals = [kind.label for kind in book.lesions_of(organ) if kind.key not in STONES]
        if sum(boxes.get(label) is not None for label in rivals) < 2:
            continue
        parts, _ = ndimage.label(np.isin(lesions, rivals), structure=np.ones((3, 3, 3)))
        for number, place in enumerate(ndimage.find_objects(parts), start=1):
            inside = parts[place] == number
            votes = np.bincount(
                lesions[place][inside], weights=probability[place][inside].astype(float)
            )
            lesions[place][inside] = votes.argmax()


def drop_improbable(
    lesions: NDArray[np.uint8],
    probability: NDArray[np.uint8],
    voxel_mm3: float,
    info: ModelInfo,
) -> None:
    """Remove connected parts that are too small, or less sure than the model's least confidence.

    Args:
        lesions: labels of lesion types ``[z, y, x]``, changed.
        probability: lesion probability times 255.
        voxel_mm3: volume of a voxel.
        info: the model that found them.
    """
    boxes = ndimage.find_objects(lesions)
    for kind in catalog().lesion_types.values():
        box = boxes[kind.label - 1] if kind.label <= len(boxes) else None
        if box is None:
            continue
        smallest = minimum_diameter(kind.key, info.spacing_mm)
        for place, mask in connected_parts(lesions, kind.label, box):
            voxels = int(mask.sum())
            raw = raw_confidence(probability[place][mask])
            sure = info.calibration(kind.key, raw, equivalent_diameter(voxels * voxel_mm3))
            large = is_large_enough(voxels, voxel_mm3, smallest)
            if not large or sure < info.least_confidence:
                lesions[place][mask] = 0
