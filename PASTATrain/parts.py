"""A checkpoint in small files, for machines that give back only small ones.

The network keeps 32 bits. Its average, which is only read, is stored in 16, and the optimizer's
moments in bfloat16, which has their range: they are running means that a few steps renew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PASTALib.errors import PastaError
from PASTALib.files import written_atomically
from PASTATrain.config import TrainingConfig
from PASTATrain.states import CHECKPOINT, TrainingState
from PASTATrain.training import fresh_state

if TYPE_CHECKING:
    from torch import Tensor

    from PASTALib.network import UNet

PART_BYTES = 15 * 2**20
STEP = "step"


def tensors_of(state: TrainingState[UNet]) -> dict[str, Tensor]:
    """Everything that a run goes on from, by name."""
    import torch

    found = {f"network.{key}": value for key, value in state.network.state_dict().items()}
    for key, value in state.average.state_dict().items():
        found[f"average.{key}"] = value.half()
    for number, moments in state.optimizer.state_dict()["state"].items():
        for key, value in moments.items():
            found[f"optimizer.{number}.{key}"] = value.bfloat16() if value.dim() else value
    found[STEP] = torch.tensor(state.step)
    return found


def in_parts(tensors: Mapping[str, Tensor], limit: int) -> Iterator[dict[str, Tensor]]:
    """The tensors in groups of at most `limit` bytes; one that is larger is a group of its own."""
    group: dict[str, Tensor] = {}
    size = 0
    for key, value in tensors.items():
        bytes_of = value.numel() * value.element_size()
        if group and size + bytes_of > limit:
            yield group
            group, size = {}, 0
        group[key] = value.cpu().contiguous()
        size += bytes_of
    yield group


def pack(run: Path, config: TrainingConfig, out: Path, limit: int = PART_BYTES) -> list[Path]:
    """Write the checkpoint of a run as safetensors files of at most `limit` bytes.

    Raises:
        PastaError: the run has no checkpoint.
    """
    from safetensors.torch import save_file

    if not (run / CHECKPOINT).is_file():
        raise PastaError(f"'{run}' holds no checkpoint; train with 'pasta-train run' first.")
    state = fresh_state(config, "cpu")
    state.resume(run / CHECKPOINT, "cpu")
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("part*.safetensors"):
        old.unlink()
    paths = []
    for number, group in enumerate(in_parts(tensors_of(state), limit)):
        path = out / f"part{number}.safetensors"
        with written_atomically(path) as temporary:
            save_file(group, temporary)
        paths.append(path)
    return paths


def unpack(parts: Path, config: TrainingConfig, run: Path) -> int:
    """Make the checkpoint of a run from the files of `pack`; returns its step.

    Raises:
        PastaError: there is no part, one is missing, or they are of another network.
    """
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = {}
    for path in sorted(parts.glob("part*.safetensors")):
        tensors.update(load_file(path))
    state = fresh_state(config, "cpu")
    try:
        state.step = int(tensors[STEP])
        state.network.load_state_dict(_with_prefix(tensors, "network."))
        state.average.load_state_dict(_with_prefix(tensors, "average."))
    except (KeyError, RuntimeError) as error:
        raise PastaError(
            f"The files part*.safetensors in '{parts}' are not a whole checkpoint of this "
            "configuration; copy all of them, and use the configuration that they were made with."
        ) from error
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in _with_prefix(tensors, "optimizer.").items():
        number, name = key.split(".", 1)
        moments.setdefault(int(number), {})[name] = value.float()
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": moments})
    run.mkdir(parents=True, exist_ok=True)
    state.save(run / CHECKPOINT)
    return state.step


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
