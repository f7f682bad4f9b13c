"""From a manifest to a calibrated head: ``pasta-train screen``, ``stage`` and ``survive``."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress, part_of
from PASTATrain.heads.augmentation import augmentation
from PASTATrain.heads.calibration import temperatures
from PASTATrain.heads.config import HeadConfig
from PASTATrain.heads.crops import check_crop
from PASTATrain.heads.encoder import BATCH, EncoderWithHead, as_inputs, features_of
from PASTATrain.heads.examples import Examples, load_examples, make_examples, save_examples
from PASTATrain.heads.fitting import fit, logits_of
from PASTATrain.heads.head import HeadInfo, read_head, save_head, with_prefix
from PASTATrain.heads.tasks import Task, task_of
from PASTATrain.manifest import entries_of, read_manifest
from PASTATrain.settings import keep_settings

EXAMPLES = "examples.npz"


def train_on_manifest(
    name: str,
    manifest: Path,
    model: Model,
    run: Path,
    config: HeadConfig,
    progress: Progress,
    cancel: CancelToken,
) -> HeadInfo:
    """Train a head on the cases of a manifest and write it to `run`; resumes.

    Learns from the split ``train``; epoch and temperature are chosen on ``validation``, or on a
    fifth of the training patients. No other split is read.

    Args:
        name: ``screen``, ``stage`` or ``survive``.
        manifest: see `PASTATrain.manifest`.
        model: whose encoder is used.
        run: folder of the run.
        config: the run.
        progress: told the fraction done.
        cancel: asked between scans and batches.

    Raises:
        PastaError: manifest or configuration are not usable, or `run` holds another run.
        Cancelled: asked to stop.
    """
    entries = read_manifest(manifest)
    train = entries_of(entries, "train", str(manifest))
    check_crop(config.crop, model)
    task = task_of(name, config.around, train)
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    what = {"task": name, "manifest": digest, "weights": model.info.sha256}
    keep_settings(run, {**what, **asdict(config)})
    used = [*train, *(entry for entry in entries if entry.split == "validation")]
    path = run / EXAMPLES
    if not path.is_file():
        tell = part_of(progress, 0, 0.4)
        save_examples(path, make_examples(used, task, model, config, tell, cancel))
    info = train_head(
        task, load_examples(path), model, run, config, part_of(progress, 0.4, 1), cancel
    )
    progress(1.0, "The head is trained")
    return info


def train_head(
    task: Task,
    examples: Examples,
    model: Model,
    run: Path,
    config: HeadConfig,
    progress: Progress,
    cancel: CancelToken,
) -> HeadInfo:
    """Train on examples, calibrate, and write the head to `run`."""
    torch.manual_seed(config.seed)
    features = torch.from_numpy(features_of(model, examples.hu, examples.masks))
    targets = torch.from_numpy(examples.targets)
    learned, held_out = (torch.from_numpy(x) for x in (~examples.validation, examples.validation))
    info = HeadInfo(
        task=task.name,
        model=model.info.name,
        model_sha256=model.info.sha256,
        crop=config.crop,
        features=features.shape[1],
        questions=dict(task.questions),
        training={
            "crops": int(learned.sum()),
            "patients": len(set(examples.patients[~examples.validation])),
            "validation_patients": len(set(examples.patients[examples.validation])),
            "seed": config.seed,
        },
        around=config.around,
        margin_mm=config.margin_mm,
        fine_tuned=config.fine_tune,
    )
    head = info.head()
    head.standardize(features[learned])
    learning = task.learning(targets[learned])
    module: nn.Module = head
    inputs: tuple[Tensor, ...] = (features,)
    augment, weights = None, {}
    if config.fine_tune:
        module = EncoderWithHead(copy.deepcopy(model.network), head).to(model.device)
        inputs = as_inputs(model, examples.hu, examples.masks)
        augment = augmentation(config.seed)
    fit(
        module, inputs, targets, examples.validation, learning.loss, config.schedule, run,
        progress, cancel, augment,
    )  # fmt: skip
    if isinstance(module, EncoderWithHead):
        encoder = module.network.encoder.state_dict()
        weights = {f"encoder.{key}": value for key, value in encoder.items()}
    weights |= {f"head.{key}": value for key, value in head.state_dict().items()}
    info = _calibrated(info, learning.shift, module, inputs, targets, held_out)
    save_head(run, info, weights)
    return info


def _calibrated(
    info: HeadInfo,
    shift: Mapping[str, tuple[float, ...]],
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    targets: Tensor,
    held_out: Tensor,
) -> HeadInfo:
    """The same with shift and temperature; of a risk only the order counts, it has neither."""
    if not shift:
        return info
    info = replace(info, shift=dict(shift))
    logits = logits_of(module, tuple(x[held_out] for x in inputs), BATCH)
    told = info.calibrated(logits)
    return replace(info, temperature=temperatures(told, targets[held_out], info.questions))


@dataclass(frozen=True)
class TrainedHead:
    """A head ready to use, with the encoder that it reads."""

    info: HeadInfo
    module: EncoderWithHead

    def logits(self, model: Model, hu: np.ndarray, masks: np.ndarray) -> Tensor:
        """Calibrated logits ``(n, outputs)`` of crops in HU and masks ``(n, z, y, x)``."""
        inputs = as_inputs(model, hu, masks)
        return self.info.calibrated(logits_of(self.module, inputs, BATCH))


def load_trained(folder: Path, model: Model) -> TrainedHead:
    """Read a head that belongs to a model.

    Raises:
        PastaError: see `read_head`.
    """
    info, weights = read_head(folder, model.info.sha256)
    network = copy.deepcopy(model.network)
    if info.fine_tuned:
        network.encoder.load_state_dict(with_prefix(weights, "encoder."))
    head = info.head()
    head.load_state_dict(with_prefix(weights, "head."))
    return TrainedHead(info, EncoderWithHead(network, head).to(model.device).eval())
