"""From a map of lesion types to findings: one type each, large and sure enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.closer.candidates import candidates_in
from PASTALib.geometry import Geometry
from PASTALib.lesions import STONES
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
    geometry: Geometry,
    info: ModelInfo,
) -> None:
    """Remove connected parts that are too small, or less sure than the model's least confidence.

    Args:
        lesions: labels of lesion types ``[z, y, x]``, changed.
        probability: lesion probability times 255.
        geometry: of both.
        info: the model that found them.
    """
    kept = np.zeros(lesions.shape, bool)
    for candidate in candidates_in(lesions, probability, geometry, info.spacing_mm):
        diameter = equivalent_diameter(candidate.region.voxels * geometry.voxel_mm3)
        if info.calibration(candidate.type, candidate.raw, diameter) >= info.least_confidence:
            kept[candidate.region.slices] |= candidate.region.mask
    lesions[~kept] = 0
