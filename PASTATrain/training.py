"""Stage I: train organs and lesion types. Resumable, logged, with a moving average of weights."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken, Progress
from PASTATrain.cases import STORED, case_files, load_case
from PASTATrain.classes import CLASSES, IGNORE
from PASTATrain.config import TrainingConfig
from PASTATrain.distributed import this_process
from PASTATrain.losses import FIRST_LESION, SegmentationLoss
from PASTATrain.patches import endless
from PASTATrain.precision import mixed_precision
from PASTATrain.states import CHECKPOINT, StepLog, TrainingState

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

    from PASTALib.network import UNet, Window


def patch_loader(folder: Path, config: TrainingConfig, start: int) -> DataLoader:
    """Batches without end from `config.workers` processes; `start` keeps a resumed run fresh."""
    from torch.utils.data import DataLoader, IterableDataset, get_worker_info

    files = case_files(folder, "train")
    cases = [load_case(path) for path, kind in files if kind != STORED]
    stored = [path for path, kind in files if kind == STORED]

    class Patches(IterableDataset):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            worker = get_worker_info()
            number = worker.id if worker else 0
            return endless(cases, config, hash((config.seed, start, number)) % 2**32, stored)

    return DataLoader(
        Patches(),
        batch_size=config.batch,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        prefetch_factor=8 if config.workers else None,
    )


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


def window_of(step: int, channels: torch.Tensor, config: TrainingConfig) -> Window | None:
    """Part of the patch that is decoded at full resolution in a step; None is all of it.

    Half an edge long: an eighth of the work. In half of the steps it is around a voxel of a
    lesion, where there is one; always, and the network would expect a lesion everywhere.
    """
    import torch

    if not config.coarse_steps <= step < config.window_steps:
        return None
    lesion = ((channels >= FIRST_LESION) & (channels != IGNORE)).any(dim=0).nonzero()
    edge = config.patch // 2
    if len(lesion) and torch.rand(()) < 0.5:
        center = lesion[torch.randint(len(lesion), ())].tolist()
    else:
        center = torch.randint(config.patch, (3,)).tolist()
    starts = (min(max(0, c - edge // 2), config.patch - edge) // 2 * 2 for c in center)
    z, y, x = (slice(start, start + edge) for start in starts)
    return z, y, x


def fresh_network(config: TrainingConfig) -> UNet:
    """An untrained network of a run."""
    from PASTALib.network import UNet

    return UNet(
        config.features,
        len(CLASSES),
        refines=config.refines,
        compresses=config.compresses,
        hu_windows=config.hu_windows,
    )


def with_hu_windows(network: UNet, config: TrainingConfig) -> UNet:
    """A network that also sees lung and bone in windows of their own, as the run's network does.

    It sees soft tissue as before; the weights of the two new windows are untrained. With weights of
    0 it would answer as before, but they had grown to a fifteenth of the others after 1000 steps.
    """
    wider = fresh_network(config)
    weights = network.state_dict()
    first = next(iter(weights))
    widened = wider.state_dict()[first].clone()
    widened[:, :1] = weights[first]
    wider.load_state_dict({**weights, first: widened})
    return wider


def fresh_state(config: TrainingConfig, device: str) -> TrainingState[UNet]:
    """An untrained network of a run."""
    return TrainingState.fresh(
        lambda: fresh_network(config), config.seed, config.weight_decay, device
    )


def training_step(
    state: TrainingState[UNet],
    scales: torch.nn.Module,
    batch: dict[str, torch.Tensor],
    config: TrainingConfig,
    loss_of: SegmentationLoss,
) -> torch.Tensor:
    """One step of the optimizer; returns the loss of the batch, detached.

    Args:
        state: changed in place.
        scales: gives the logits of every scale of the state's network, perhaps over processes.
        batch: ``image`` ``(batch, 1, z, y, x)`` and ``label`` ``(batch, z, y, x)``.
        config: the run.
        loss_of: the loss.
    """
    import torch

    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, config)
    device = next(state.network.parameters()).device
    image, channels = batch["image"].to(device), batch["label"].to(device)
    finest = 1 if state.step < config.coarse_steps else 0
    window = window_of(state.step, channels, config)
    with mixed_precision(str(device)):
        logits = scales(image, finest, window)
    loss = loss_of(logits, channels, lesion_weight(state.step, config), finest, window)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 12.0)
    if torch.isfinite(norm):  # a patch of little but air can overflow in half precision
        state.optimizer.step()
        state.update_average(config.ema)
    state.step += 1
    return loss.detach()


def compiled(scales: torch.nn.Module, backend: str) -> torch.nn.Module:
    """The same through ``torch.compile``: once for each part of the decoder that is in use.

    Raises:
        PastaError: there is no such backend.
    """
    import torch

    known = torch.compiler.list_backends(exclude_tags=())
    if backend not in known:
        raise PastaError(
            f"torch.compile has no backend '{backend}'; 'compile' may be {', '.join(known)}."
        )
    scales.compile(backend=backend)
    return scales


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
    from PASTALib.network import AllScales

    run.mkdir(parents=True, exist_ok=True)
    state = fresh_state(config, device)
    state.resume(run / CHECKPOINT, device)
    first, began = state.step, time.monotonic()
    with this_process() as process:
        scales = process.replicate(AllScales(state.network))
        if config.compile:
            scales = compiled(scales, config.compile)
        batches = iter(patch_loader(cases, config, process.rank + process.count * first))
        log = StepLog(run) if process.is_first else None
        loss_of = SegmentationLoss(emphasis=config.emphasis)
        while state.step < config.steps:
            late = minutes is not None and time.monotonic() - began > 60 * minutes
            if process.any(cancel.cancelled or late):
                break
            loss = process.mean(training_step(state, scales, next(batches), config, loss_of))
            if log is None:
                continue
            log.add(state.step, loss)
            per_step = (time.monotonic() - began) / (state.step - first)
            left = per_step * (config.steps - state.step) / 60
            done = f"step {state.step}/{config.steps}, loss {loss:.3f}, {left:.0f} min left"
            progress(state.step / config.steps, done)
            if state.step % config.save_every == 0:
                state.save(run / CHECKPOINT)
        if log is not None:
            state.save(run / CHECKPOINT)
            log.close()
    return state.step
