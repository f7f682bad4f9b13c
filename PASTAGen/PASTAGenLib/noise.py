"""The scan's own noise: how much of it there is near a lesion, and what its spectrum looks like.

Inserted tissue has to be as noisy as its surroundings, neither cleaner nor coarser. Where the
tissue that it replaces is even, the scan's own noise is kept (see `paint`). Elsewhere, in gas or on
a vessel, there is no noise to keep, and new noise is drawn that has the scan's own spectrum,
averaged over blocks of even tissue as in measurements of noise power (AAPM TG-233).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.tensors import filtered, on

if TYPE_CHECKING:
    from torch import Tensor

STEP = 2
"""Voxels in the plane between two values whose difference is noise; neighbors are correlated."""
FEW_STEPS = 150
"""Fewer differences say too little: a tenth of the SD at 150."""
TRUNCATED_VARIANCE = 0.774
"""Variance of a normal distribution cut at two SD."""
BLOCKS = ((8, 16, 16), (4, 12, 12), (3, 8, 8), (2, 6, 6))
"""Sizes of the blocks that are looked for, best first, in voxels."""
MOST_BLOCKS, FEW_BLOCKS = 48, 6
LEAST_SD, MOST_SD = 2.0, 60.0
TAPER = 0.7
"""Correlation that a spectrum of few blocks is smoothed to, in units of the block's half width."""


def sd_of_steps(steps: NDArray[np.float32]) -> float:
    """SD of noise from differences between voxels, without vessels and borders.

    Differences up to two SD are counted; a plain median of whole HU would come in steps of 1 HU.
    """
    sizes = np.abs(steps)
    limit = 2 * (float(np.median(sizes)) + 0.5) / 0.6745
    kept = sizes[sizes <= limit]
    sd = float(np.sqrt(np.mean(kept.astype(np.float64) ** 2) / 2 / TRUNCATED_VARIANCE))
    return float(np.clip(sd, LEAST_SD, MOST_SD))


def sd_of_even(
    hu: NDArray[np.int16], organs: NDArray[np.uint8], even: NDArray[np.bool_], thin: int
) -> float | None:
    """SD of noise from steps within even structures; None where there are too few.

    Of the two directions in the plane the larger one: streaks of a starved detector, as between
    the arms or the ribs, are alike along themselves, and only steps across them tell.

    Args:
        hu: HU.
        organs: labels.
        even: look-up table over labels, true for even structures.
        thin: only each so-manieth slice and row is looked at.
    """
    found = []
    for axis in (1, 2):
        near: list[slice] = [slice(None, None, thin), slice(None, None, thin), slice(None)]
        far, stride = list(near), near[axis].step
        near[axis], far[axis] = slice(None, -STEP, stride), slice(STEP, None, stride)
        first, second = tuple(near), tuple(far)
        same = even[organs[first]] & (organs[first] == organs[second])
        steps = hu[second][same].astype(np.float32) - hu[first][same]
        if len(steps) >= FEW_STEPS:
            found.append(sd_of_steps(steps))
    return max(found, default=None)


