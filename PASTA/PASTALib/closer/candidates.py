"""Candidates: places that may be lesions, before anybody has judged them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.confidence import raw_confidence
from PASTALib.geometry import Geometry
from PASTALib.lesions import connected_parts, is_large_enough, minimum_diameter
from PASTALib.region import Region


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that may be a lesion.

    Attributes:
        type: catalogue key of the lesion type.
        region: its voxels.
        raw: raw confidence of the first network.
    """

    type: str
    region: Region
    raw: float


def candidates_in(
    lesions: NDArray[np.uint8],
    probability: NDArray[np.uint8],
    geometry: Geometry,
    spacing_mm: float,
) -> Iterator[Candidate]:
    """What the network outlined and is large enough.

    Args:
        lesions: labels of lesion types ``[z, y, x]``.
        probability: lesion probability times 255.
        geometry: of both.
        spacing_mm: of the network's grid.
    """
    boxes = dict(enumerate(ndimage.find_objects(lesions), start=1))
    for kind in catalog().lesion_types.values():
        box = boxes.get(kind.label)
        if box is None:
            continue
        smallest = minimum_diameter(kind.key, spacing_mm)
        for (z, y, x), mask in connected_parts(lesions, kind.label, box):
            if is_large_enough(int(mask.sum()), geometry.voxel_mm3, smallest):
                raw = raw_confidence(probability[z, y, x][mask])
                region = Region(mask, (z.start, y.start, x.start), geometry)
                yield Candidate(kind.key, region, raw)
