"""Names of the parameters in PASTA's own code (``Generic_UNet``) and in our `UNet`.

PASTA is an nnU-Net v1 network: ``conv_blocks_context`` is the encoder, whose last level holds its
two convolutions in a stack each; ``tu`` are the transposed convolutions, ``seg_outputs`` the heads
of the decoder levels, coarsest first. ``head`` reads the report's attributes from the encoder.
"""

from __future__ import annotations

from collections.abc import Iterator

PASTA_FEATURES = (64, 128, 256, 512, 1024, 1024)
"""Channels of each level of the published network."""
MARK = "conv_blocks_context.0.blocks.0.conv.weight"
"""A name that every file of PASTA's code has and no other."""
REPORT_HEAD = tuple(f"head.{layer}.{part}" for layer in (0, 2, 4) for part in ("weight", "bias"))
"""The three layers that read the attributes (stage II)."""

_OPERATIONS = (("conv", 0), ("instnorm", 1))


def body_names(levels: int) -> dict[str, str]:
    """PASTA's name to ours, for all parameters but the heads of a network of `levels` levels."""
    return dict(_body_names(levels))


def _body_names(levels: int) -> Iterator[tuple[str, str]]:
    bottom = levels - 1
    for level in range(levels):
        for block in range(2):
            place = f"{level}.{block}.blocks.0" if level == bottom else f"{level}.blocks.{block}"
            yield from _block(f"conv_blocks_context.{place}", f"encoder.{level}.{block}")
    for step in range(bottom):
        yield f"tu.{step}.weight", f"up.{step}.weight"
        for block in range(2):
            theirs = f"conv_blocks_localization.{step}.{block}.blocks.0"
            yield from _block(theirs, f"decoder.{step}.{block}")


def _block(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    for operation, index in _OPERATIONS:
        for part in ("weight", "bias"):
            yield f"{theirs}.{operation}.{part}", f"{ours}.{index}.{part}"


def head_names(levels: int) -> dict[str, str]:
    """PASTA's name to ours, for the segmentation heads."""
    return {f"seg_outputs.{step}.weight": f"heads.{step}.weight" for step in range(levels - 1)}
