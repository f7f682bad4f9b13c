"""The promptable network on disk and in memory: ``click.json`` says what it is, beside weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from PASTALib.devices import fast_precision
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.gestures.close_up import CHANNELS, EDGE, OUTLINE_CHANNEL, CloseUp
from PASTALib.model import WEIGHTS_FILE, Normalization
from PASTALib.weights import read_weights, write_weights

if TYPE_CHECKING:
    from PASTALib.network import UNet

CLICK_FILE = "click.json"
"""Not ``model.json``: it finds nothing by itself, so it is none of the models to choose from."""


@dataclass(frozen=True)
class ClickInfo:
    """What ``click.json`` says.

    Attributes:
        name: folder name.
        version: of the weights.
        features: channels of each level of the U-Net.
        normalization: HU to network input.
        edge: voxels along each edge of the cube that it sees.
        sees_outline: whether it is shown the outline until now; without, it is the recipe of
            DeepEdit (arXiv 2305.10655), which sees image and clicks only.
        training: data and steps, as the model card tells them.
        sha256: of the weights file.
    """

    name: str
    version: str
    features: tuple[int, ...]
    normalization: Normalization
    edge: int = EDGE
    sees_outline: bool = True
    training: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def network(self) -> UNet:
        """A network of this kind, with random weights; one output, the log odds of the lesion."""
        from PASTALib.network import UNet

        return UNet(self.features, 1, channels=CHANNELS, refines=True, compresses=True)

    def input_of(self, close_up: CloseUp) -> NDArray[np.float32]:
        """Network input ``(5, z, y, x)``."""
        channels = close_up.channels(self.normalization)
        if not self.sees_outline:
            channels[OUTLINE_CHANNEL] = 0
        return channels


@dataclass(frozen=True)
class ClickNetwork:
    """A promptable network ready to run, in evaluation mode on its device."""

    info: ClickInfo
    network: UNet
    device: str = "cpu"

    def __call__(self, close_up: CloseUp) -> NDArray[np.float32]:
        """Probability of the lesion at each voxel of a close-up, ``[z, y, x]``."""
        import torch

        image = torch.from_numpy(self.info.input_of(close_up))[None].to(self.device)
        precision = fast_precision(self.device)
        kind = torch.device(self.device).type
        with (
            torch.inference_mode(),
            torch.autocast(kind, precision, enabled=precision is not None),
        ):
            logits = self.network(image)[0, 0]
        probability: NDArray[np.float32] = logits.float().sigmoid().cpu().numpy()
        return probability


def read_click_info(folder: Path) -> ClickInfo:
    """Read ``click.json``.

    Raises:
        PastaError: it is missing, is not valid, or describes a network of another view.
    """
    path = folder / CLICK_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        info = ClickInfo(
            **{
                **data,
                "features": tuple(data["features"]),
                "normalization": Normalization(**data["normalization"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{path}' is not a valid description of a promptable network ({error}); export it "
            "again with 'pasta-train prompt export'."
        ) from error
    if info.edge != EDGE:
        raise PastaError(
            f"'{path}' describes a network that sees {info.edge} voxels along each edge, and this "
            f"version of PASTA shows {EDGE}; train it again."
        )
    return info


def load_click_network(folder: Path, device: str = "cpu") -> ClickNetwork:
    """Load a promptable network.

    Args:
        folder: with ``click.json`` and the weights.
        device: a torch device such as ``cpu`` or ``cuda:0``.

    Raises:
        PastaError: files are missing or damaged, or do not belong together.
    """
    info = read_click_info(folder)
    network = info.network()
    read_weights(network, folder / WEIGHTS_FILE, info.sha256, CLICK_FILE)
    return ClickNetwork(info, network.eval().to(device), device)


def save_click_network(folder: Path, info: ClickInfo, network: UNet) -> ClickInfo:
    """Write ``click.json`` and the weights in half precision; returns the info with checksum."""
    info = replace(info, sha256=write_weights(network, folder / WEIGHTS_FILE, half=True))
    write_text(folder / CLICK_FILE, json.dumps(asdict(info), indent=1) + "\n")
    return info
