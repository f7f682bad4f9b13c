"""Train the promptable network: each step is one gesture on each lesion of a batch.

The outline that a step gives is what the simulated reader corrects next, and what the network is
shown in the step after it, so that several rounds cost no more than one. No gradient runs from
round to round.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from PASTALib.gestures.close_up import MARK_CHANNELS
from PASTALib.progress import CancelToken, Progress
from PASTATrain.precision import mixed_precision
from PASTATrain.prompting.config import PromptingConfig, info_of
from PASTATrain.prompting.judging import Judge
from PASTATrain.prompting.samples import Sample, SampleMaker
from PASTATrain.prompting.session import Session
from PASTATrain.states import CHECKPOINT, StepLog, TrainingState, warm_cosine

if TYPE_CHECKING:
    import torch

    from PASTALib.network import UNet

SCALE_WEIGHTS = (1.0, 0.5)
"""Of the loss at the finest resolution and at half of it."""
MARKS_WEIGHT = 0.5
"""Of the cross-entropy near marks."""
CLIPPED = 5.0
"""Largest norm of the gradient."""


def fresh_state(config: PromptingConfig, device: str) -> TrainingState[UNet]:
    """An untrained network of a run."""
    make = info_of(config).network
    return TrainingState.fresh(make, config.seed, config.weight_decay, device)


def finest_level(step: int, config: PromptingConfig) -> int:
    """Decoder level that is trained in a step: 1 is half resolution."""
    return 1 if step < config.coarse_steps else 0


def sample_loader(
    folders: Sequence[Path], split: str, config: PromptingConfig, seed: int
) -> Iterator[Sample]:
    """Samples without end, from processes of their own where the configuration has workers."""
    from torch.utils.data import DataLoader

    from PASTATrain.prompting.stream import SampleStream

    if config.workers == 0:
        return iter(SampleMaker(folders, split, config, seed))
    loader = DataLoader(
        SampleStream(tuple(folders), split, config, seed),
        batch_size=None,
        num_workers=config.workers,
        prefetch_factor=16,
        multiprocessing_context="spawn",
    )
    return iter(loader)


class OutlineLoss:
    """Dice and cross-entropy at the finest resolution and the one below.

    Cross-entropy near marks counts once more: a mark is little in a cube, and without this the
    network hardly looked at any in 1000 steps.
    """

    def __init__(self) -> None:
        from monai.losses import DiceCELoss

        self._loss = DiceCELoss(sigmoid=True, smooth_nr=0.0, smooth_dr=1e-5)

    def __call__(
        self,
        logits: Sequence[torch.Tensor],
        truth: torch.Tensor,
        near: torch.Tensor,
        finest: int = 0,
    ) -> torch.Tensor:
        """Loss of the logits.

        Args:
            logits: ``(batch, 1, z, y, x)`` each, the finest first, each half as fine as before.
            truth: ``(batch, 1, z, y, x)`` at full resolution, 0 or 1.
            near: 1 at marks, falling to 0 around them, like `truth`.
            finest: level of the first logits; 0 is full resolution.
        """
        from torch.nn import functional

        from PASTALib.network import enlarged

        said = enlarged(logits[0].float(), truth.shape[2:])
        entropy = functional.binary_cross_entropy_with_logits(said, truth, reduction="none")
        total = MARKS_WEIGHT * (near * entropy).sum() / near.sum().clamp(min=1)
        for number, (weight, scale) in enumerate(zip(SCALE_WEIGHTS, logits, strict=False)):
            share = functional.avg_pool3d(truth, 2 ** (finest + number))
            total = total + weight * self._loss(scale.float(), share)
        return total


def training_step(
    state: TrainingState[UNet],
    sessions: Sequence[Session],
    config: PromptingConfig,
    loss_of: OutlineLoss,
) -> tuple[float, NDArray[np.bool_]]:
    """One step of the optimizer; returns the loss, and the outlines ``(batch, z, y, x)``."""
    import torch

    from PASTALib.network import enlarged

    finest = finest_level(state.step, config)
    for group in state.optimizer.param_groups:
        group["lr"] = warm_cosine(state.step, config.steps, config.warm_up, config.learning_rate)
    device = next(state.network.parameters()).device
    info = info_of(config)
    shown = np.stack([info.input_of(session.close_up) for session in sessions])
    image = torch.from_numpy(shown).to(device)
    truth = np.stack([session.reader.truth for session in sessions])[:, None]
    with mixed_precision(str(device)):
        logits = state.network.scales(image, finest)
    near = image[:, MARK_CHANNELS].amax(dim=1, keepdim=True)
    loss = loss_of(logits, torch.from_numpy(truth.astype(np.float32)).to(device), near, finest)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), CLIPPED)
    if torch.isfinite(norm):
        state.optimizer.step()
        state.update_average(config.ema)
    state.step += 1
    said = enlarged(logits[0].detach().float(), image.shape[2:])[:, 0]
    return float(loss.detach()), (said > 0).cpu().numpy()


def begin(samples: Iterator[Sample], most: int, rng: np.random.Generator) -> Session:
    """The next session, of 1 to `most` rounds."""
    while True:
        session = Session.begun(next(samples), int(rng.integers(1, most + 1)), rng)
        if session is not None:
            return session


def train(
    folders: Sequence[Path],
    run: Path,
    config: PromptingConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken,
    minutes: float | None = None,
) -> int:
    """Train until `config.steps`, until `minutes` have passed, or until cancelled.

    A checkpoint in `run` is resumed. Losses go to ``log.csv`` and TensorBoard in `run`.

    Args:
        folders: of cases that `pasta-train prepare` made.
        run: folder of checkpoint and logs.
        config: the run.
        device: torch device.
        progress: told after each step, with the time left.
        cancel: asked after each step; the checkpoint is written before it returns.
        minutes: stop after this time, for runs that are done in pieces.

    Returns:
        The number of steps done in all.
    """
    run.mkdir(parents=True, exist_ok=True)
    state = fresh_state(config, device)
    state.resume(run / CHECKPOINT, device)
    first, began = state.step, time.monotonic()
    rng = np.random.default_rng((config.seed, first))
    samples = sample_loader(folders, "train", config, hash((config.seed, first)) % 2**32)
    sessions = [begin(samples, config.rounds, rng) for _ in range(config.batch)]
    loss_of, log = OutlineLoss(), StepLog(run)
    judge = Judge(folders, config, device)
    board = StepLog(run / "judged", judge.names)
    try:
        while state.step < config.steps:
            if cancel.cancelled or (minutes and time.monotonic() - began > 60 * minutes):
                break
            loss, outlines = training_step(state, sessions, config, loss_of)
            sessions = [
                session.after(outline) or begin(samples, config.rounds, rng)
                for session, outline in zip(sessions, outlines, strict=True)
            ]
            log.add(state.step, loss)
            left = (time.monotonic() - began) / (state.step - first) * (config.steps - state.step)
            done = f"step {state.step}/{config.steps}, loss {loss:.3f}, {left / 60:.0f} min left"
            progress(state.step / config.steps, done)
            if state.step % config.save_every == 0:
                state.save(run / CHECKPOINT)
            if state.step % config.judge_every == 0:
                reached = judge(state.average, finest_level(state.step, config))
                board.add(state.step, *reached)
                text = ", ".join(f"{dice:.2f}" for dice in reached)
                progress(state.step / config.steps, f"mean Dice after each gesture: {text}")
    finally:
        state.save(run / CHECKPOINT)
        log.close()
        board.close()
    return state.step
