"""A file like PASTA's published checkpoint, with random values, and what its network answers.

Names and shapes are written out as the authors' code makes them (``Generic_UNet``), and the
answer is computed step by step from those names alone: nothing here uses our network.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional


def random_checkpoint(
    features: Sequence[int], classes: int = 3, report: int | None = 14
) -> dict[str, Tensor]:
    """Flat state with PASTA's keys and shapes, in the order of the file."""
    generator = torch.Generator().manual_seed(1)
    state: dict[str, Tensor] = {}

    def draw(name: str, *shape: int, scale: float = 1.0) -> None:
        tensor = torch.empty(shape).uniform_(-1, 1, generator=generator)
        state[name] = tensor * (scale / max(1, tensor[0].numel()) ** 0.5)

    def block(name: str, below: int, above: int) -> None:
        draw(f"{name}.conv.weight", above, below, 3, 3, 3, scale=1.7)
        draw(f"{name}.conv.bias", above)
        state[f"{name}.instnorm.weight"] = 1 + torch.rand(above, generator=generator)
        draw(f"{name}.instnorm.bias", above)

    bottom = len(features) - 1
    upward = list(reversed(features))
    for step, (_, above) in enumerate(pairwise(upward)):
        block(f"conv_blocks_localization.{step}.0.blocks.0", 2 * above, above)
        block(f"conv_blocks_localization.{step}.1.blocks.0", above, above)
    for level, channels in enumerate(features):
        below = features[level - 1] if level else 1
        place = f"conv_blocks_context.{level}"
        first, second = (
            (f"{place}.0.blocks.0", f"{place}.1.blocks.0")
            if level == bottom
            else (f"{place}.blocks.0", f"{place}.blocks.1")
        )
        block(first, below, channels)
        block(second, channels, channels)
    for step, (below, above) in enumerate(pairwise(upward)):
        draw(f"tu.{step}.weight", below, above, 2, 2, 2, scale=1.7)
    for step, above in enumerate(upward[1:]):
        draw(f"seg_outputs.{step}.weight", classes, above, 1, 1, 1, scale=1.7)
    if report is not None:
        widths = (features[-2], features[-2] // 2, features[-2] // 4, report)
        for layer, below, above in zip((0, 2, 4), widths, widths[1:], strict=False):
            draw(f"head.{layer}.weight", above, below)
            draw(f"head.{layer}.bias", above)
    return state


def direct_answer(state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """Logits of every decoder level, the finest first, straight from the file's tensors."""

    def block(name: str, x: Tensor, stride: int = 1) -> Tensor:
        x = functional.conv3d(
            x, state[f"{name}.conv.weight"], state[f"{name}.conv.bias"], stride, padding=1
        )
        x = functional.instance_norm(
            x, weight=state[f"{name}.instnorm.weight"], bias=state[f"{name}.instnorm.bias"]
        )
        return functional.leaky_relu(x, 0.01)

    levels = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("conv_blocks_c"))
    skips, x = [], image
    for level in range(levels - 1):
        x = block(f"conv_blocks_context.{level}.blocks.0", x, 2 if level else 1)
        x = block(f"conv_blocks_context.{level}.blocks.1", x)
        skips.append(x)
    x = block(f"conv_blocks_context.{levels - 1}.0.blocks.0", x, 2)
    x = block(f"conv_blocks_context.{levels - 1}.1.blocks.0", x)
    logits = []
    for step in range(levels - 1):
        x = functional.conv_transpose3d(x, state[f"tu.{step}.weight"], stride=2)
        x = torch.cat([x, skips[-1 - step]], dim=1)
        x = block(f"conv_blocks_localization.{step}.0.blocks.0", x)
        x = block(f"conv_blocks_localization.{step}.1.blocks.0", x)
        logits.append(functional.conv3d(x, state[f"seg_outputs.{step}.weight"]))
    return logits[::-1]
