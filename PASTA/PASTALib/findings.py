"""Which connected parts of a lesion map are findings: large and sure enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.confidence import raw_confidence
from PASTALib.lesions import connected_parts, is_large_enough, minimum_diameter

if TYPE_CHECKING:
    from PASTALib.model import ModelInfo


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
            sure = info.calibration(kind.key, raw_confidence(probability[place][mask]))
            large = is_large_enough(int(mask.sum()), voxel_mm3, smallest)
            if not large or sure < info.least_confidence:
                lesions[place][mask] = 0
