"""A run of a head is one YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTATrain.heads.fitting import Schedule
from PASTATrain.settings import read_settings

LESIONS = "lesions"
"""What a crop lies around instead of an organ: the lesions of the masks."""


@dataclass(frozen=True)
class HeadConfig:
    """What a run of ``pasta-train screen``, ``stage`` or ``survive`` needs to know.

    Attributes:
        model: bundled name or folder of the model whose encoder is used.
        around: organs that crops lie around, or `LESIONS`.
        crop: edge of the cube in voxels, a multiple of two to the number of the model's levels.
        margin_mm: room around the organ or lesion; PASTA has 32.
        fine_tune: train the encoder along; else it stays as it is, and is run once.
        epochs: times that every case is learned from.
        learning_rate: of AdamW, falling as a cosine.
        weight_decay: of AdamW.
        batch: crops a step; large for survival, which compares the patients of a batch.
        seed: of everything random.
    """

    model: str = "pasta-s"
    around: tuple[str, ...] = ()
    crop: int = 64
    margin_mm: float = 32.0
    fine_tune: bool = False
    epochs: int = 120
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    batch: int = 64
    seed: int = 1

    @property
    def schedule(self) -> Schedule:
        """How the head is trained."""
        return Schedule(self.epochs, self.learning_rate, self.weight_decay, self.batch, self.seed)


def read_head_config(path: Path, **overrides: Any) -> HeadConfig:
    """Read a run's YAML file; `overrides` that are not None replace its values.

    Raises:
        PastaError: the file is missing, is not YAML, or has a key or value that is not known.
    """
    data = read_settings(path, HeadConfig)
    data |= {key: value for key, value in overrides.items() if value is not None}
    around = data.get("around", ())
    if not around:
        raise PastaError(f"'around' in '{path}' must list organs, or say [{LESIONS}].")
    for what in around:
        if what not in catalog().organs and (what != LESIONS or len(around) > 1):
            raise PastaError(
                f"'around' in '{path}' has '{what}'; give organs ({', '.join(catalog().organs)}) "
                f"or {LESIONS} alone."
            )
    return HeadConfig(**data)
