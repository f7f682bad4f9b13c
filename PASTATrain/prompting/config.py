"""A run of the promptable network is one YAML file and a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PASTALib.gestures.click_network import ClickInfo
from PASTATrain.patches import NORMALIZATION
from PASTATrain.settings import read_settings


@dataclass(frozen=True)
class PromptingConfig:
    """What a run needs to know.

    Attributes:
        name: of the network that is made.
        version: of its weights.
        features: channels of each level of the U-Net.
        sees_outline: see `PASTALib.gestures.click_network.ClickInfo`.
        steps: optimizer steps in all.
        coarse_steps: of these, the first ones that train at half resolution only, at half the cost.
        batch: lesions that are worked on at once; a step is one gesture on each.
        rounds: most gestures on a lesion; how many it gets is drawn from 1 to this.
        spoiled: share of lesions that begin with a wrong outline instead of none.
        learning_rate: peak learning rate of AdamW; it falls with a cosine.
        weight_decay: of AdamW.
        warm_up: steps in which the rate rises.
        ema: decay of the moving average of the weights that is shipped.
        kinds: share of each kind of case.
        region: edge in voxels of the part of a case that lesions are put into at once.
        workers: processes that make samples.
        save_every: steps between checkpoints.
        judge_every: steps between looks at cases that are kept out.
        seed: of everything random.
    """

    name: str = "pasta-prompt"
    version: str = "0.1.0"
    features: tuple[int, ...] = (16, 32, 64, 96)
    sees_outline: bool = True
    steps: int = 12000
    coarse_steps: int = 2000
    batch: int = 2
    rounds: int = 5
    spoiled: float = 0.35
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warm_up: int = 200
    ema: float = 0.998
    kinds: dict[str, float] = field(
        default_factory=lambda: {"real": 0.35, "torso": 0.4, "labels": 0.1, "partial": 0.15}
    )
    region: int = 96
    workers: int = 1
    save_every: int = 200
    judge_every: int = 1000
    seed: int = 1


def read_prompting_config(path: Path) -> PromptingConfig:
    """Read a run's YAML file.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key that is not known.
    """
    return PromptingConfig(**read_settings(path, PromptingConfig))


def info_of(config: PromptingConfig) -> ClickInfo:
    """What the network of a run is."""
    return ClickInfo(
        config.name,
        config.version,
        config.features,
        NORMALIZATION,
        sees_outline=config.sees_outline,
    )
