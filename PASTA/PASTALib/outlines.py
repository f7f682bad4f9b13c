"""Changes of outlines that a reader makes with one press: join and part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, Index, as_index
from PASTALib.region import Region


def joined(regions: Sequence[Region]) -> Region:
    """All voxels of several regions of one image."""
    start, masks = together(regions)
    return _region(np.any(masks, axis=0), start, regions[0].geometry)


def together(regions: Sequence[Region]) -> tuple[Index, list[NDArray[np.bool_]]]:
    """The least box that holds several regions of one image: its start, and each of them in it."""
    starts = np.array([region.start for region in regions])
    low = starts.min(axis=0)
    shape = (starts + [region.mask.shape for region in regions]).max(axis=0) - low
    start = as_index(low)
    return start, [region.within(start, as_index(shape)) for region in regions]


def parted(region: Region) -> tuple[Region, ...]:
    """The connected parts of a region, the largest first; one that is whole is cut into two halves.

    The halves are what lies nearer to either of two centers (2-means), which for a dumbbell are its
    ends.

    Raises:
        PastaError: it has only one voxel.
    """
    from scipy import ndimage  # here: it costs 0.2 s, which opening a module must not

    labels, count = ndimage.label(region.mask, structure=np.ones((3, 3, 3)))
    if count == 1:
        labels, count = _halves(region), 2
    parts = [
        _region(labels == number, region.start, region.geometry) for number in range(1, count + 1)
    ]
    return tuple(sorted(parts, key=lambda part: -part.voxels))


def _halves(region: Region) -> np.ndarray:
    from scipy.cluster.vq import kmeans2

    index = np.argwhere(region.mask)
    if len(index) < 2:
        raise PastaError("One voxel cannot be split; delete the finding instead.")
    points = index * region.geometry.spacing_zyx
    centered = points - points.mean(axis=0)
    along = centered @ np.linalg.svd(centered, full_matrices=False)[2][0]
    ends = points[[int(along.argmin()), int(along.argmax())]]
    _, nearer = kmeans2(points, ends, minit="matrix")
    labels = np.zeros(region.mask.shape, int)
    labels[tuple(index.T)] = nearer + 1
    return labels


def _region(mask: np.ndarray, start: Sequence[int] | np.ndarray, geometry: Geometry) -> Region:
    z, y, x = (int(value) for value in start)
    region = Region.of(mask, geometry, (z, y, x))
    assert region is not None
    return region
