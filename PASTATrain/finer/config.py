"""A run of the finer network is one YAML file and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PASTALib.catalog import catalog
from PASTALib.finer.info import AS_IT_IS, FinerInfo
from PASTATrain.settings import read_settings


@dataclass(frozen=True)
class FinerConfig:
    """What a run needs to know.

    Attributes:
        version: of the weights.
        spacing_mm: edge of the isotropic voxels.
        patch: edge of the cubic patch in voxels, in training and afterwards.
        features: channels of each level of the U-Net. As far as they are those of the first
            network, training starts from its weights.
        lesion_threshold: lesion probability from which the exported network calls a voxel a lesion.
        steps: optimizer steps in all.
        batch: patches a step.
        real: share of turns that are of real scans; the rest are new torsos.
        parts: of a scan in a turn: making a torso takes as long as five parts of it.
        crops: patches of a part.
        pool: patches from which batches are drawn.
        uses: how often a patch is drawn on average before another takes its place.
        learning_rate: peak learning rate of AdamW; it falls with a cosine.
        weight_decay: of AdamW.
        warm_up: steps in which the rate rises.
        ema: decay of the moving average of the weights that is shipped.
        lesion_weight: weight of lesion voxels in the cross-entropy.
        workers: processes that make patches.
        save_every: steps between checkpoints.
        seed: of everything random.
    """

    version: str = "0.1.0"
    spacing_mm: float = 2.0
    patch: int = 48
    features: tuple[int, ...] = (16, 32, 64, 96, 128)
    lesion_threshold: float = 0.5
    steps: int = 4500
    batch: int = 4
    real: float = 0.5
    parts: int = 20
    crops: int = 8
    pool: int = 400
    uses: float = 2.0
    learning_rate: float = 7e-4
    weight_decay: float = 1e-3
    warm_up: int = 100
    ema: float = 0.995
    lesion_weight: float = 3.0
    workers: int = 1
    save_every: int = 100
    seed: int = 1


def read_finer_config(path: Path) -> FinerConfig:
    """Read a run's YAML file.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key that is not known.
    """
    return FinerConfig(**read_settings(path, FinerConfig))


def info_of(config: FinerConfig) -> FinerInfo:
    """What the network of a run is."""
    return FinerInfo(
        name="finer",
        version=config.version,
        classes=("background", *catalog().lesion_types),
        spacing_mm=config.spacing_mm,
        patch=(config.patch,) * 3,
        features=config.features,
        normalization=AS_IT_IS,
        lesion_threshold=config.lesion_threshold,
        refines=True,
    )
