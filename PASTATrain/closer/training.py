"""Train the closer look on collected candidates."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from PASTALib.closer.look import CloserInfo, save_closer_look
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken, Progress
from PASTATrain.closer.config import CloserConfig, info_of
from PASTATrain.closer.samples import Batch, BatchMaker, CandidateSet, as_seen, cubes_of
from PASTATrain.precision import mixed_precision
from PASTATrain.states import CHECKPOINT, StepLog, TrainingState, warm_cosine

if TYPE_CHECKING:
    import torch

    from PASTALib.closer.network import CloserNetwork

CANDIDATES = "candidates"
"""Folder of a run that holds what was collected."""


def fresh_state(config: CloserConfig, device: str) -> TrainingState[CloserNetwork]:
    """An untrained network of a run."""
    make = info_of(config).network
    return TrainingState.fresh(make, config.seed, config.weight_decay, device)


def train(
    run: Path,
    config: CloserConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken | None = None,
    held_out: tuple[str, ...] = (),
) -> int:
    """Train, from where the last run ended; returns the step.

    Args:
        run: folder with the candidates; takes checkpoint and log.
        config: the run.
        device: a torch device.
        progress: told every few steps.
        cancel: stops after a step, with a checkpoint.
        held_out: scans whose candidates are not trained with; how well they are told apart is
            told at each checkpoint.

    Raises:
        PastaError: nothing was collected.
        Cancelled: asked to stop.
    """
    info = info_of(config)
    every = CandidateSet.read((run / CANDIDATES).glob("*.npz"), info)
    kept = np.isin(every.scans, held_out)
    if kept.all():
        raise PastaError("All candidates are of scans that are held out; hold out fewer.")
    state = fresh_state(config, device)
    state.resume(run / CHECKPOINT, device)
    judged = every.part(kept) if kept.any() else None
    trained = every.part(~kept) if kept.any() else every  # a part is a copy of gigabytes
    batches = BatchMaker(trained, config, np.random.default_rng((config.seed, state.step)))
    log = StepLog(run)
    prepared = prefetched(batches)
    while state.step < config.steps:
        loss = training_step(state, next(prepared), config)
        log.add(state.step, float(loss))
        done = state.step == config.steps or bool(cancel and cancel.cancelled)
        if done or state.step % config.save_every == 0:
            state.save(run / CHECKPOINT)
            said = f", AUC {told_apart(state, judged):.3f}" if judged else ""
            message = f"step {state.step}/{config.steps}, loss {float(loss):.3f}{said}"
            progress(state.step / config.steps, message)
        if cancel:
            cancel.check()
    log.close()
    return state.step


def prefetched(batches: BatchMaker) -> Iterator[Batch]:
    """Batches without end, the next one made while one is trained with: it takes as long."""
    with ThreadPoolExecutor(1) as maker:
        following = maker.submit(batches)
        while True:
            ready, following = following.result(), maker.submit(batches)
            yield ready


def training_step(
    state: TrainingState[CloserNetwork],
    batch: Batch,
    config: CloserConfig,
) -> torch.Tensor:
    """One step of the optimizer; returns the loss of the batch, detached."""
    import torch
    from torch.nn import functional

    for group in state.optimizer.param_groups:
        group["lr"] = warm_cosine(state.step, config.steps, config.warm_up, config.learning_rate)
    device = next(state.network.parameters()).device
    cubes, facts, truth = (tensor.to(device) for tensor in batch)
    state.network.train()
    with mixed_precision(str(device)):
        log_odds = state.network(cubes, facts)
    wanted = truth * (1 - 2 * config.smoothing) + config.smoothing
    loss = functional.binary_cross_entropy_with_logits(log_odds.float(), wanted)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimizer.step()
    state.step += 1
    state.update_average(config.ema)
    for mine, its in zip(state.average.buffers(), state.network.buffers(), strict=True):
        mine.copy_(its)
    return loss.detach()


def told_apart(state: TrainingState[CloserNetwork], candidates: CandidateSet) -> float:
    """Area under the ROC curve of lesions against false candidates."""
    import torch
    from sklearn.metrics import roc_auc_score

    device = next(state.average.parameters()).device
    said = []
    state.average.eval()
    with torch.inference_mode():
        for first in range(0, len(candidates), 32):
            index = range(first, min(first + 32, len(candidates)))
            cubes = as_seen(cubes_of(candidates, index)).to(device)
            facts = torch.from_numpy(candidates.facts[list(index)]).to(device)
            said.append(state.average(cubes, facts).float().cpu().numpy())
    if candidates.is_lesion.all() or not candidates.is_lesion.any():
        return float("nan")
    return float(roc_auc_score(candidates.is_lesion, np.concatenate(said)))


def export_closer(run: Path, config: CloserConfig, folder: Path) -> CloserInfo:
    """Write the averaged weights of a run into the folder of a model.

    Raises:
        PastaError: the run has no checkpoint.
    """
    if not (run / CHECKPOINT).is_file():
        raise PastaError(f"'{run}' holds no checkpoint; train with 'pasta-train closer run' first.")
    state = fresh_state(config, "cpu")
    state.resume(run / CHECKPOINT, "cpu")
    training = {"steps": state.step, "batch": config.batch, "seed": config.seed}
    return save_closer_look(folder, replace(info_of(config), training=training), state.average)
