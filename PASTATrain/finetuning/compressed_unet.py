"""nnU-Net's network with the input maps of `UNet` in front, for fine-tuning.

A model that compresses air and bone, or sees them in windows of their own, has to see them so while
it is fine-tuned, too. The parameters are those of ``PlainConvUNet``, so that nnU-Net loads, trains
and stores it as its own; nnU-Net finds the class by its name in the plans.
"""

from __future__ import annotations

from typing import Any

from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import Tensor

from PASTALib.network import HU_WINDOWS, compressed, in_hu_windows


class CompressedPlainConvUNet(PlainConvUNet):
    """``PlainConvUNet`` of a compressed input, in units of 100 HU."""

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits, or those of every scale in training."""
        answer: Tensor | list[Tensor] = super().forward(compressed(x))
        return answer


class WindowedPlainConvUNet(PlainConvUNet):
    """``PlainConvUNet`` of an input of one channel that is seen in windows, in units of 100 HU."""

    def __init__(self, input_channels: int, *arguments: Any, **others: Any) -> None:
        if input_channels != 1:
            raise ValueError("only an input of one channel is seen in windows of HU")
        super().__init__(HU_WINDOWS, *arguments, **others)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits, or those of every scale in training."""
        answer: Tensor | list[Tensor] = super().forward(in_hu_windows(x))
        return answer
