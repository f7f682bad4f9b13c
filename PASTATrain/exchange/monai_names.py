"""A model of ours as MONAI's ``DynUNet``, which is the same network.

Two things are absent there and change nothing: the bias of a convolution before an instance
normalization, which takes it out again, and the coarse heads, which only training uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PASTALib.model import ModelInfo

if TYPE_CHECKING:
    from torch import Tensor


def network_definition(info: ModelInfo) -> dict[str, Any]:
    """Entry ``network_def`` of a bundle; our own network where MONAI has none that is the same."""
    if not info.is_plain:
        return {
            "_target_": "PASTALib.network.UNet",
            "features": list(info.features),
            "classes": len(info.classes),
            "finest": info.finest,
            "biases": info.biases,
            "refines": info.refines,
            "compresses": info.compresses,
            "hu_windows": info.hu_windows,
        }
    levels = len(info.features)
    return {
        "_target_": "DynUNet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": len(info.classes),
        "kernel_size": [3] * levels,
        "strides": [1] + [2] * (levels - 1),
        "upsample_kernel_size": [2] * (levels - 1),
        "filters": list(info.features),
        "norm_name": ["INSTANCE", {"affine": True}],
        "act_name": ["leakyrelu", {"inplace": True, "negative_slope": 0.01}],
        "trans_bias": info.biases,
    }


def to_monai(weights: dict[str, Tensor], info: ModelInfo) -> dict[str, Tensor]:
    """The state of the network of `network_definition` with our weights."""
    if not info.is_plain:
        return weights
    bottom = len(info.features) - 1
    state: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        kind, *rest = name.split(".")
        if kind == "encoder":
            level, block, operation, part = rest
            place = {0: "input_block", bottom: "bottleneck"}.get(
                int(level), f"downsamples.{int(level) - 1}"
            )
            state |= _block(place, block, operation, part, tensor)
        elif kind == "decoder":
            step, block, operation, part = rest
            state |= _block(f"upsamples.{step}.conv_block", block, operation, part, tensor)
        elif kind == "up":
            state[f"upsamples.{rest[0]}.transp_conv.conv.{rest[1]}"] = tensor
        elif rest[0] == str(bottom - 1):  # the head of full resolution
            state[f"output_block.conv.conv.{rest[1]}"] = tensor
    head = state["output_block.conv.conv.weight"]
    state.setdefault("output_block.conv.conv.bias", head.new_zeros(head.shape[0]))
    # MONAI's skip layers hold the same blocks once more, nested one in the other.
    return state | _nested(state, bottom)


def _block(place: str, block: str, operation: str, part: str, tensor: Tensor) -> dict[str, Tensor]:
    number = int(block) + 1
    if operation == "1":
        return {f"{place}.norm{number}.{part}": tensor}
    return {f"{place}.conv{number}.conv.weight": tensor} if part == "weight" else {}


def _nested(state: dict[str, Tensor], bottom: int) -> dict[str, Tensor]:
    copies = {}
    for name, tensor in state.items():
        kind, *rest = name.split(".")
        if kind == "input_block":
            copies[".".join(["skip_layers.downsample", *rest])] = tensor
        elif kind == "bottleneck":
            copies[".".join([_deeper(bottom), *rest])] = tensor
        elif kind == "downsamples":
            copies[".".join([_deeper(int(rest[0]) + 1), "downsample", *rest[1:]])] = tensor
        elif kind == "upsamples":
            depth = bottom - 1 - int(rest[0])
            copies[".".join([_deeper(depth), "upsample", *rest[1:]])] = tensor
    return copies


def _deeper(depth: int) -> str:
    return ".".join(["skip_layers", *["next_layer"] * depth])
