"""A lung with one nodule, for tests of what looks at candidates."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.geometry import Geometry
from PASTALib.region import Region

AXES = (1, 0, 0, 0, 1, 0, 0, 0, 1)
TILTED = (0.96, 0.28, 0.0, -0.28, 0.96, 0.0, 0.0, 0.0, 1.0)


def ball(shape: tuple[int, int, int], center: tuple[float, ...], radius: float, step: np.ndarray):
    """Voxels within a radius in mm."""
    away = (np.indices(shape) - np.reshape(center, (3, 1, 1, 1))) * step.reshape(3, 1, 1, 1)
    return (away**2).sum(0) <= radius**2


def lung_with_nodule(
    direction: tuple[float, ...] = TILTED,
) -> tuple[sitk.Image, np.ndarray, Region]:
    """A lung of 80 mm with one nodule of 6 mm radius; slices of 2 mm."""
    shape, spacing = (40, 64, 64), (1.25, 1.25, 2.0)
    step = np.array(spacing[::-1])
    lung = ball(shape, (20, 32, 32), 36, step)
    hu = np.where(lung, -850, 40).astype(np.int16)
    nodule = ball(shape, (18, 30, 40), 6, step)
    hu[nodule] = 30
    hu += np.random.default_rng(0).normal(0, 10, shape).astype(np.int16)
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing(spacing)
    image.SetDirection(direction)
    organs = np.where(lung, catalog().label("lung_right"), 0).astype(np.uint8)
    region = Region.of(nodule, Geometry.of(image))
    assert region is not None
    return image, organs, region
