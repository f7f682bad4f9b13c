"""What the promptable network sees: a cube of the CT around a lesion, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.cubes import on_grid, sampled
from PASTALib.geometry import Geometry
from PASTALib.gestures.marks import Gesture, marks_of
from PASTALib.gestures.scan import Scan
from PASTALib.model import Normalization
from PASTALib.region import Region

EDGE = 40
"""Voxels along each edge of the cube."""
CHANNELS = 5
"""Image, outline until now, positive marks, negative marks, contrast to what is marked."""
OUTLINE_CHANNEL = 1
MARK_CHANNELS = slice(2, 4)
CONTRAST_HU = 50.0
MOST_CONTRAST = 2.0
"""Contrast is given in units of so many HU, and is cut at so many units."""
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of the HU of what is marked, which may be uneven."""
HALO = 1.5
"""Standard deviation in voxels of the bell around a mark: a single voxel would hardly be seen."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CloseUp:
    """A cube of cubic voxels; arrays are ``[z, y, x]``.

    Attributes:
        geometry: of the cube.
        hu: float32.
        present: the outline until now; empty where there is none.
        positive: marked as lesion.
        negative: marked as none, or part of another finding.
    """

    geometry: Geometry
    hu: NDArray[np.float32]
    present: Mask
    positive: Mask
    negative: Mask

    @classmethod
    def of(
        cls, scan: Scan, gestures: Sequence[Gesture], before: Region | None, cube: Geometry
    ) -> CloseUp:
        """The close-up of a part of a scan."""
        marks = marks_of(gestures, cube)
        return cls(
            cube,
            sampled(scan.hu, scan.geometry, cube),
            on_grid([before] if before else [], cube),
            marks.inside,
            marks.outside | on_grid(scan.others, cube),
        )

    def channels(self, normalization: Normalization) -> NDArray[np.float32]:
        """Network input ``(5, z, y, x)``."""
        planes = (
            normalization(self.hu),
            self.present,
            halo(self.positive),
            halo(self.negative),
            self.contrast(),
        )
        return np.stack(planes).astype(np.float32)

    def contrast(self) -> NDArray[np.float32]:
        """How much brighter each voxel is than what is marked, than the outline, or than the rest
        where neither is there; 0 where it is alike.

        Without this, the network drew blobs of the same size around each click for 3000 steps
        before it looked at the image.
        """
        smooth = ndimage.gaussian_filter(self.hu, 1.0)
        known = (self.positive, self.present, ~self.negative)
        like = next((mask for mask in known if mask.any()), np.ones_like(self.negative))
        steps = smooth - np.quantile(smooth[like], QUANTILES)[:, None, None, None]
        nearest = np.abs(steps).argmin(axis=0)[None]
        least = np.take_along_axis(steps, nearest, axis=0)[0]
        return np.clip(least / CONTRAST_HU, -MOST_CONTRAST, MOST_CONTRAST).astype(np.float32)


def halo(mask: Mask) -> NDArray[np.float32]:
    """Marks with a bell around each: 1 in them, 0 far away."""
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    spread = ndimage.gaussian_filter(mask.astype(np.float32), HALO, mode="constant", truncate=3.0)
    return np.minimum(spread / _PEAK, 1.0)


def _peak() -> float:
    single = np.zeros(int(6 * HALO) + 1)
    single[len(single) // 2] = 1
    return float(ndimage.gaussian_filter1d(single, HALO, mode="constant", truncate=3.0).max()) ** 3


_PEAK = _peak()
"""What of a single marked voxel is left at its place."""