def even_blocks(
    hu: NDArray[np.int16], even: NDArray[np.bool_], most: int = MOST_BLOCKS
) -> NDArray[np.float32] | None:
    """Blocks of even tissue ``[block, z, y, x]`` without their means; None where there are too few.

    Args:
        hu: HU.
        even: where tissue is even.
        most: so many blocks are taken at most, spread over all that there are.
    """
    for size in BLOCKS:
        counts = [n // s for n, s in zip(even.shape, size, strict=True)]
        if 0 in counts:
            continue
        cut = tuple(slice(0, n * s) for n, s in zip(counts, size, strict=True))
        (a, b, c), (i, j, k) = counts, size
        whole = even[cut].reshape(a, i, b, j, c, k).all(axis=(1, 3, 5))
        found = np.argwhere(whole)
        if len(found) < FEW_BLOCKS:
            continue
        found = found[:: -(-len(found) // most)]
        starts = found * np.array(size)
        blocks = np.stack([hu[z : z + i, y : y + j, x : x + k] for z, y, x in starts])
        blocks = blocks.astype(np.float32)
        blocks -= blocks.mean(axis=(1, 2, 3), keepdims=True)
        # A vessel or a border in a block would add to the low frequencies: the quietest half.
        quiet = np.argsort(blocks.std(axis=(1, 2, 3)))[: max(FEW_BLOCKS, len(blocks) // 2)]
        return np.asarray(blocks[quiet])
    return None


def autocorrelation(blocks: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Correlation of noise by lag ``[z, y, x]``, lag 0 in the middle, 1 there.

    Without blocks: of noise that is smoothed by a soft kernel, a voxel wide in the plane.
    """
    if blocks is None:
        near = np.arange(-3, 4)
        plane = np.exp(-0.25 * (near[:, None] ** 2 + near[None, :] ** 2) / 0.5**2)
        return np.asarray(plane[None], np.float32)
    shape = blocks.shape[1:]
    padded = [2 * n for n in shape]
    spectrum = np.abs(np.fft.rfftn(blocks, padded, axes=(1, 2, 3))) ** 2
    summed = np.fft.irfftn(spectrum.mean(axis=0), padded, axes=(0, 1, 2))
    reach = [max(n // 2, 1) for n in shape]
    lags = [np.arange(-r, r + 1) for r in reach]
    summed = summed[np.ix_(*lags)]
    pairs = [n - np.abs(lag) for n, lag in zip(shape, lags, strict=True)]  # that have such a lag
    summed /= pairs[0][:, None, None] * pairs[1][None, :, None] * pairs[2][None, None, :]
    # Taking the blocks' means away has lowered everything by the noise of the mean; a window that
    # falls to zero leaves out lags that few pairs tell.
    for axis, lag in enumerate(lags):
        window = np.cos(0.5 * np.pi * lag / (len(lag) // 2 + 1)) ** TAPER
        summed *= np.expand_dims(window, tuple(a for a in range(3) if a != axis))
    return np.asarray(summed / max(float(summed.max()), 1e-6), np.float32)


def drawn_noise(
    shape: tuple[int, ...], correlation: NDArray[np.float32], rng: np.random.Generator, device: str
) -> Tensor:
    """Noise ``[z, y, x]`` of unit SD with a given correlation, which wraps around."""
    from torch.fft import rfftn

    fitted = correlation
    for axis, size in enumerate(shape):
        spare = max(0, -(-(fitted.shape[axis] - size) // 2))
        if spare:
            middle = fitted.shape[axis] // 2
            reach = (size - 1) // 2
            fitted = fitted.take(range(middle - reach, middle + reach + 1), axis)
    kernel = np.zeros(shape, np.float32)
    lags = [np.arange(n) - n // 2 for n in fitted.shape]
    kernel[np.ix_(*lags)] = fitted
    power = rfftn(on(kernel, device)).real.clamp(min=0)
    white = on(rng.standard_normal(shape, dtype=np.float32), device)
    noise = filtered(white, power.sqrt())
    return noise / noise.std(correction=0).clamp(min=1e-6)


def grains(
    shape: tuple[int, ...],
    layers: Sequence[tuple[float, NDArray[np.float64]]],
    rng: np.random.Generator,
    device: str,
) -> Tensor:
    """A field of unit SD whose grains have Gaussian profiles.

    Args:
        shape: voxels by axis.
        layers: amplitude and sigma in voxels by axis of grains of each size.
        rng: source of all randomness.
        device: where it is made.
    """
    squares = [np.fft.fftfreq(n) ** 2 for n in shape[:2]] + [np.fft.rfftfreq(shape[2]) ** 2]
    total = None
    for amplitude, sigma in layers:
        z, y, x = (
            np.exp(-2 * np.pi**2 * width**2 * square)
            for width, square in zip(sigma, squares, strict=True)
        )
        power = np.prod([np.mean(part**2) for part in (z, y)]) * np.mean(x**2)
        scale = amplitude / max(float(power), 1e-12) ** 0.5
        layer = on(z * scale, device)[:, None, None] * on(y, device)[:, None] * on(x, device)
        total = layer if total is None else total + layer
    assert total is not None
    field = filtered(on(rng.standard_normal(shape, dtype=np.float32), device), total)
    field -= field.mean()
    return field / field.std(correction=0).clamp(min=1e-6)
