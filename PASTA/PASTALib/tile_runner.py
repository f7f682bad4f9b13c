"""Runs tiles through the network, and copes with a device whose memory is too small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from PASTALib.devices import fast_precision
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken, Progress
from PASTALib.tiles import RollingScores, Start, gaussian_weight

if TYPE_CHECKING:
    import torch

    from PASTALib.model import Model


def _batch_size(device: str) -> int:
    """Tiles at once: a GPU is not filled by one, a CPU is."""
    return 1 if device == "cpu" else 4


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch says that memory was too small. Apple's and the CPU's are plain errors."""
    import torch

    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


class TileRunner:
    """Adds the network's logits of tiles to the rolling scores.

    Where memory is too small it takes, one after the other: half as many tiles at once, the
    scores on the CPU, the network on the CPU. It says so through `progress`.

    Args:
        model: the model; its network is left where it was.
        shape: of the image on the model's grid, ``[z, y, x]``.
        progress: told about every batch of tiles.
        total: tiles of the whole image, for the messages.
        cancel: checked before every batch.
    """

    def __init__(
        self,
        model: Model,
        shape: Sequence[int],
        progress: Progress,
        total: int,
        cancel: CancelToken | None,
    ) -> None:
        self.info = model.info
        self.network: torch.nn.Module = model.network
        self.progress = progress
        self.total = total
        self.cancel = cancel
        self.done = 0
        self._place_network(model.device)
        self.batch = _batch_size(model.device)
        try:
            self.scores = self._empty_scores(shape, self.device)
        except RuntimeError as error:
            if self.device == "cpu" or not is_out_of_memory(error):
                raise
            self.scores = self._empty_scores(shape, "cpu")

    def _empty_scores(self, shape: Sequence[int], device: str) -> RollingScores:
        return RollingScores.empty(len(self.info.classes), shape, self.info.patch, device)

    def _place_network(self, device: str) -> None:
        self.device = device
        self.precision = fast_precision(device)

    def run(self, image: np.ndarray, tiles: Sequence[Start]) -> None:
        """Run the tiles that start at `tiles` of an image in HU.

        Raises:
            PastaError: even the CPU's memory is too small.
            Cancelled: asked to stop.
        """
        waiting = list(tiles)
        while waiting:
            if self.cancel:
                self.cancel.check()
            now = waiting[: self.batch]
            try:
                logits = self._logits(image, now)
                for start, of_tile in zip(now, logits, strict=True):
                    self._add(start, of_tile)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                logits = None  # of the failed attempt: makes room
                self._use_less_memory()
                continue
            waiting = waiting[len(now) :]
            self.done += len(now)
            self.progress(self.done / self.total, f"Tile {self.done} of {self.total}")

    def _logits(self, image: np.ndarray, starts: Sequence[Start]) -> torch.Tensor:
        import torch

        patch = self.info.patch
        tiles = np.stack(
            [
                self.info.normalization(
                    image[tuple(slice(a, a + n) for a, n in zip(start, patch, strict=True))]
                )
                for start in starts
            ]
        )
        batch = torch.from_numpy(tiles[:, None]).to(self.device)
        kind = torch.device(self.device).type
        with (
            torch.inference_mode(),
            torch.autocast(kind, dtype=self.precision, enabled=self.precision is not None),
        ):
            logits: torch.Tensor = self.network(batch)
        return logits

    def _add(self, start: Start, logits: torch.Tensor) -> None:
        import torch

        device = self.scores.sums.device
        weight = torch.from_numpy(gaussian_weight(self.info.patch)).to(device)
        self.scores.add(start, logits.to(device), weight)

    def _use_less_memory(self) -> None:
        import torch

        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            tiles = "1 tile" if self.batch == 1 else f"{self.batch} tiles"
            message = f"Memory is short: running {tiles} at once"
        elif self.scores.sums.device.type != "cpu":
            self.scores = self.scores.to("cpu")
            message = "Memory is short: adding up the scores on the CPU"
        elif self.device != "cpu":
            # A copy: the caller's model stays on its device.
            self.network = self._copy_on_cpu()
            self._place_network("cpu")
            message = "Memory is short: continuing on the CPU"
        else:
            raise PastaError(
                "There is not enough memory for this CT; close other programs, or give a region "
                "of interest."
            )
        self.progress(self.done / self.total, message)

    def _copy_on_cpu(self) -> torch.nn.Module:
        network = self.info.network()
        network.load_state_dict(self.network.state_dict())
        return network.eval()
