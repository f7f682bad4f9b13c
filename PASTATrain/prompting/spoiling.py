"""Wrong outlines to begin with: as models and hasty readers leave them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def spoiled(truth: Mask, others: Mask, rng: np.random.Generator) -> Mask:
    """A wrong outline of a lesion, never quite empty.

    Its surface is moved in and out by a smooth random field; then it may be shifted, cut in two,
    merged with a ball beside it or with another lesion.

    Args:
        truth: the lesion, ``[z, y, x]``.
        others: other lesions.
        rng: draws everything.
    """
    index = np.argwhere(truth)
    extent = float(np.ptp(index, axis=0).max() + 1)
    depth = ndimage.distance_transform_edt(truth) - ndimage.distance_transform_edt(~truth)
    knots = int(rng.integers(3, 9))
    field = ndimage.zoom(
        rng.normal(size=(knots,) * 3),
        np.array(truth.shape) / knots,
        order=1,
        grid_mode=True,
        mode="nearest",
    )
    reach = rng.uniform(0.5, 1.0 + 0.12 * extent)
    mask = depth + reach * (field + rng.normal(0, 0.7)) > 0
    if rng.random() < 0.2:
        mask = (
            ndimage.shift(mask.astype(np.float32), rng.normal(0, 0.12 * extent, 3), order=0) > 0.5
        )
    if rng.random() < 0.2:
        normal = rng.normal(size=3)
        side = (np.indices(truth.shape).T - index[rng.integers(len(index))]) @ normal
        mask &= side.T > 0
    if rng.random() < 0.25:
        center = index[rng.integers(len(index))] + rng.normal(0, 0.5 * extent, 3)
        away = np.linalg.norm(np.indices(truth.shape).T - center, axis=-1).T
        mask |= away < rng.uniform(1.5, 2 + 0.4 * extent)
    if others.any() and rng.random() < 0.25:
        mask |= others
    return mask if mask.any() else truth & (rng.random(truth.shape) < 0.5)
