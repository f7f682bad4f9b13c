"""The few operations on tensors that PyTorch has no method for.

The engine's files call methods of tensors only, so that PyTorch is imported here, when a lesion is
painted, and not when Slicer starts. Everything works on the CPU and on CUDA alike: random numbers
are drawn by numpy and handed over, so both give the same picture but for rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

TRUNCATE = 3.0
"""Gaussian kernels end after this many sigma."""
LEAST_SIGMA = 0.2
"""Gaussian kernels narrower than this, in voxels, change nothing that can be seen."""


def on(array: NDArray[Any], device: str) -> Tensor:
    """An array as a float32 tensor on a device."""
    import torch

    return torch.from_numpy(np.require(array, np.float32, ["C", "W"])).to(device)


def flags(array: NDArray[np.bool_], device: str) -> Tensor:
    """A mask as a bool tensor on a device."""
    import torch

    return torch.from_numpy(np.require(array, bool, ["C", "W"])).to(device)


def joined(parts: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors joined along an axis."""
    import torch

    return torch.cat(list(parts), axis)


def normal_cdf(values: Tensor) -> Tensor:
    """Share of a normal distribution below each value: the profile of a blurred edge."""
    return (values * 0.7071067811865476).erf_().add_(1).mul_(0.5)


def gaussian(field: Tensor, sigma: Sequence[float]) -> Tensor:
    """A field ``[z, y, x]`` smoothed by a Gaussian; `sigma` in voxels by axis, edges repeated.

    Sums of shifted fields: several times faster than a convolution with so few taps.
    """
    for axis, width in enumerate(sigma):
        if width < LEAST_SIGMA:
            continue
        reach = max(1, round(TRUNCATE * width))
        taps = np.exp(-0.5 * (np.arange(reach + 1) / width) ** 2)
        taps /= taps[0] + 2 * taps[1:].sum()
        size = field.shape[axis]
        first, last = field.narrow(axis, 0, 1), field.narrow(axis, size - 1, 1)
        padded = joined([first] * reach + [field] + [last] * reach, axis)
        total = field * float(taps[0])
        for step in range(1, reach + 1):
            for start in (reach - step, reach + step):
                total.add_(padded.narrow(axis, start, size), alpha=float(taps[step]))
        field = total
    return field


def sampled(field: Tensor, index: Tensor) -> Tensor:
    """A field ``[z, y, x]`` interpolated linearly at fractional indices ``(n, 3)`` (z, y, x)."""
    from torch.nn.functional import grid_sample

    size = index.new_tensor([max(n - 1, 1) for n in field.shape])
    places = (2 * index / size - 1).flip(-1)[None, None, None]
    return grid_sample(
        field[None, None], places, mode="bilinear", padding_mode="border", align_corners=True
    )[0, 0, 0, 0]


def filtered(white: Tensor, response: Tensor) -> Tensor:
    """A field whose spectrum is multiplied by a response, as of ``torch.fft.rfftn``."""
    from torch.fft import irfftn, rfftn

    return irfftn(rfftn(white) * response, s=white.shape)
