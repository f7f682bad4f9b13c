"""A box of the CT on the grid where outlines are looked for: cubic voxels, and little noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.geometry import Floats, Geometry, as_index, as_vector
from PASTALib.gestures.marks import Marks

WORKING_VOXELS = 44
"""Along the longest edge of the box; the time goes with the third power of it."""
FINEST_MM = 0.8
LEAST_NOISE_HU = 2.0
MANY_MARKS = 30
MOST_BORDER = 0.02
"""Share of the sides of a view that a lesion may touch; what touches more leaves it."""
NEIGHBORS = np.ones((3, 3, 3), bool)


@dataclass(frozen=True, eq=False)
class View:
    """A box of the CT on the working grid; arrays are ``[z, y, x]``.

    Attributes:
        image: HU without most of the noise.
        geometry: of the grid.
        noise: standard deviation of what is left of the noise, HU.
        positive: marked as lesion.
        negative: marked as none.
    """

    image: Floats
    geometry: Geometry
    noise: float
    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]

    @classmethod
    def of(cls, hu: NDArray[np.int16], place: Geometry, marks: Marks) -> View:
        """The view of a box of the CT.

        Args:
            hu: the box, ``[z, y, x]``.
            place: its geometry.
            marks: voxels of it that are known.
        """
        grid = working_grid(place)
        sigma = 0.6 * grid.spacing[0] / place.spacing_zyx
        blurred = ndimage.gaussian_filter(hu.astype(np.float32), sigma)
        sampled = grid.sample(place.place(sitk.GetImageFromArray(blurred)), float(hu.min()))
        image = sitk.GetArrayFromImage(sitk.CurvatureFlow(sampled, 0.06, 5)).astype(float)
        positive, negative = (marked(m, place, grid) for m in (marks.inside, marks.outside))
        return cls(image, grid, noise_of(image), positive, negative)

    @property
    def step(self) -> float:
        """Millimeters between voxels."""
        return self.geometry.spacing[0]

    @property
    def border(self) -> NDArray[np.bool_]:
        """The voxels on the sides of the box."""
        border = np.ones(self.image.shape, bool)
        border[1:-1, 1:-1, 1:-1] = False
        return border

    def away(self, mask: NDArray[np.bool_]) -> Floats:
        """Distance in mm to the nearest voxel of a mask; very large where it is empty."""
        if not mask.any():
            return np.full(mask.shape, 1e3)
        result: Floats = ndimage.distance_transform_edt(~mask) * self.step
        return result


def working_grid(place: Geometry) -> Geometry:
    """Cubic voxels that fill a box along its own axes."""
    extent = np.array(place.size) * place.spacing
    step = max(float(extent.max()) / WORKING_VOXELS, FINEST_MM)
    size = np.maximum(3, np.ceil(extent / step))
    first = place.points_of_xyz(np.full(3, -0.5) + 0.5 * step / np.array(place.spacing))
    return Geometry(as_index(size), (step,) * 3, as_vector(first), place.direction)


def noise_of(image: Floats) -> float:
    """Standard deviation of the noise, from the median difference of neighbors."""
    steps = np.concatenate([np.diff(image, axis=axis).ravel() for axis in range(3)])
    return max(LEAST_NOISE_HU, float(1.4826 * np.median(np.abs(steps)) / np.sqrt(2)))


def marks_in(mask: NDArray[np.bool_]) -> Sequence[NDArray[np.bool_]]:
    """The connected marks of a mask, one by one.

    Voxels of a CT that is coarser than the working grid lie apart there. What is drawn is still a
    few marks; the outside of a box or another finding would be thousands, and is taken as one.
    """
    parts, count = ndimage.label(mask, NEIGHBORS)
    if count > MANY_MARKS:
        parts, count = ndimage.label(ndimage.binary_dilation(mask, NEIGHBORS, iterations=3))
        parts = parts * mask
    return [parts == number for number in range(1, count + 1)]


def marked(mask: NDArray[np.bool_], place: Geometry, grid: Geometry) -> NDArray[np.bool_]:
    """Voxels of a working grid that hold the center of a voxel of a mask on a box of the CT."""
    hit = np.zeros(grid.shape_zyx, bool)
    index = np.round(grid.indices_zyx(place.points_of_zyx(np.argwhere(mask)))).astype(int)
    hit[tuple(np.clip(index, 0, np.array(grid.shape_zyx) - 1).T)] = True
    return hit
