"""Starts one of nnU-Net's programs: ``python nnunet_starter.py MODULE FUNCTION ARGUMENTS``.

A script of its own, since nnU-Net's worker processes import the file that was started once more.
"""

from __future__ import annotations

import importlib
import sys


def allow_torchvision_without_operators() -> None:
    """Make torchvision importable beside a PyTorch without CUDA.

    Its wheels of the package index are built for CUDA. Where their compiled part does not load,
    importing torchvision fails at the first operator that it describes and has not got. nnU-Net
    needs none of them, but imports torchvision (through timm) while it looks for a trainer.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except ImportError:
        return  # not installed
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            torch.library.define(
                f"torchvision::{operator}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )
        importlib.import_module("torchvision")


def main() -> None:
    """Run the function that the first two arguments name, with the others as its command line."""
    module, function = sys.argv[1:3]
    sys.argv[:3] = [function]
    allow_torchvision_without_operators()
    getattr(importlib.import_module(module), function)()


if __name__ == "__main__":
    main()
