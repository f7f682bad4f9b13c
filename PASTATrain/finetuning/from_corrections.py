"""Fine-tuning on what readers corrected: ``pasta-train finetune --corrections FOLDER``.

Stage I goes on for some hundred steps from a model's weights. A share of the patches, the
rehearsal, is from torsos with inserted lesions, so that what nobody corrected is not forgotten.
Some of the corrected cases, and a torso, are kept out, and judged before and after.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from PASTALib.closer.look import save_closer_look
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.model import Model, ModelInfo, load_model, save_model
from PASTALib.progress import CancelToken, Progress, part_of
from PASTATrain.cases import STORED, save_case
from PASTATrain.classes import CLASSES
from PASTATrain.config import TrainingConfig
from PASTATrain.corrections import correction_case, correction_folders
from PASTATrain.export import averaged_network
from PASTATrain.finetuning.before_after import (
    Judged,
    a_torso,
    as_dict,
    as_markdown,
    corrected_scans,
    judge,
)
from PASTATrain.settings import keep_settings, read_settings
from PASTATrain.sources import torso_case
from PASTATrain.states import CHECKPOINT
from PASTATrain.training import fresh_state, train

FIRST_TORSO = 2000
"""Seed of the first torso; training and evaluation count from 0, tuning from 1000."""


@dataclass(frozen=True)
class CorrectionConfig:
    """What a run needs to know.

    Attributes:
        start: bundled model or model folder.
        steps: of the optimizer.
        learning_rate: peak.
        rehearsal: share of the patches that is from torsos with inserted lesions.
        torsos: how many of them.
        torso_spacing_mm: voxels of the torso that is judged.
        torso_lesions: types of the lesions in it, one each; all types where empty.
        held_out: share of the corrected cases that is judged and not trained with; at least one.
        workers: processes that make patches.
        seed: of everything random.
    """

    start: str = "pasta-s"
    steps: int = 300
    learning_rate: float = 1e-4
    rehearsal: float = 0.5
    torsos: int = 4
    torso_spacing_mm: float = 2.0
    torso_lesions: tuple[str, ...] = ()
    held_out: float = 0.3
    workers: int = 1
    seed: int = 1


@dataclass(frozen=True)
class Corrected:
    """What a run made: the model's folder, and figures of both models by what was judged."""

    model: Path
    figures: dict[str, dict[str, Judged]]


def read_correction_config(path: Path, start: str | None = None) -> CorrectionConfig:
    """Read a run's YAML file; `start` replaces its value.

    Raises:
        PastaError: the file is missing, is not YAML, or a key or value in it is wrong.
    """
    data = read_settings(path, CorrectionConfig)
    data |= {} if start is None else {"start": start}
    config = CorrectionConfig(**data)
    for name in ("rehearsal", "held_out"):
        if not 0 < getattr(config, name) < 1:
            raise PastaError(f"'{name}' in '{path}' is a share between 0 and 1.")
    return config


def finetune_on_corrections(
    folder: Path,
    run: Path,
    config: CorrectionConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken,
) -> Corrected:
    """Train on corrected cases, judge before and after; goes on where an earlier call ended.

    Args:
        folder: what *Export corrections* wrote to.
        run: folder of everything that is made; ``corrections.md`` and ``.json`` hold the figures.
        config: the run.
        device: torch device of the training.
        progress: told the fraction done.
        cancel: asked after each step.

    Raises:
        PastaError: there are fewer than two cases, or the model is not one of `pasta-train run`.
        Cancelled: asked to stop.
    """
    before = load_model(config.start)
    if before.info.classes != CLASSES:
        raise PastaError(
            f"'{config.start}' has other classes than 'pasta-train run' trains; start from "
            "pasta-s or a model of that command."
        )
    trained_with, judged = parted(correction_folders(folder), config.held_out, config.seed)
    names = {"trained_with": [f.name for f in trained_with], "judged": [f.name for f in judged]}
    keep_settings(run, {**asdict(config), "weights": before.info.sha256, **names})
    _prepare(trained_with, run / "cases", config, before.info.spacing_mm, cancel)
    training = training_config(before.info, config)
    if not (run / CHECKPOINT).is_file():
        fresh_state(training, device).begin_with(before.network, run)
    steps = train(run / "cases", run, training, device, part_of(progress, 0.05, 0.8), cancel)
    cancel.check()
    after = _export(run, training, before, steps, run / "model")
    figures = {}
    kept = {
        "corrected cases": corrected_scans(judged),
        "synthetic": a_torso(config.seed, config.torso_spacing_mm, config.torso_lesions),
    }
    for number, (what, scans) in enumerate(kept.items()):
        progress(0.8 + 0.1 * number, f"Judging on {what}")
        held = list(scans)
        figures[what] = {"before": judge(before, held), "after": judge(after, held)}
        cancel.check()
    write_text(run / "corrections.json", json.dumps(as_dict(figures), indent=1) + "\n")
    write_text(run / "corrections.md", as_markdown(figures))
    progress(1.0, "Fine-tuning is done")
    return Corrected(run / "model", figures)


def parted(folders: Sequence[Path], held_out: float, seed: int) -> tuple[list[Path], list[Path]]:
    """Cases to train with, and cases to judge on; which is which depends on the seed.

    Raises:
        PastaError: there are fewer than two.
    """
    if len(folders) < 2:
        raise PastaError("Fine-tuning needs two corrected cases or more: one is kept for judging.")
    order = np.random.default_rng(seed).permutation(len(folders))
    count = min(len(folders) - 1, max(1, round(held_out * len(folders))))
    shuffled = [folders[number] for number in order]
    return sorted(shuffled[count:]), sorted(shuffled[:count])


def training_config(info: ModelInfo, config: CorrectionConfig) -> TrainingConfig:
    """The run of stage I that goes on from a model."""
    return TrainingConfig(
        name=info.name,
        version=f"{info.version}+corrections",
        spacing_mm=info.spacing_mm,
        patch=info.patch[0],
        features=info.features,
        steps=config.steps,
        coarse_steps=0,
        learning_rate=config.learning_rate,
        warm_up=min(20, config.steps),
        kinds={STORED: 1 - config.rehearsal, "torso": config.rehearsal},
        lesion_share=0.7,
        lesion_weight=(3.0, 3.0),
        refines=info.refines,
        compresses=info.compresses,
        hu_windows=info.hu_windows,
        finest=info.finest,
        workers=config.workers,
        seed=config.seed,
    )


def _prepare(
    folders: Sequence[Path],
    cases: Path,
    config: CorrectionConfig,
    spacing_mm: float,
    cancel: CancelToken,
) -> None:
    """Put the cases that are not there yet on the model's grid, and torsos beside them."""
    for folder in folders:
        if not (cases / f"corrected-{folder.name}.npz").is_file():
            save_case(cases, replace(correction_case(folder, spacing_mm), kind=STORED))
        cancel.check()
    for seed in range(FIRST_TORSO, FIRST_TORSO + config.torsos):
        if not (cases / f"torso_{seed:04d}.npz").is_file():
            save_case(cases, torso_case(seed, spacing_mm, "train"))
        cancel.check()


def _export(run: Path, training: TrainingConfig, start: Model, steps: int, folder: Path) -> Model:
    """The fine-tuned model; its closer look and calibration are those of the model before."""
    info = replace(
        start.info,
        version=training.version,
        training={"stage": "corrections", "steps": steps, "start": start.info.sha256},
    )
    save_model(folder, info, averaged_network(run, training))
    if start.closer is not None:
        save_closer_look(folder, start.closer.info, start.closer.network)
    return load_model(folder)
