"""The finer network on disk and in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from PASTALib.finer.shown import CHANNELS, channels
from PASTALib.model import (
    Model,
    ModelInfo,
    Normalization,
    read_description,
    write_description,
)
from PASTALib.weights import check_weights, read_weights, write_weights

if TYPE_CHECKING:
    from torch import Tensor

    from PASTALib.network import UNet

FINER_FILE = "finer.json"
FINER_WEIGHTS = "finer.safetensors"
AS_IT_IS = Normalization(low=-1024.0, high=3071.0, mean=0.0, sd=1.0)
"""The two windows are made of HU, see `PASTALib.finer.shown.channels`."""


@dataclass(frozen=True)
class FinerInfo(ModelInfo):
    """What ``finer.json`` says: the same as that of a model, of which only the input differs."""

    def network(self) -> UNet:
        """A network of this kind, with random weights."""
        from PASTALib.network import UNet

        return UNet(self.features, len(self.classes), channels=CHANNELS, refines=self.refines)

    def inputs(self, tiles: np.ndarray) -> Tensor:
        """Network input of tiles of what it is shown, ``(n, 3, z, y, x)``."""
        import torch

        hu, numbers, likely = torch.from_numpy(tiles.astype(np.float32)).unbind(1)
        return channels(hu, numbers, likely / 255)


def load_finer(folder: Path, device: str = "cpu") -> Model | None:
    """The finer network of a model, as a model; None where the model has none.

    Raises:
        PastaError: its files are damaged, or do not belong together.
    """
    if not (folder / FINER_FILE).is_file():
        return None
    info = read_description(folder / FINER_FILE, FinerInfo)
    network = info.network()
    read_weights(network, folder / FINER_WEIGHTS, info.sha256, FINER_FILE)
    return Model(info, network.eval().to(device), device)


def verify_finer(folder: Path) -> None:
    """Compare the weights of a model's finer network, if it has one, with their checksum.

    Raises:
        PastaError: they differ, or are missing.
    """
    if (folder / FINER_FILE).is_file():
        sha256 = read_description(folder / FINER_FILE, FinerInfo).sha256
        check_weights(folder / FINER_WEIGHTS, sha256, FINER_FILE)


def save_finer(folder: Path, info: ModelInfo, network: UNet) -> ModelInfo:
    """Write ``finer.json`` and half-precision weights; returns the info with the checksum."""
    info = replace(info, sha256=write_weights(network, folder / FINER_WEIGHTS, half=True))
    write_description(folder / FINER_FILE, info)
    return info
