"""Boxes of an array ``[z, y, x]``, and the voxels in them by their place in the patient.

Lesions are planned and painted on arrays, so here everything is in array order; `PASTALib.geometry`
holds boxes in the order x, y, z for what is done to images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from PASTALib.geometry import Geometry, Index

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First and last-plus-one index of a region along ``z, y, x``."""


NOWHERE: Box = ((0, 0), (0, 0), (0, 0))


def box_of_ball(geometry: Geometry, center: NDArray, radius_mm: float) -> Box:
    """Smallest box of voxels that holds a ball around an LPS point in mm, cut to the image."""
    return box_around(geometry, np.asarray(center)[None], radius_mm)


def box_around(geometry: Geometry, points: NDArray, margin_mm: float) -> Box:
    """Smallest box of voxels that holds LPS points in mm with a margin, cut to the image."""
    index = geometry.indices_zyx(points)
    margin = margin_mm * np.linalg.norm(geometry.inverse_zyx, axis=1)
    low = np.maximum(np.floor(index.min(axis=0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0) + margin).astype(int) + 1, geometry.shape_zyx)
    (z0, y0, x0), (z1, y1, x1) = low.tolist(), np.maximum(high, low).tolist()
    return (z0, z1), (y0, y1), (x0, x1)


def offsets_from(point: NDArray, geometry: Geometry, box: Box) -> NDArray[np.float32]:
    """Vectors in LPS mm from a point to the voxels of a box, ``[z, y, x, 3]``."""
    along = [
        np.arange(first, last)[:, None] * geometry.steps_zyx[:, axis]
        for axis, (first, last) in enumerate(box)
    ]
    start = np.array(geometry.origin) - np.asarray(point, np.float64)
    z, y, x = (part.astype(np.float32) for part in (along[0] + start, along[1], along[2]))
    offsets = np.empty((len(z), len(y), len(x), 3), np.float32)
    for part in range(3):  # one by one: numpy is slow where the last axis is short
        plane = z[:, None, part] + y[None, :, part]
        np.add(plane[..., None], x[:, part], out=offsets[..., part])
    return offsets


def slices(box: Box) -> tuple[slice, slice, slice]:
    """A box as an array index."""
    return slice(*box[0]), slice(*box[1]), slice(*box[2])


def start_of(box: Box) -> Index:
    """First voxel of a box."""
    z, y, x = box
    return z[0], y[0], x[0]


def grown(box: Box, margin: NDArray, shape: Index) -> Box:
    """A box with `margin` voxels more on each side along ``z, y, x``, cut to `shape`."""
    (z, y, x) = (
        (max(first - int(m), 0), min(last + int(m), size))
        for (first, last), m, size in zip(box, margin, shape, strict=True)
    )
    return z, y, x
