"""What the scanner adds to the anatomy: table, point spread and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTAGenLib.torso.fields import Array
from PASTAGenLib.torso.grid import Axes
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.spec import TorsoSpec

_FWHM = 2.355  # full width at half maximum of a Gaussian, in standard deviations
# Noise of filtered back projection has a grain of about 0.75 mm standard deviation and little
# power at low frequencies: a wider blur of it is taken off.
_GRAIN, _COARSE = 0.75, 2.2


def scan(
    hu: Array, axes: Axes, spec: TorsoSpec, person: Person, rng: np.random.Generator
) -> NDArray[np.int16]:
    """The CT in HU; `hu` [z, y, x] is used up."""
    if spec.table:
        hu += (hu < -900) * _table(axes, person)
    sx, sy, _ = spec.spacing
    sigma = spec.kernel / _FWHM
    ndimage.gaussian_filter1d(hu, sigma / sy, axis=1, output=hu, truncate=3)
    ndimage.gaussian_filter1d(hu, sigma / sx, axis=2, output=hu, truncate=3)
    hu += _noise(hu.shape, axes, spec, rng)
    return np.clip(np.rint(hu, out=hu), -1024, 3071).astype(np.int16)


def _table(axes: Axes, person: Person) -> Array:
    """HU above air of the curved couch, [y, x]."""
    top = (104 + 0.8 * person.fat) * person.scale[2] + 6
    y, x = axes.y[:, None], axes.x[None, :]
    depth = y - top - 22 * (1 - np.clip(x / 240, -1, 1) ** 2) + 6
    soft = max(float(axes.y[1] - axes.y[0]) if len(axes.y) > 1 else 1.0, 0.8)
    shell = np.clip(0.5 + (1.1 - np.abs(np.abs(depth) - 10)) / soft, 0, min(1, 2.2 / soft))
    foam = 60 * (np.abs(depth) < 9)
    return ((shell * 850 + foam) * (np.abs(x) < 235)).astype(np.float32)


def _noise(shape: tuple[int, ...], axes: Axes, spec: TorsoSpec, rng: np.random.Generator) -> Array:
    sx, sy, _ = spec.spacing
    grain = rng.standard_normal(shape, dtype=np.float32)
    for axis, sigma in ((0, 0.35), (1, _GRAIN / sy), (2, _GRAIN / sx)):
        ndimage.gaussian_filter1d(grain, sigma, axis=axis, output=grain, truncate=2.5)
    coarse = ndimage.gaussian_filter1d(grain, _COARSE / sy, axis=1, truncate=2)
    ndimage.gaussian_filter1d(coarse, _COARSE / sx, axis=2, output=coarse, truncate=2)
    coarse *= np.float32(0.7)
    grain -= coarse
    # Rays through the middle of the body are the weakest.
    middle = (axes.x[None, :] / 230) ** 2 + (axes.y[:, None] / 190) ** 2
    where = np.clip(1.05 - 0.45 * middle, 0.5, 1.05) * spec.noise_sd / float(grain.std())
    grain *= where.astype(np.float32)
    return grain
