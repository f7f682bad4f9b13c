"""A training run is one YAML file and a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PASTATrain.settings import read_settings


@dataclass(frozen=True)
class TrainingConfig:
    """What a run of stage I needs to know.

    Attributes:
        name: name of the model that is made.
        version: version of its weights.
        spacing_mm: edge of the isotropic voxels of the model grid.
        patch: edge of the cubic training patch in voxels.
        features: channels of each level of the U-Net.
        steps: optimizer steps in all.
        coarse_steps: of these, the first ones that train the network at half resolution only: where
            things are is learned there at half the cost a step.
        window_steps: steps up to this one decode full resolution in a window of the patch only,
            see `PASTATrain.training.window_of`; the rest in all of it.
        batch: patches a step.
        learning_rate: peak learning rate of AdamW, see `PASTATrain.training.learning_rate`.
        weight_decay: of AdamW.
        ema: decay of the moving average of the weights that is shipped.
        kinds: share of each kind of case among the patches.
        lesion_share: share of patches with inserted lesions.
        often: how many times as often as the others a lesion type is inserted.
        lesions: properties of the inserted lesions of a type, each a value or a distribution as
            `PASTAGenLib.distributions` describes; what is not given is left to the generator.
        lesion_weight: weight of lesion voxels in the cross-entropy, at the first and at the last
            step; it falls by the same factor each step.
        emphasis: factors of that weight for lesion types that are not learned otherwise.
        torsos: how many torsos `prepare` makes by rule.
        transplants: how many torsos get the organs of each label map, see
            `PASTATrain.transplanting`; ``transplant`` is their kind.
        refines: the full-resolution level adds to the logits of the one below, see
            `PASTALib.network.UNet`.
        compresses: soft tissue gets most of the input range, likewise.
        hu_windows: soft tissue, lung and bone are seen in windows of their own, likewise.
        finest: decoder level that answers in the exported model: 1 (half resolution) where the
            run was too short for the full one.
        lesion_threshold: lesion probability from which the exported model calls a voxel a lesion.
        compile: backend of ``torch.compile``, such as ``inductor``; empty runs as it is written.
        workers: processes that make patches.
        save_every: steps between checkpoints.
        seed: of everything random.
    """

    name: str = "pasta-s"
    version: str = "0.1.0"
    spacing_mm: float = 3.0
    patch: int = 64
    features: tuple[int, ...] = (16, 32, 64, 96, 128, 128)
    steps: int = 8480
    coarse_steps: int = 8480
    window_steps: int = 0
    batch: int = 1
    learning_rate: float = 4e-4
    weight_decay: float = 1e-4
    warm_up: int = 100
    ema: float = 0.995
    kinds: dict[str, float] = field(
        default_factory=lambda: {"real": 0.45, "torso": 0.35, "labels": 0.08, "partial": 0.12}
    )
    lesion_share: float = 0.9
    often: dict[str, float] = field(default_factory=dict)
    lesions: dict[str, dict[str, Any]] = field(default_factory=dict)
    lesion_weight: tuple[float, float] = (20.0, 3.0)
    emphasis: dict[str, float] = field(default_factory=dict)
    torsos: int = 40
    transplants: int = 0
    refines: bool = True
    compresses: bool = True
    hu_windows: bool = False
    finest: int = 0
    lesion_threshold: float = 0.5
    compile: str = ""
    workers: int = 1
    save_every: int = 100
    seed: int = 1


def read_config(path: Path) -> TrainingConfig:
    """Read a run's YAML file.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key that is not known.
    """
    return TrainingConfig(**read_settings(path, TrainingConfig))
