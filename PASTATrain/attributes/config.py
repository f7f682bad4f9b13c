"""A run of stage II is one YAML file and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PASTALib.errors import PastaError
from PASTATrain.settings import read_settings


@dataclass(frozen=True)
class AttributesConfig:
    """What a run needs to know.

    Attributes:
        model: bundled name or folder of the model whose encoder is read.
        lesions: how many are inserted to train with; a third as many are judged on.
        seed: of everything random.
    """

    model: str = "pasta-s"
    lesions: int = 3000
    seed: int = 1


def read_attributes_config(path: Path) -> AttributesConfig:
    """Read a run's YAML file.

    Raises:
        PastaError: the file is missing, is not YAML, has a key that is not known, or asks for no
            lesions.
    """
    config = AttributesConfig(**read_settings(path, AttributesConfig))
    if not isinstance(config.lesions, int) or config.lesions < 1:
        raise PastaError(f"'lesions' in '{path}' must be a number from 1 on.")
    return config
