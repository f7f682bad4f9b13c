"""A fine-tuning run is one YAML file: where it starts, on what grid, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PASTALib.errors import PastaError
from PASTATrain.settings import read_settings

TRAINERS = ("PASTATrainer", "PASTATrainer_ft", "PASTATrainer_fewshot")
SHOTS = (1, 2, 4, 8, 16)
"""Numbers of training scans in PASTA's few-shot comparisons."""


@dataclass(frozen=True)
class FinetuneConfig:
    """What a fine-tuning run needs to know.

    Attributes:
        start: bundled model, model folder, or imported pretrained weights.
        trainer: one of `TRAINERS`.
        spacing_mm: edge of the isotropic voxels; that of the model to start from where None, and
            1 mm for PASTA's weights, which were trained at it.
        patch: edges of the training patch in voxels, ``[z, y, x]``.
        batch: patches a step.
        shots: train with so many scans only; all where None.
        fold: which of the five splits.
        schedule: numbers that replace the trainer's: epochs, iterations, validation_iterations,
            learning_rate.
        classes: catalogue key of classes whose name in ``dataset.json`` does not say it; for the
            model that is made in the end.
        workers: processes that prepare and augment; 0 augments in the training process.
        seed: of the choice of few-shot scans.
    """

    start: str = "pasta-s"
    trainer: str = "PASTATrainer_ft"
    spacing_mm: float | None = None
    patch: tuple[int, int, int] = (128, 128, 128)
    batch: int = 2
    shots: int | None = None
    fold: int = 0
    schedule: dict[str, float] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    workers: int = 4
    seed: int = 1


def read_finetune_config(path: Path, **overrides: Any) -> FinetuneConfig:
    """Read a run's YAML file; `overrides` that are not None replace its values.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key or value that is not known.
    """
    data = read_settings(path, FinetuneConfig)
    data |= {key: value for key, value in overrides.items() if value is not None}
    config = FinetuneConfig(**data)
    _check(config, path)
    return config


def _check(config: FinetuneConfig, path: Path) -> None:
    if config.trainer not in TRAINERS:
        raise PastaError(
            f"The trainer '{config.trainer}' in '{path}' is none of {', '.join(TRAINERS)}."
        )
    if config.shots is not None and config.shots not in SHOTS:
        raise PastaError(
            f"Few-shot training takes {', '.join(map(str, SHOTS))} scans, not {config.shots}."
        )
    allowed = {"epochs", "iterations", "validation_iterations", "learning_rate"}
    if set(config.schedule) - allowed:
        raise PastaError(f"The schedule in '{path}' may change {', '.join(sorted(allowed))} only.")
