"""The scan's own blur: the width of its point spread in the plane, from the skin.

Skin against air is the one step that every CT shows thousands of times and that is as sharp as
anything in the patient. An error-function edge of height h and width sigma has the largest slope
``h / (sigma sqrt(2 pi))``. What voxels and the central difference add to sigma is taken away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POINT_SPREAD_SIGMA_MM = 0.45
"""In-plane point spread of a soft kernel, about 1.0 mm full width at half maximum (facts 4: 0.8 to
1.2 mm soft, 0.6 to 0.8 mm sharp); what is assumed where the scan shows too few edges."""
RANGE_MM = (0.25, 0.9)
COARSE_MM = 1.5
"""In larger pixels the voxel hides the scanner's blur."""
SLICES = 10
REACH_MM = 6.0
"""Half the length of a profile across the skin."""
AIR_HU, TISSUE_HU = -900.0, (-200.0, 100.0)
STRAIGHT = 0.9
"""Least share of the gradient along the profile: the edge is crossed at a right angle."""
SHARPEST = 25
"""Percentile of the widths: clothes, hair and creases only widen edges."""
FEW_EDGES = 150


def point_spread_sigma(hu: NDArray[np.int16], spacing_zyx: NDArray[np.float64]) -> float:
    """Sigma in mm of the in-plane point spread of a CT.

    On public scans: 0.44 to 0.64 mm for soft kernels, the lower limit for a lung kernel.

    Args:
        hu: HU ``[z, y, x]``, stored in axial slices.
        spacing_zyx: mm between voxels.
    """
    pixel = float(spacing_zyx[2])
    reach = int(np.ceil(REACH_MM / pixel))
    if float(spacing_zyx[1:].max()) > COARSE_MM or hu.shape[2] < 4 * reach or hu.shape[1] < 3:
        return POINT_SPREAD_SIGMA_MM
    step = max(1, hu.shape[0] // SLICES)
    widths = [_edge_widths(plane, spacing_zyx, reach) for plane in hu[step // 2 :: step]]
    found = np.concatenate(widths)
    if len(found) < FEW_EDGES:
        return POINT_SPREAD_SIGMA_MM
    seen = float(np.percentile(found, SHARPEST))
    # A central difference averages over two pixels (variance s^2/3), a pixel over one (s^2/12).
    return float(np.sqrt(np.clip(seen**2 - 5 / 12 * pixel**2, *np.square(RANGE_MM))))


def _edge_widths(
    plane: NDArray[np.int16], spacing_zyx: NDArray[np.float64], reach: int
) -> NDArray[np.float32]:
    """Sigma in mm of the edges between air and skin along the rows of a slice."""
    hu = plane.astype(np.float32)
    down, along = (np.gradient(hu, mm, axis=axis) for axis, mm in enumerate(spacing_zyx[1:]))
    slope: NDArray[np.float32] = np.sqrt(down**2 + along**2)
    inner = slice(reach, -reach)
    peak = slope[:, inner]
    straight = np.abs(along[:, inner]) > STRAIGHT * peak
    highest = (peak >= slope[:, reach - 1 : -reach - 1]) & (
        peak >= slope[:, reach + 1 : slope.shape[1] - reach + 1]
    )
    left, right = hu[:, : -2 * reach], hu[:, 2 * reach :]
    air, tissue = np.minimum(left, right), np.maximum(left, right)
    skin = (air < AIR_HU) & (tissue > TISSUE_HU[0]) & (tissue < TISSUE_HU[1])
    step = tissue - air
    edge = skin & straight & highest & (peak > step / (2 * REACH_MM))
    return np.asarray(step[edge] / (peak[edge] * np.float32(np.sqrt(2 * np.pi))))
