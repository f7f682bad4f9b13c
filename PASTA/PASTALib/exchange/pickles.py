"""Weights in PyTorch's pickled files, opened without running any code that is in them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from PASTALib.errors import PastaError

if TYPE_CHECKING:
    from torch import Tensor

WRAPPERS = ("network_weights", "state_dict", "model_state_dict", "model", "net")
"""Keys below which training programs store the weights; nnU-Net's is the first."""
PREFIXES = ("module.", "_orig_mod.")
"""What `DistributedDataParallel` and ``torch.compile`` put before every name."""


def _numbers_of_numpy() -> list[Any]:
    """What NumPy's scalars are pickled with: nnU-Net's checkpoints hold some in their logs."""
    from numpy._core import multiarray

    kinds = [np.dtype(name) for name in ("f2", "f4", "f8", "i4", "i8", "u1", "?")]
    return [
        (multiarray.scalar, "numpy.core.multiarray.scalar"),
        (multiarray.scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *(type(kind) for kind in kinds),
    ]


def read_pickle(path: Path) -> Any:
    """What a file of ``torch.save`` holds: tensors, containers and numbers only.

    Tensors stay on the disk until they are used, where the file allows that.

    Raises:
        PastaError: the file is missing, damaged, or holds anything else.
    """
    import torch

    if not path.is_file():
        raise PastaError(f"There is no file '{path}'; give the path of a PyTorch checkpoint.")
    try:
        with torch.serialization.safe_globals(_numbers_of_numpy()):
            return torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PastaError(
            f"'{path}' cannot be opened as weights only ({reason}); it is damaged, or holds "
            "objects that would run code. Save its state_dict alone and import that."
        ) from error


def weights_in(stored: Any, what: str) -> dict[str, Tensor]:
    """The weights in what `read_pickle` gave: flat or wrapped, with or without prefixes.

    Args:
        stored: a dictionary of tensors, or one that holds such a dictionary under a known key.
        what: name of the file, for the message.

    Raises:
        PastaError: there are no weights in it.
    """
    from torch import Tensor

    for _ in range(3):  # a wrapper in a wrapper, and no endless loop
        inner = next((stored[k] for k in WRAPPERS if isinstance(stored, Mapping)
                      and isinstance(stored.get(k), Mapping)), None)  # fmt: skip
        if inner is None:
            break
        stored = inner
    found = {}
    if isinstance(stored, Mapping):
        found = {without_prefixes(str(k)): v for k, v in stored.items() if isinstance(v, Tensor)}
    if not found:
        raise PastaError(
            f"'{what}' holds no weights: neither tensors by name nor a dictionary of them under "
            f"{', '.join(WRAPPERS)}."
        )
    return found


def without_prefixes(name: str) -> str:
    """A parameter's name without what wrappers of the network put before it."""
    while name.startswith(PREFIXES):
        name = name.removeprefix(PREFIXES[0]).removeprefix(PREFIXES[1])
    return name
