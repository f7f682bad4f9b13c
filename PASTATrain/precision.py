"""In which precision networks are trained: bfloat16 where the device computes it faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PASTALib.devices import fast_precision

if TYPE_CHECKING:
    import torch


def mixed_precision(device: str) -> torch.autocast:
    """Autocast to bfloat16 on GPUs, and on CPUs with instructions for it; else 32 bits.

    Without them convolutions in bfloat16 take many times as long as in 32 bits. Unlike float16 it
    has the range of 32 bits, so that losses need no scaling.

    Args:
        device: such as ``cpu`` or ``cuda:1``.
    """
    import torch

    kind = device.split(":", maxsplit=1)[0]
    fast = fast_precision(device) is not None
    return torch.autocast(kind, torch.bfloat16, enabled=fast)
