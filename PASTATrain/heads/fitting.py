"""The one training loop of all heads, with the encoder frozen or trained along."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from PASTALib.files import written_atomically
from PASTALib.progress import CancelToken, Progress
from PASTATrain.heads.losses import Loss
from PASTATrain.states import StepLog

CHECKPOINT = "checkpoint.pt"
VALIDATION_SHARE = 0.2
SAVE_SECONDS = 60.0
Augment = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Schedule:
    """How a head is trained: AdamW, and a cosine down to a hundredth of the learning rate."""

    epochs: int = 120
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    batch: int = 64
    seed: int = 1


def validation_rows(patients: np.ndarray, seed: int) -> np.ndarray:
    """Which rows validate: those of a fifth of the patients, or a fifth of those of a single one.

    Returns:
        Booleans ``(n,)``, true for one row or more.
    """
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(patients))
    if len(names) == 1:
        chosen: np.ndarray = rng.random(len(patients)) < VALIDATION_SHARE
        chosen[0] = True
        return chosen
    return np.isin(patients, names[: max(1, round(VALIDATION_SHARE * len(names)))])


def logits_of(module: nn.Module, inputs: tuple[Tensor, ...], batch: int) -> Tensor:
    """Logits of all rows, on the CPU, in evaluation mode."""
    device = next(module.parameters()).device
    module.eval()
    with torch.inference_mode():
        parts = [
            module(*(x.to(device) for x in rows)).float().cpu()
            for rows in zip(*(x.split(batch) for x in inputs), strict=True)
        ]
    return torch.cat(parts)


def fit(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    targets: Tensor,
    validation: np.ndarray,
    loss_of: Loss,
    schedule: Schedule,
    run: Path,
    progress: Progress,
    cancel: CancelToken,
    augment: Augment | None = None,
) -> None:
    """Train, and leave the weights of the epoch with the least validation loss in the module.

    Goes on from the checkpoint in `run`; every epoch draws from a seed of its own, so a run that
    was stopped ends as one that was not. Losses go to ``log.csv`` and TensorBoard in `run`.

    Args:
        module: from a row of each input to logits; on its device.
        inputs: tensors with one row an example.
        targets: ``(n, columns)``, see `loss_of`.
        validation: booleans ``(n,)``: rows that are not learned from.
        loss_of: the loss.
        schedule: how long and how fast.
        run: folder of checkpoint and logs.
        progress: told after each epoch.
        cancel: asked after each batch.
        augment: changes the inputs of a batch.

    Raises:
        Cancelled: asked to stop; what was learned in the last minute is lost.
    """
    optimizer = torch.optim.AdamW(
        module.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, schedule.epochs, schedule.learning_rate / 100
    )
    parts: dict[str, Any] = {"module": module, "optimizer": optimizer, "cosine": cosine}
    kept: dict[str, Any] = {
        "epoch": 0,
        "least": float("inf"),
        "best": copy.deepcopy(module.state_dict()),
    }
    path = run / CHECKPOINT
    if path.is_file():
        kept = _resume(path, parts)
    train, held_out = (torch.from_numpy(np.flatnonzero(x)) for x in (~validation, validation))
    log = StepLog(run, ("training", "validation"))
    saved = time.monotonic()
    try:
        for epoch in range(kept["epoch"], schedule.epochs):
            torch.manual_seed(schedule.seed * 100_003 + epoch)
            learned = _epoch(module, inputs, targets, train, loss_of, schedule, optimizer,
                             cancel, augment)  # fmt: skip
            cosine.step()
            seen = logits_of(module, tuple(x[held_out] for x in inputs), schedule.batch)
            now = float(loss_of(seen, targets[held_out]))
            if now < kept["least"]:
                kept |= {"least": now, "best": copy.deepcopy(module.state_dict())}
            kept["epoch"] = epoch + 1
            log.add(epoch + 1, learned, now)
            done = f"epoch {epoch + 1}/{schedule.epochs}, loss {learned:.3f}, validation {now:.3f}"
            progress((epoch + 1) / schedule.epochs, done)
            if time.monotonic() - saved > SAVE_SECONDS or epoch + 1 == schedule.epochs:
                _save(path, parts, kept)
                saved = time.monotonic()
    finally:
        log.close()
    module.load_state_dict(kept["best"])
    module.eval()


def _epoch(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    targets: Tensor,
    train: Tensor,
    loss_of: Loss,
    schedule: Schedule,
    optimizer: torch.optim.Optimizer,
    cancel: CancelToken,
    augment: Augment | None,
) -> float:
    """Learn from every training row once; returns the mean loss of the batches."""
    device = next(module.parameters()).device
    module.train()
    losses = []
    for rows in train[torch.randperm(len(train))].split(schedule.batch):
        cancel.check()
        batch = tuple(x[rows] for x in inputs)
        batch = augment(batch) if augment else batch
        loss = loss_of(module(*(x.to(device) for x in batch)), targets[rows].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _save(path: Path, parts: dict[str, Any], kept: dict[str, Any]) -> None:
    states = {key: part.state_dict() for key, part in parts.items()}
    with written_atomically(path) as temporary:
        torch.save({**states, **kept}, temporary)


def _resume(path: Path, parts: dict[str, Any]) -> dict[str, Any]:
    stored = torch.load(path, map_location="cpu", weights_only=True)
    for key, part in parts.items():
        part.load_state_dict(stored.pop(key))
    return stored
