"""nnU-Net's network with the input map of `UNet`'s `compresses` in front, for fine-tuning.

A model that compresses air and bone has to see them compressed while it is fine-tuned, too. The
parameters are those of ``PlainConvUNet``, so that nnU-Net loads, trains and stores it as its own;
nnU-Net finds the class by its name in the plans.
"""

from __future__ import annotations

from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import Tensor

from PASTALib.network import compressed


class CompressedPlainConvUNet(PlainConvUNet):
    """``PlainConvUNet`` of a compressed input, in units of 100 HU."""

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits, or those of every scale in training."""
        answer: Tensor | list[Tensor] = super().forward(compressed(x))
        return answer
