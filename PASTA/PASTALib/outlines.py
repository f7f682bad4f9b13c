"""Changes of outlines that a reader makes with one press: join, part, and grow from a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.cluster.vq import kmeans2

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry, Vector
from PASTALib.region import Region

GROW_MM = 25.0
"""Farthest that a lesion grows from the point that was clicked."""
GROW_SD = 2.0
"""HU within so many standard deviations of the surroundings of the point belong to it."""
BALL_MM = 5.0
"""Radius of the ball that stands in where fewer than `FEW_VOXELS` can be grown."""
FEW_VOXELS = 5


def joined(regions: Sequence[Region]) -> Region:
    """All voxels of several regions of one image."""
    starts = np.array([region.start for region in regions])
    stops = starts + [region.mask.shape for region in regions]
    low, high = starts.min(axis=0), stops.max(axis=0)
    mask = np.zeros(high - low, bool)
    for region, start, stop in zip(regions, starts - low, stops - low, strict=True):
        mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] |= region.mask
    return _region(mask, low, regions[0].geometry)


def parted(region: Region) -> tuple[Region, ...]:
    """The connected parts of a region, the largest first; one that is whole is cut into two halves.

    The halves are what lies nearer to either of two centers (2-means), which for a dumbbell are its
    ends.

    Raises:
        PastaError: it has only one voxel.
    """
    labels, count = ndimage.label(region.mask, structure=np.ones((3, 3, 3)))
    if count == 1:
        labels, count = _halves(region), 2
    parts = [
        _region(labels == number, region.start, region.geometry) for number in range(1, count + 1)
    ]
    return tuple(sorted(parts, key=lambda part: -part.voxels))


def _halves(region: Region) -> np.ndarray:
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


def grown(hu: np.ndarray, geometry: Geometry, point: Vector) -> Region:
    """The lesion at a point: voxels of similar HU that hang together with it, within `GROW_MM`.

    A start that a reader corrects, no more.

    Args:
        hu: the CT, ``[z, y, x]``.
        geometry: of the CT.
        point: LPS mm.

    Raises:
        PastaError: the point lies outside the CT.
    """
    index = np.round(geometry.indices_xyz([point])[0]).astype(int)
    if (index < 0).any() or (index >= geometry.size).any():
        raise PastaError("That point lies outside the CT; click inside it.")
    low, high = geometry.box_around(np.add(point, [[-GROW_MM] * 3, [GROW_MM] * 3]))
    box = hu[tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))]
    image = sitk.GetImageFromArray(box.astype(np.float32))
    similar = sitk.ConfidenceConnected(
        sitk.CurvatureFlow(image, 0.05, 3),
        [[int(i - a) for i, a in zip(index, low, strict=True)]],
        numberOfIterations=2,
        multiplier=GROW_SD,
        initialNeighborhoodRadius=1,
    )
    array = sitk.GetArrayFromImage(sitk.BinaryMorphologicalClosing(similar, [1, 1, 1])) > 0
    distance = _distance(geometry, low, array.shape, point)
    array &= distance <= GROW_MM
    if array.sum() < FEW_VOXELS:
        array = distance <= max(BALL_MM, 1.5 * max(geometry.spacing))
    return _region(array, low[::-1], geometry)


def _distance(
    geometry: Geometry, low: Sequence[int], shape: Sequence[int], point: Vector
) -> np.ndarray:
    """Distance in mm of each voxel ``[z, y, x]`` of a box to a point."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    points = geometry.points_of_zyx(index + np.array(low)[::-1])
    distance: np.ndarray = np.linalg.norm(points - np.array(point), axis=-1)
    return distance


def _region(mask: np.ndarray, start: Sequence[int] | np.ndarray, geometry: Geometry) -> Region:
    z, y, x = (int(value) for value in start)
    region = Region.of(mask, geometry, (z, y, x))
    assert region is not None
    return region
