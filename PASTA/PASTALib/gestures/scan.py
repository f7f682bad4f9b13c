"""What outlining needs to know of a CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from PASTALib.geometry import Geometry
from PASTALib.region import Region


@dataclass(frozen=True, eq=False)
class Scan:
    """A CT in which a lesion is outlined.

    Attributes:
        hu: ``[z, y, x]``.
        geometry: its geometry.
        others: other findings of it, which keep their voxels.
    """

    hu: NDArray[np.int16]
    geometry: Geometry
    others: Sequence[Region] = ()


def within(
    regions: Sequence[Region], low: Sequence[int], shape: Sequence[int]
) -> NDArray[np.bool_]:
    """What of some regions lies in a box of the CT.

    Args:
        regions: of the CT.
        low: index x, y, z of the box's first voxel.
        shape: of the box, z, y, x.
    """
    mask = np.zeros(shape, bool)
    for region in regions:
        mask |= region.within(low[::-1], shape)
    return mask
