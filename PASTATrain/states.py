"""What a run keeps on disk: a checkpoint that it resumes from, and a log of its losses."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from PASTALib.errors import PastaError
from PASTALib.files import written_atomically

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"

Network = TypeVar("Network", bound="torch.nn.Module")


@dataclass
class TrainingState(Generic[Network]):
    """What a checkpoint keeps: the network, the moving average of its weights, the optimizer."""

    network: Network
    average: Network
    optimizer: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def fresh(
        cls, make: Callable[[], Network], seed: int, weight_decay: float, device: str
    ) -> TrainingState[Network]:
        """An untrained network; the same seed gives the same weights.

        Args:
            make: makes a network.
            seed: of its weights.
            weight_decay: of AdamW.
            device: a torch device.
        """
        import torch

        torch.manual_seed(seed)
        network, average = (make().to(device) for _ in range(2))
        average.load_state_dict(network.state_dict())
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=weight_decay)
        return cls(network, average, optimizer)

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        import torch

        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        with written_atomically(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path, device: str) -> None:
        """Load a checkpoint if there is one."""
        import torch

        if not path.is_file():
            return
        state = torch.load(path, map_location=device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])

    def begin_with(self, model: Network, run: Path) -> None:
        """Take the weights of a model over, and write the first checkpoint of a run.

        Args:
            model: a network of the same kind.
            run: folder of the checkpoint; made if it is not there.

        Raises:
            PastaError: the run has begun before, or the model is of another kind.
        """
        path = run / CHECKPOINT
        if path.is_file():
            raise PastaError(f"'{run}' holds a checkpoint already; name another folder with --run.")
        try:
            for mine in (self.network, self.average):
                mine.load_state_dict(model.state_dict())
        except RuntimeError as error:
            raise PastaError(
                "The network of the model is not that of the configuration: other features or "
                "classes. Take the YAML that the model was trained with, or another model."
            ) from error
        run.mkdir(parents=True, exist_ok=True)
        self.save(path)

    def update_average(self, decay: float) -> None:
        """Move the average of the weights toward the present ones; early steps forget faster."""
        import torch

        decay = min(decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
            for kept, new in pairs:
                kept.lerp_(new, 1 - decay)


class StepLog:
    """Losses of a run by their names, appended to ``log.csv`` and TensorBoard."""

    def __init__(self, run: Path, losses: Sequence[str] = ("loss",)) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = run / LOG
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        self._losses = losses
        self._stream = path.open("a", newline="")
        self._rows = csv.writer(self._stream)
        if new:
            self._rows.writerow(["step", *losses])
        self._board = SummaryWriter(str(run / "tensorboard"))

    def add(self, step: int, *values: float) -> None:
        """Note the losses of a step (or epoch)."""
        self._rows.writerow([step, *(f"{value:.5f}" for value in values)])
        self._stream.flush()
        for name, value in zip(self._losses, values, strict=True):
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is still held."""
        self._stream.close()
        self._board.close()


def steps_done(run: Path) -> int:
    """Steps that the log of a run tells of."""
    with (run / LOG).open(newline="") as stream:
        return max(int(row["step"]) for row in csv.DictReader(stream))


def warm_cosine(step: int, steps: int, warm_up: int, peak: float) -> float:
    """Learning rate with a linear warm-up, then a cosine to a hundredth of the peak."""
    warm = min(1.0, (step + 1) / max(1, warm_up))
    return peak * warm * (0.505 + 0.495 * math.cos(math.pi * step / steps))
