"""One run over several processes, as ``torchrun`` starts them: a GPU or a CPU core each.

Without ``torchrun`` all of this is one process of one, and nothing is exchanged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LONGEST_WAIT = timedelta(minutes=10)
"""For another process, before the run fails instead of waiting on."""


@dataclass(frozen=True)
class Process:
    """This process among those of the run; `rank` 0 writes the files."""

    rank: int
    count: int

    @property
    def is_first(self) -> bool:
        """Whether this process logs, saves and tells the progress."""
        return self.rank == 0

    def any(self, stop: bool) -> bool:
        """Whether any process wants to stop, so that all end at the same step."""
        if self.count == 1:
            return stop
        import torch
        from torch import distributed

        said = torch.tensor([float(stop)])
        distributed.all_reduce(said, distributed.ReduceOp.MAX)
        return bool(said.item())

    def mean(self, value: torch.Tensor) -> float:
        """Mean of a number over the processes."""
        if self.count == 1:
            return float(value.item())
        from torch import distributed

        total = value.detach().float().clone()
        distributed.all_reduce(total)
        return float(total.item()) / self.count

    def replicate(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network, with its gradients averaged over the processes after each backward pass."""
        if self.count == 1:
            return network
        from torch.nn.parallel import DistributedDataParallel

        # Unused: the full-resolution level of the decoder in steps at half resolution.
        return DistributedDataParallel(network, find_unused_parameters=True)


@contextmanager
def this_process() -> Iterator[Process]:
    """Join the processes that ``torchrun`` started, for as long as the context lasts."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Process(0, 1)
        return
    from torch import distributed

    distributed.init_process_group("gloo", timeout=LONGEST_WAIT)
    try:
        yield Process(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
