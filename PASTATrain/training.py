"""Stage I: train organs and lesion types. Resumable, logged, with a moving average of weights."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.files import written_atomically
from PASTALib.progress import CancelToken, Progress
from PASTATrain.cases import load_cases
from PASTATrain.classes import CLASSES
from PASTATrain.config import TrainingConfig
from PASTATrain.distributed import Process, this_process
from PASTATrain.losses import SegmentationLoss
from PASTATrain.patches import endless

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

    from PASTALib.network import UNet

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"


def patch_loader(folder: Path, config: TrainingConfig, start: int) -> DataLoader:
    """Batches without end from `config.workers` processes; `start` keeps a resumed run fresh."""
    from torch.utils.data import DataLoader, IterableDataset, get_worker_info

    cases = load_cases(folder, "train")

    class Patches(IterableDataset):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            worker = get_worker_info()
            number = worker.id if worker else 0
            return endless(cases, config, hash((config.seed, start, number)) % 2**32)

    return DataLoader(
        Patches(),
        batch_size=config.batch,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        prefetch_factor=8 if config.workers else None,
        worker_init_fn=step_aside,
    )


def step_aside(_: int) -> None:
    """Let the network go first: its threads wait for each other, so a busy core stops them all."""
    os.nice(19)


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, level at half resolution, then a cosine to a hundredth of the peak."""
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    level = max(config.warm_up, config.coarse_steps)
    done = max(0, step - level) / max(1, config.steps - level)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def lesion_weight(step: int, config: TrainingConfig) -> float:
    """Cross-entropy weight of lesion voxels: falls geometrically from first to last step."""
    first, last = config.lesion_weight
    return first * (last / first) ** min(1.0, step / config.steps)


def update_average(average: UNet, network: UNet, decay: float, step: int) -> None:
    """Move the average of the weights toward the present ones; early steps forget faster."""
    import torch

    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, new in zip(average.parameters(), network.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)


def train(
    cases: Path,
    run: Path,
    config: TrainingConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken,
    minutes: float | None = None,
) -> int:
    """Train until `config.steps`, until `minutes` have passed, or until cancelled.

    A checkpoint in `run` is resumed. Losses go to ``log.csv`` and TensorBoard in `run`. Started by
    ``torchrun``, each process takes `config.batch` patches a step and gradients are averaged.

    Args:
        cases: folder that `prepare` filled.
        run: folder of checkpoint and logs.
        config: the run.
        device: torch device.
        progress: told after each step, with the time left.
        cancel: asked after each step; the checkpoint is written before it returns.
        minutes: stop after this time, for runs that are done in pieces.

    Returns:
        The number of steps done in all.
    """
    import torch

    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    with this_process() as process:
        return _train(process, cases, run, config, device, progress, cancel, minutes)


def _train(
    process: Process,
    cases: Path,
    run: Path,
    config: TrainingConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken,
    minutes: float | None,
) -> int:
    import torch

    from PASTALib.network import AllScales, UNet

    network = UNet(config.features, len(CLASSES)).to(device)
    average = UNet(config.features, len(CLASSES)).to(device)
    average.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    step = resume(run / CHECKPOINT, network, average, optimizer, device)
    scales = process.replicate(AllScales(network))
    loss_of = SegmentationLoss()
    batches = iter(patch_loader(cases, config, process.rank + process.count * step))
    log = StepLog(run) if process.is_first else None
    first, began = step, time.monotonic()
    while step < config.steps:
        late = minutes is not None and time.monotonic() - began > 60 * minutes
        if process.agree(cancel.cancelled or late):
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        batch = next(batches)
        image, channels = batch["image"].to(device), batch["label"].to(device)
        finest = 1 if step < config.coarse_steps else 0
        stride = 2**finest
        with torch.autocast(device.split(":", maxsplit=1)[0], torch.bfloat16):
            logits = scales(image, finest)
        loss = loss_of(
            logits, channels[:, ::stride, ::stride, ::stride], lesion_weight(step, config)
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 12.0)
        if torch.isfinite(norm):  # a patch of little but air can overflow in half precision
            optimizer.step()
            update_average(average, network, config.ema, step)
        step += 1
        mean_loss = process.mean(loss)
        if log is None:
            continue
        log.add(step, mean_loss)
        left = (time.monotonic() - began) / (step - first) * (config.steps - step)
        progress(
            step / config.steps,
            f"step {step}/{config.steps}, loss {mean_loss:.3f}, {left / 60:.0f} min left",
        )
        if step % config.save_every == 0:
            save(run / CHECKPOINT, network, average, optimizer, step)
    if log is not None:
        save(run / CHECKPOINT, network, average, optimizer, step)
        log.close()
    return step


class StepLog:
    """Losses of a run, appended to ``log.csv`` and TensorBoard."""

    def __init__(self, run: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        path = run / LOG
        new = not path.exists()
        self._stream = path.open("a", newline="")
        self._rows = csv.writer(self._stream)
        if new:
            self._rows.writerow(["step", "loss"])
        self._board = SummaryWriter(str(run / "tensorboard"))

    def add(self, step: int, loss: float) -> None:
        """Note the loss of a step."""
        self._rows.writerow([step, f"{loss:.5f}"])
        self._stream.flush()
        self._board.add_scalar("loss", loss, step)

    def close(self) -> None:
        """Write what is still held."""
        self._stream.close()
        self._board.close()


def save(
    path: Path, network: UNet, average: UNet, optimizer: torch.optim.Optimizer, step: int
) -> None:
    """Write a checkpoint atomically."""
    import torch

    state = {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
    }
    with written_atomically(path) as temporary:
        torch.save(state, temporary)


def resume(
    path: Path, network: UNet, average: UNet, optimizer: torch.optim.Optimizer, device: str
) -> int:
    """Load a checkpoint if there is one; returns the number of steps it has behind it."""
    import torch

    if not path.is_file():
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def steps_done(run: Path) -> int:
    """Steps that the log of a run tells of."""
    with (run / LOG).open(newline="") as stream:
        return max(int(row["step"]) for row in csv.DictReader(stream))
