"""Parameters of nnU-Net v2's ``PlainConvUNet`` and of our `UNet`: the same network, other names.

``PlainConvUNet`` has a bias in its transposed convolutions and heads; ours has none unless made
with ``biases``. Its state holds every parameter of a block twice (``conv`` and ``all_modules.0``),
and the encoder's again below ``decoder.encoder``; all copies share their memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PLAIN_UNET = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
COMPRESSED_UNET = "PASTATrain.finetuning.compressed_unet.CompressedPlainConvUNet"
"""The same for models that compress their input, see `PASTALib.network.compressed`."""
WINDOWED_UNET = "PASTATrain.finetuning.compressed_unet.WindowedPlainConvUNet"
"""The same for models that see it in windows, see `PASTALib.network.in_hu_windows`."""

_OPERATIONS = (("conv", "all_modules.0", 0), ("norm", "all_modules.1", 1))


def architecture(features: Sequence[int]) -> dict[str, Any]:
    """The entry ``architecture`` of nnU-Net's plans for a network of ours."""
    levels = len(features)
    return {
        "network_class_name": PLAIN_UNET,
        "arch_kwargs": {
            "n_stages": levels,
            "features_per_stage": list(features),
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[3, 3, 3]] * levels,
            "strides": [[1, 1, 1]] + [[2, 2, 2]] * (levels - 1),
            "n_conv_per_stage": [2] * levels,
            "n_conv_per_stage_decoder": [2] * (levels - 1),
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def names(levels: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our name of every parameter (biases included), and all of nnU-Net's names for it."""
    for level in range(levels):
        for block in range(2):
            stage = f"encoder.stages.{level}.0.convs.{block}"
            places = (stage, f"decoder.{stage}")
            yield from _block(f"encoder.{level}.{block}", places)
    for step in range(levels - 1):
        for block in range(2):
            place = f"decoder.stages.{step}.convs.{block}"
            yield from _block(f"decoder.{step}.{block}", [place])
        for part in ("weight", "bias"):
            yield f"up.{step}.{part}", (f"decoder.transpconvs.{step}.{part}",)
            yield f"heads.{step}.{part}", (f"decoder.seg_layers.{step}.{part}",)


def _block(ours: str, places: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for operation, again, index in _OPERATIONS:
        for part in ("weight", "bias"):
            theirs = [f"{p}.{name}.{part}" for p in places for name in (operation, again)]
            yield f"{ours}.{index}.{part}", tuple(theirs)


def to_nnunet(weights: dict[str, Tensor], levels: int) -> dict[str, Tensor]:
    """The state of a ``PlainConvUNet`` with our weights; biases that we do not have are 0."""
    state: dict[str, Tensor] = {}
    for ours, theirs in names(levels):
        tensor = weights.get(ours)
        if tensor is None:
            weight = weights[ours.replace(".bias", ".weight")]
            # of a transposed convolution the outputs are the second axis
            tensor = weight.new_zeros(weight.shape[1 if ours.startswith("up.") else 0])
        state |= dict.fromkeys(theirs, tensor)
    return state


def from_nnunet(state: dict[str, Tensor], levels: int) -> dict[str, Tensor]:
    """Our weights, with biases, of the state of a ``PlainConvUNet``.

    A network trained without biases in its convolutions gets biases of 0.

    Raises:
        KeyError: a parameter is missing.
    """
    weights: dict[str, Tensor] = {}
    for ours, theirs in names(levels):
        found = next((state[name] for name in theirs if name in state), None)
        if found is None and ours.endswith(".bias"):
            weight = weights[ours.replace(".bias", ".weight")]
            found = weight.new_zeros(weight.shape[1 if ours.startswith("up.") else 0])
        if found is None:
            raise KeyError(theirs[0])
        weights[ours] = found
    return weights
