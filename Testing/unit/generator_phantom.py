"""A small body of ellipsoids and tubes that holds all ten organs, for the generator's tests."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTALib.catalog import catalog

SIZE_MM = (150.0, 130.0, 140.0)
"""Extent along x, y and z."""

# key, center and semi-axes in mm from the body's first corner, portal venous HU
ELLIPSOIDS = (
    ("lung_right", (38, 60, 118), (28, 34, 22), -840),
    ("liver", (40, 55, 65), (32, 36, 34), 110),
    ("gallbladder", (78, 30, 60), (13, 11, 16), 12),
    ("pancreas", (88, 62, 66), (22, 12, 12), 90),
    ("kidney_left", (125, 85, 62), (17, 17, 26), 170),
    ("stomach", (110, 40, 85), (24, 20, 20), 40),
    ("urinary_bladder", (75, 55, 20), (24, 22, 16), 8),
    ("vertebra_L2", (75, 103, 65), (18, 16, 16), 160),
    ("back_muscle", (40, 110, 60), (18, 14, 50), 65),
    ("aorta", (82, 82, 70), (8, 6, 60), 155),
)
TUBES = (
    ("esophagus", (98, 84), (8, 8), (96, 138), 60, 3.0),
    ("colorectum", (125, 40), (16, 16), (6, 58), 90, 11.0),
)
"""Key, center (x, y), semi-axes, range of z, HU of the wall and radius of the gas in it."""


def phantom(
    spacing: tuple[float, float, float] = (2.5, 2.5, 2.5),
    direction: NDArray[np.float64] | None = None,
    noise: float = 8.0,
) -> tuple[sitk.Image, sitk.Image]:
    """CT and organ map; the body is the same whatever the grid."""
    direction = np.eye(3) if direction is None else direction
    size = [round(mm / s) for mm, s in zip(SIZE_MM, spacing, strict=True)]
    z, y, x = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(size[::-1], spacing[::-1], strict=True)), indexing="ij"
    )
    hu = np.full(x.shape, -100.0)
    labels = np.zeros(x.shape, np.uint8)
    for key, center, semi, value in ELLIPSOIDS:
        inside = (
            sum(((a - c) / s) ** 2 for a, c, s in zip((x, y, z), center, semi, strict=True)) <= 1
        )
        hu[inside], labels[inside] = value, catalog().label(key)
    for key, (cx, cy), (rx, ry), (low, high), value, gas in TUBES:
        inside = (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1) & (z >= low) & (z <= high)
        hu[inside], labels[inside] = value, catalog().label(key)
        hu[inside & ((x - cx) ** 2 + (y - cy) ** 2 <= gas**2)] = -950
    hu += np.random.default_rng(1).normal(0, noise, hu.shape)
    images = [sitk.GetImageFromArray(np.rint(hu).astype(np.int16)), sitk.GetImageFromArray(labels)]
    for image in images:
        image.SetSpacing(spacing)
        image.SetDirection(direction.ravel().tolist())
        image.SetOrigin((-70.0, 12.5, 300.0))
    return images[0], images[1]


def tilted(degrees: float = 17.0) -> NDArray[np.float64]:
    """Direction cosines turned about two axes."""
    a = np.radians(degrees)
    c, s = np.cos(a), np.sin(a)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return about_x @ about_z
