"""Candidates: places that may be lesions, before anybody has judged them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.closer.blobs import BLOBS, blobs
from PASTALib.confidence import raw_confidence
from PASTALib.geometry import Geometry
from PASTALib.lesions import connected_parts, is_large_enough, minimum_diameter
from PASTALib.region import Region

BLOB_CONFIDENCE = 0.5
"""Raw confidence of a blob, of which the first network says nothing."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that may be a lesion.

    Attributes:
        type: catalogue key of the lesion type.
        region: its voxels.
        raw: raw confidence of the first network.
        is_blob: found by rule, not by the network.
    """

    type: str
    region: Region
    raw: float
    is_blob: bool = False


def outlined(
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


def overlooked(
    image: sitk.Image, organs: NDArray[np.uint8], lesions: NDArray[np.uint8]
) -> Iterator[Candidate]:
    """Blobs that the network did not outline.

    Args:
        image: the CT.
        organs: labels of structures ``[z, y, x]``.
        lesions: labels of lesion types; a blob that touches one is left out.
    """
    geometry = Geometry.of(image)
    for key, rule in BLOBS.items():
        kind = catalog().lesion_types[key]
        organ = np.isin(organs, catalog().organ_labels(kind.organ))
        smallest = minimum_diameter(key)
        for region in blobs(image, organ, rule):
            free = not lesions[region.slices][region.mask].any()
            if free and is_large_enough(region.voxels, geometry.voxel_mm3, smallest):
                yield Candidate(key, region, BLOB_CONFIDENCE, is_blob=True)
