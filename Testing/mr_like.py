"""MR-like scans from CT: another contrast, no fixed scale, an uneven field, Rician noise."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

HU = (-1024, -300, -120, -60, 20, 60, 150, 300, 1500)
SIGNAL = (0, 0, 900, 800, 250, 400, 520, 150, 20)
"""Fat is bright, air and bone are dark, soft tissue lies between: as in T1."""


def mr_like(ct: sitk.Image, seed: int) -> sitk.Image:
    """A CT with the look of an MR, float32, in the same geometry."""
    rng = np.random.default_rng(seed)
    signal = np.interp(sitk.GetArrayFromImage(ct), HU, SIGNAL)
    coarse = ndimage.zoom(rng.normal(1, 0.3, (3, 3, 3)), np.array(signal.shape) / 3, order=1)
    signal = signal * coarse.clip(0.4, 1.6) * rng.uniform(0.4, 2.5)
    noise = 0.03 * signal.max()
    real, imaginary = (rng.normal(0, noise, signal.shape) for _ in range(2))
    image = sitk.GetImageFromArray(np.hypot(signal + real, imaginary).astype(np.float32))
    image.CopyInformation(ct)
    return image
