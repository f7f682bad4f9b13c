"""Augmentation of training patches: MONAI where it has the transform, CT-specific ones here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from PASTATrain.classes import MIRRORED

if TYPE_CHECKING:
    from monai.transforms import Compose


class Deformation:
    """Rotation, scaling, shear and elastic deformation of image and channel labels together.

    The ranges are nnU-Net's, narrower in rotation because patients lie much alike. The elastic
    part is a coarse random displacement, enlarged: MONAI's ``Rand3DElasticd`` smooths at full
    resolution and takes 0.23 s a patch, this takes 0.03 s.
    """

    def __init__(self, patch: int, seed: int) -> None:
        from monai.transforms import RandAffineGrid, Resample

        angle = np.deg2rad(15)
        self._patch = patch
        self._grid = RandAffineGrid(
            rotate_range=(angle,) * 3, scale_range=(0.25,) * 3, shear_range=(0.05,) * 6
        )
        self._grid.set_random_state(seed)
        self._resample = Resample(padding_mode="border")

    def __call__(
        self, hu: np.ndarray, channels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The deformed central cube (edge `patch`) of ``[z, y, x]`` arrays."""
        import torch
        from torch.nn import functional

        size = (self._patch,) * 3
        grid = torch.as_tensor(self._grid(spatial_size=size))
        if rng.random() < 0.7:
            knots = int(rng.integers(4, 9))
            coarse = rng.normal(0, rng.uniform(0.5, 2.5), (1, 3, knots, knots, knots))
            shift = functional.interpolate(
                torch.from_numpy(coarse.astype(np.float32)),
                size,
                mode="trilinear",
                align_corners=True,
            )
            grid[:3] += shift[0].to(grid.dtype)
        image = self._resample(
            torch.from_numpy(np.ascontiguousarray(hu[None], np.float32)), grid, mode="bilinear"
        )
        label = self._resample(
            torch.from_numpy(np.ascontiguousarray(channels[None], np.float32)), grid, mode="nearest"
        )
        return np.asarray(image[0]), np.asarray(label[0]).round().astype(np.uint8)


def perhaps_noisier(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """HU of a whole scan with more noise of 3 to 18 HU in two of five cases, int16."""
    if rng.random() < 0.4:
        hu = (hu + rng.normal(0, rng.uniform(3, 18), hu.shape)).round().astype(np.int16)
    return hu


def another_size(rng: np.random.Generator) -> np.ndarray:
    """Factors for the spacing along x, y, z: a patient some percent larger or smaller."""
    factors: np.ndarray = np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.03, 3))
    return factors


def intensity(seed: int) -> Compose:
    """Noise, blur, lower resolution and contrast of an image ``(1, z, y, x)`` in HU / 100."""
    from monai.transforms import (
        Compose,
        RandAdjustContrastd,
        RandGaussianNoised,
        RandGaussianSmoothd,
        RandScaleIntensityd,
        RandShiftIntensityd,
        RandSimulateLowResolutiond,
    )

    sigma = {f"sigma_{axis}": (0.3, 1.0) for axis in "xyz"}
    transform = Compose(
        [
            RandGaussianSmoothd(keys="image", prob=0.2, **sigma),
            RandSimulateLowResolutiond(keys="image", prob=0.15, zoom_range=(0.5, 1.0)),
            RandGaussianNoised(keys="image", prob=0.4, std=0.1),
            RandScaleIntensityd(keys="image", prob=0.3, factors=0.1),
            RandShiftIntensityd(keys="image", prob=0.3, offsets=0.06),
            RandAdjustContrastd(keys="image", prob=0.15, gamma=(0.8, 1.25), retain_stats=True),
        ]
    )
    transform.set_random_state(seed)
    return transform


def mirror(image: np.ndarray, channels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Swap left and right of ``[z, y, x]`` arrays with LPS axes, and the sides in the labels."""
    table = np.arange(256, dtype=np.uint8)
    for right, left in MIRRORED:
        table[right], table[left] = left, right
    return image[..., ::-1], table[channels[..., ::-1]]


def short_field_of_view(
    hu: np.ndarray, channels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Blank some slices at one end, as where a scan begins or ends inside the patch."""
    hu, channels = hu.copy(), channels.copy()
    cut = int(rng.integers(4, hu.shape[0] // 2))
    slices = slice(0, cut) if rng.random() < 0.5 else slice(hu.shape[0] - cut, None)
    hu[slices] = -1024
    channels[slices] = 0
    return hu, channels


def thick_slices(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Average over slices as a scan with thicker slices than the grid does."""
    from scipy import ndimage

    return ndimage.uniform_filter1d(hu, int(rng.integers(2, 4)), axis=0)
