"""Samples from another process: the class must lie in a file that a new process can import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch.utils.data import IterableDataset, get_worker_info

from PASTATrain.prompting.config import PromptingConfig
from PASTATrain.prompting.samples import Sample, SampleMaker


class SampleStream(IterableDataset[Sample]):
    """Samples without end; each worker draws others. For the arguments see `SampleMaker`."""

    def __init__(
        self, folders: tuple[Path, ...], split: str, config: PromptingConfig, seed: int
    ) -> None:
        self._arguments = folders, split, config
        self._seed = seed

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        seed = self._seed + (worker.id if worker else 0)
        return iter(SampleMaker(*self._arguments, seed))
