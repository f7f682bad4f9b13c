"""The U-Net as nnU-Net v2 makes it from plans that name it.

For models that answer below full resolution or refine, which nnU-Net's own networks cannot. Imports
torch at its top, as the network itself does.
"""

from __future__ import annotations

from collections.abc import Sequence

from PASTALib.network import UNet


class PlansUNet(UNet):
    """A U-Net made with the arguments that nnU-Net gives: for prediction."""

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        features_per_stage: Sequence[int],
        finest: int,
        biases: bool,
        refines: bool,
        compresses: bool,
        hu_windows: bool,
        strides: Sequence[Sequence[int]],
        deep_supervision: bool = False,
    ) -> None:
        if deep_supervision or any(set(stride) != {2} for stride in strides[1:]):
            raise ValueError("this network is for prediction, and halves every axis on each level")
        super().__init__(
            features_per_stage,
            num_classes,
            input_channels,
            finest,
            biases,
            refines,
            compresses,
            hu_windows,
        )
