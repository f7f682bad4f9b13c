"""What the closer look sees of a candidate: two cubes around it, a near one and a wide one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.closer.candidates import Candidate
from PASTALib.cubes import cube_around, on_grid, resampled, sampled
from PASTALib.geometry import Geometry

EDGE = 40
"""Voxels along each edge of a cube."""
SHOWN = 2.0
"""The near cube is so many times as large as the candidate."""
NEAR_MM = (0.75, 3.0)
"""Least and largest voxels of the near cube."""
WIDER = 3.0
WIDE_MM = (2.25, 5.0)
"""The same of the wide cube, which is so much wider than the near one."""


@dataclass(frozen=True, eq=False)
class Sight:
    """Two cubes, near and wide, arrays ``[2, z, y, x]``.

    Attributes:
        hu: int16.
        lesion: bool, the candidate.
        organ: bool, the organ of the candidate's type, and the candidate.
        steps_mm: voxels of both.
    """

    hu: NDArray[np.int16]
    lesion: NDArray[np.bool_]
    organ: NDArray[np.bool_]
    steps_mm: tuple[float, float]


def steps_for(extent_mm: float) -> tuple[float, float]:
    """Voxels of the near and the wide cube for a candidate of this extent."""
    near = float(np.clip(SHOWN * extent_mm / EDGE, *NEAR_MM))
    return near, float(np.clip(WIDER * near, *WIDE_MM))


def sight_of(
    candidate: Candidate, hu: NDArray[np.int16], organs: NDArray[np.uint8], edge: int = EDGE
) -> Sight:
    """Look at a candidate.

    Args:
        candidate: of the CT.
        hu: of the CT, ``[z, y, x]``.
        organs: labels of structures ``[z, y, x]``.
        edge: voxels along each edge of the cubes; more than `EDGE` shows more, not larger.
    """
    region = candidate.region
    geometry = region.geometry
    first = np.array(region.start)
    middle = geometry.points_of_zyx(first + np.array(ndimage.center_of_mass(region.mask)))
    extent = float(np.max(np.array(region.mask.shape) * geometry.spacing_zyx))
    steps = steps_for(extent)
    of_organ = catalog().organ_labels(catalog().lesion_types[candidate.type].organ)
    cubes = [cube_around(middle, step, edge) for step in steps]
    lesion = np.stack([on_grid([region], cube) for cube in cubes])
    return Sight(
        np.stack([sampled(hu, geometry, cube).round().astype(np.int16) for cube in cubes]),
        lesion,
        lesion | np.stack([_organ(organs, of_organ, geometry, cube) for cube in cubes]),
        steps,
    )


def _organ(
    organs: NDArray[np.uint8], labels: tuple[int, ...], geometry: Geometry, cube: Geometry
) -> NDArray[np.bool_]:
    low, high = geometry.box_around(cube.corners(), margin=1)
    if any(a >= b for a, b in zip(low, high, strict=True)):
        return np.zeros(cube.shape_zyx, bool)
    where = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    part = np.isin(organs[where], labels)
    return resampled(part, geometry.cropped((low, high)), cube) > 0.5
