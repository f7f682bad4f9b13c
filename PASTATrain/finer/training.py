"""Train the finer network; resumable, logged, with a moving average of its weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PASTALib.errors import PastaError
from PASTALib.finer.info import save_finer
from PASTALib.finer.shown import channels
from PASTALib.model import Model, ModelInfo, load_model
from PASTALib.progress import CancelToken, Progress
from PASTATrain.classes import IGNORE
from PASTATrain.evaluation import scans
from PASTATrain.finer.config import FinerConfig, info_of
from PASTATrain.finer.pool import Patches
from PASTATrain.precision import mixed_precision
from PASTATrain.scan_parts import organs_of
from PASTATrain.states import CHECKPOINT, StepLog, TrainingState, warm_cosine

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.utils.data import DataLoader

    from PASTALib.network import UNet, Window

FINE = 2 / 3
"""Share of full resolution in the loss; the rest is of half of it."""


class LesionLoss:
    """Cross-entropy, and Dice of any lesion and of each type that is there, over the whole batch.

    Over the batch, so that what is outlined in a patch without a lesion costs something as well.
    """

    def __init__(self, lesion_weight: float) -> None:
        from monai.losses import DiceLoss

        self._weight = lesion_weight
        self._dice = DiceLoss(include_background=True, batch=True, smooth_nr=0.0, smooth_dr=1e-5)

    def __call__(self, scales: list[Tensor], truth: Tensor, window: Window) -> Tensor:
        """Loss of the logits of two scales.

        Args:
            scales: ``(batch, classes, z, y, x)`` each: those of the window, and half as fine those
                of the whole patch.
            truth: ``(batch, z, y, x)`` channels, `IGNORE` where nothing is known.
            window: part of the patch that is seen at full resolution.
        """
        from PASTALib.network import part

        fine = self._of(scales[0].float(), part(truth, window))
        return FINE * fine + (1 - FINE) * self._of(scales[1].float(), truth[:, ::2, ::2, ::2])

    def _of(self, logits: Tensor, truth: Tensor) -> Tensor:
        from torch.nn import functional

        known = (truth != IGNORE)[:, None]
        wanted = truth.long().masked_fill(~known[:, 0], -1)
        weights = logits.new_full((logits.shape[1],), self._weight)
        weights[0] = 1.0
        logarithm = logits.log_softmax(1)
        loss = functional.nll_loss(logarithm, wanted, weight=weights, ignore_index=-1)
        present = wanted.unique()
        present = present[present > 0]
        if not len(present):
            return loss
        share = logarithm.exp() * known
        any_lesion = self._dice(share[:, 1:].sum(1, keepdim=True), (wanted > 0)[:, None].float())
        of_types = (wanted[:, None] == present[None, :, None, None, None]).float()
        return loss + any_lesion + self._dice(share[:, present], of_types)


def first_network(name_or_folder: str) -> Model:
    """The first network of a model, alone, on the CPU.

    Raises:
        PastaError: the model cannot be loaded.
    """
    return replace(load_model(name_or_folder), finer=None, closer=None)


def fresh_state(config: FinerConfig, first: Model, device: str) -> TrainingState[UNet]:
    """A network that starts from what the first one has learned."""
    state = TrainingState.fresh(info_of(config).network, config.seed, config.weight_decay, device)
    for network in (state.network, state.average):
        network.load_state_dict(inherited(first, state.network))
    return state


def inherited(first: Model, network: UNet) -> dict[str, Tensor]:
    """Weights of a finer network with those of the first one wherever they fit.

    The first convolution sees the CT as before, and at the start nothing else; the heads keep the
    lesion types. The decoder is counted from its finest level, since the finer network is not as
    deep.
    """
    import torch

    theirs, state = first.network.state_dict(), network.state_dict()
    deeper = len(first.info.features) - len(network.encoder)
    lesions = [0, *first.info.lesion_channels]
    for key, mine in state.items():
        kind, level, *rest = key.split(".")
        if kind != "encoder":
            level = str(int(level) + deeper)
        its = theirs.get(".".join((kind, level, *rest)))
        if its is None:
            continue
        if kind == "heads" and len(lesions) == len(mine):
            its = its[lesions]
        if its.shape == mine.shape:
            state[key] = its
        elif its.shape[0] == mine.shape[0] and its.shape[1] == 1 and its.dim() == 5:
            state[key] = torch.cat([its, torch.zeros_like(mine[:, 1:])], dim=1)
    return state


def patch_loader(
    first: Model, data: Path, config: FinerConfig, start: int, progress: Progress
) -> DataLoader:
    """Batches without end from `config.workers` processes; `start` keeps a resumed run fresh."""
    import torch
    from torch.utils.data import DataLoader, IterableDataset, get_worker_info

    real = []
    for scan in scans(data, [], "train"):
        progress(0.0, f"organs of {scan.name}")
        real.append((scan, organs_of(scan, first)))

    class Endless(IterableDataset):
        def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
            worker = get_worker_info()
            number = worker.id if worker else 0
            torch.set_num_threads(1)
            return iter(Patches(first, real, config, hash((config.seed, start, number)) % 2**32))

    return DataLoader(
        Endless(),
        batch_size=config.batch,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        prefetch_factor=8 if config.workers else None,
    )


def window_in(patch: int) -> Window:
    """Half an edge of a patch, which alone is decoded at full resolution: a third of the time.

    Mostly around the middle, where lesions are, since patches are drawn around them.
    """
    import torch

    edge, free = patch // 2, patch // 4
    reach = free if torch.rand(()) < 0.3 else free // 2
    starts = (int(free + torch.randint(-reach, reach + 1, ())) // 2 * 2 for _ in range(3))
    z, y, x = (slice(start, start + edge) for start in starts)
    return z, y, x


def training_step(
    state: TrainingState[UNet],
    batch: dict[str, Tensor],
    config: FinerConfig,
    loss_of: LesionLoss,
) -> Tensor:
    """One step of the optimizer; returns the loss of the batch, detached."""
    import torch

    for group in state.optimizer.param_groups:
        group["lr"] = warm_cosine(state.step, config.steps, config.warm_up, config.learning_rate)
    device = next(state.network.parameters()).device
    hu, numbers, likely, truth = (
        batch[key].to(device) for key in ("hu", "numbers", "likely", "truth")
    )
    window = window_in(config.patch)
    with mixed_precision(str(device)):
        scales = state.network.scales(channels(hu, numbers, likely), window=window)
    loss = loss_of(scales, truth, window)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 12.0)
    if torch.isfinite(norm):
        state.optimizer.step()
        state.update_average(config.ema)
    state.step += 1
    return loss.detach()


def train(
    run: Path,
    data: Path,
    first: Model,
    config: FinerConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken | None = None,
    minutes: float | None = None,
) -> int:
    """Train, from where the last run ended; returns the step.

    Args:
        run: takes checkpoint and log.
        data: folder of the public scans; what is missing in it is left out.
        first: the first network, alone, on the CPU.
        config: the run.
        device: a torch device.
        progress: told after each step.
        cancel: stops after a step, with a checkpoint.
        minutes: stop after this time, for runs that are done in pieces.

    Raises:
        Cancelled: asked to stop.
    """
    state = fresh_state(config, first, device)
    state.resume(run / CHECKPOINT, device)
    start = state.step
    batches = iter(patch_loader(first, data, config, start, progress))
    log, loss_of = StepLog(run), LesionLoss(config.lesion_weight)
    ready = next(batches)  # the first ones take minutes, which say nothing of the time left
    began = time.monotonic()
    while state.step < config.steps:
        if minutes is not None and time.monotonic() - began > 60 * minutes:
            break
        loss = float(training_step(state, ready, config, loss_of))
        ready = next(batches)
        log.add(state.step, loss)
        left = (time.monotonic() - began) / (state.step - start) * (config.steps - state.step) / 60
        message = f"step {state.step}/{config.steps}, loss {loss:.3f}, {left:.0f} min left"
        progress(state.step / config.steps, message)
        if state.step % config.save_every == 0 or (cancel and cancel.cancelled):
            state.save(run / CHECKPOINT)
        if cancel:
            cancel.check()
    state.save(run / CHECKPOINT)
    log.close()
    return state.step


def export_finer(run: Path, config: FinerConfig, first: Model, folder: Path) -> ModelInfo:
    """Write the averaged weights of a run into the folder of a model.

    Raises:
        PastaError: the run has no checkpoint.
    """
    if not (run / CHECKPOINT).is_file():
        raise PastaError(f"'{run}' holds no checkpoint; train with 'pasta-train finer run' first.")
    state = fresh_state(config, first, "cpu")
    state.resume(run / CHECKPOINT, "cpu")
    training = {"steps": state.step, "batch": config.batch, "seed": config.seed}
    return save_finer(folder, replace(info_of(config), training=training), state.average)
