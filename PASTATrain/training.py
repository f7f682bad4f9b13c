"""Stage I: train organs and lesion types. Resumable, logged, with a moving average of weights."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.files import written_atomically
from PASTALib.progress import CancelToken, Progress
from PASTATrain.cases import load_cases
from PASTATrain.classes import CLASSES
from PASTATrain.config import TrainingConfig
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
        prefetch_factor=4 if config.workers else None,
    )


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, level at half resolution, then a cosine to a hundredth of the peak."""
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    level = max(config.warm_up, config.coarse_steps)
    done = max(0, step - level) / max(1, config.steps - level)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


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

    A checkpoint in `run` is resumed. Losses go to ``log.csv`` and TensorBoard in `run`.

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
    from torch.utils.tensorboard import SummaryWriter

    from PASTALib.network import UNet

    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    network = UNet(config.features, len(CLASSES)).to(device)
    average = UNet(config.features, len(CLASSES)).to(device)
    average.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    step = resume(run / CHECKPOINT, network, average, optimizer, device)
    loss_of = SegmentationLoss()
    batches = iter(patch_loader(cases, config, step))
    board = SummaryWriter(str(run / "tensorboard"))
    first, began = step, time.monotonic()
    while step < config.steps and not cancel.cancelled:
        if minutes is not None and time.monotonic() - began > 60 * minutes:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        batch = next(batches)
        image, channels = batch["image"].to(device), batch["label"].to(device)
        finest = 1 if step < config.coarse_steps else 0
        stride = 2**finest
        with torch.autocast(device.split(":", maxsplit=1)[0], torch.bfloat16):
            logits = network.scales(image, finest)
        loss = loss_of(logits, channels[:, ::stride, ::stride, ::stride])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 12.0)
        if torch.isfinite(norm):  # a patch of little but air can overflow in half precision
            optimizer.step()
            update_average(average, network, config.ema, step)
        step += 1
        log_step(run / LOG, board, step, loss.item())
        left = (time.monotonic() - began) / (step - first) * (config.steps - step)
        progress(
            step / config.steps,
            f"step {step}/{config.steps}, loss {loss.item():.3f}, {left / 60:.0f} min left",
        )
        if step % config.save_every == 0:
            save(run / CHECKPOINT, network, average, optimizer, step)
    save(run / CHECKPOINT, network, average, optimizer, step)
    board.close()
    return step


def log_step(path: Path, board: Any, step: int, loss: float) -> None:
    """Append the loss of a step to the CSV log and to TensorBoard."""
    new = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.writer(stream)
        if new:
            writer.writerow(["step", "loss"])
        writer.writerow([step, f"{loss:.5f}"])
    board.add_scalar("loss", loss, step)


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
