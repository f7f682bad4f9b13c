"""A run of the closer look is one YAML file and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PASTALib.catalog import catalog
from PASTALib.closer.look import CloserInfo
from PASTATrain.settings import read_settings


@dataclass(frozen=True)
class CloserConfig:
    """What a run needs to know.

    Attributes:
        version: of the weights.
        features: channels of each level.
        steps: optimizer steps in all.
        batch: candidates in a step.
        lesions: share of them that are lesions.
        real: share of them that are from real scans, of lesions and of false ones each.
        learning_rate: peak learning rate of AdamW; it falls with a cosine.
        weight_decay: of AdamW.
        warm_up: steps in which the rate rises.
        ema: decay of the moving average of the weights that is shipped.
        smoothing: of the labels: no candidate is quite certain.
        save_every: steps between checkpoints.
        seed: of everything random.
    """

    version: str = "0.1.0"
    features: tuple[int, ...] = (16, 32, 64)
    steps: int = 3000
    batch: int = 24
    lesions: float = 0.5
    real: float = 0.75
    learning_rate: float = 2e-3
    weight_decay: float = 0.03
    warm_up: int = 100
    ema: float = 0.995
    smoothing: float = 0.02
    save_every: int = 250
    seed: int = 1


def read_closer_config(path: Path) -> CloserConfig:
    """Read a run's YAML file.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key that is not known.
    """
    return CloserConfig(**read_settings(path, CloserConfig))


def info_of(config: CloserConfig) -> CloserInfo:
    """What the network of a run is."""
    return CloserInfo(config.version, config.features, tuple(catalog().lesion_types))
