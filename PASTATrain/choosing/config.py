"""A run of the chooser is one YAML file and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PASTATrain.settings import read_settings


@dataclass(frozen=True)
class ChoosingConfig:
    """What a run needs to know.

    Attributes:
        name: of the chooser that is made.
        version: of its weights.
        hidden: units of each hidden layer.
        rounds: most gestures on a lesion.
        spoiled: share of lesions that begin with a wrong outline instead of none.
        temperature: Dice that a proposal may lack for its wanted share to fall by a factor of e.
        epochs: how often all that was collected is seen.
        batch: gestures in a step.
        learning_rate: peak learning rate of AdamW; it falls with a cosine.
        weight_decay: of AdamW.
        seed: of everything random.
    """

    name: str = "pasta-click"
    version: str = "0.1.0"
    hidden: tuple[int, ...] = (64, 32)
    rounds: int = 4
    spoiled: float = 0.4
    temperature: float = 0.02
    epochs: int = 40
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 1


def read_choosing_config(path: Path) -> ChoosingConfig:
    """Read a run's YAML file.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key that is not known.
    """
    return ChoosingConfig(**read_settings(path, ChoosingConfig))
