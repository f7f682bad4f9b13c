"""Weights to start from: a network's body whose classes have no names, as a folder.

``pretrained.json`` says what the network is and where its weights come from;
``weights.safetensors`` holds them under the names of `UNet`. Unlike a model, it finds nothing by
itself: it is fine-tuned.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.errors import PastaError
from PASTALib.files import write_text, written_atomically
from PASTALib.model import INFO_FILE, PRETRAINED_FILE, WEIGHTS_FILE, ModelInfo, load_model
from PASTALib.weights import file_sha256

if TYPE_CHECKING:
    from torch import Tensor

    from PASTALib.network import UNet


@dataclass(frozen=True)
class Pretrained:
    """What ``pretrained.json`` says.

    Attributes:
        source: name of the file or model that the weights come from.
        features: channels of each level.
        outputs: channels of the segmentation heads, whose classes are unknown; 0 without heads.
        report_outputs: channels of PASTA's head for the report's attributes; 0 without it.
        sha256: of the weights file.
    """

    source: str
    features: tuple[int, ...]
    outputs: int = 0
    report_outputs: int = 0
    sha256: str = ""


def save_pretrained(folder: Path, what: Pretrained, weights: dict[str, Tensor]) -> Pretrained:
    """Write the folder, in the precision of the weights; returns `what` with the checksum."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    with written_atomically(folder / WEIGHTS_FILE) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, temporary)
    what = replace(what, sha256=file_sha256(folder / WEIGHTS_FILE))
    write_text(folder / PRETRAINED_FILE, json.dumps(asdict(what), indent=1) + "\n")
    return what


def read_pretrained(folder: Path) -> Pretrained:
    """Read ``pretrained.json``.

    Raises:
        PastaError: it is missing or not valid, or the weights are not those that it describes.
    """
    path = folder / PRETRAINED_FILE
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        what = Pretrained(**{**data, "features": tuple(data["features"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{path}' is not a valid description of pretrained weights ({error}); import them "
            "again with 'pasta-model import'."
        ) from error
    weights = folder / WEIGHTS_FILE
    if not weights.is_file() or file_sha256(weights) != what.sha256:
        raise PastaError(f"'{weights}' is missing or damaged; import the weights again.")
    return what


def pretrained_weights(folder: Path) -> tuple[Pretrained, dict[str, Tensor]]:
    """Description and weights of a folder.

    Raises:
        PastaError: see `read_pretrained`.
    """
    from safetensors.torch import load_file

    return read_pretrained(folder), load_file(folder / WEIGHTS_FILE)


def pretrained_network(folder: Path) -> UNet:
    """The network, in evaluation mode; without stored heads, its one output says nothing.

    Raises:
        PastaError: see `read_pretrained`, or the weights do not fit the description.
    """
    from PASTALib.network import UNet

    what, weights = pretrained_weights(folder)
    network = UNet(what.features, max(1, what.outputs))
    wanted = network.state_dict()
    body = {name: weights[name].float() for name in wanted if name in weights}
    missing = [name for name in wanted if name not in body and not name.startswith("heads.")]
    if missing:
        raise PastaError(f"'{folder}' lacks {missing[0]} and {len(missing) - 1} more weights.")
    network.load_state_dict({**wanted, **body})
    return network.eval()


@dataclass(frozen=True)
class Start:
    """A network to fine-tune: `info` is that of its model, None for pretrained weights."""

    source: str
    network: UNet
    features: tuple[int, ...]
    info: ModelInfo | None


def read_start(name_or_folder: str) -> Start:
    """What to fine-tune: a bundled model, a model folder, or pretrained weights.

    Raises:
        PastaError: there is no such model, or it is damaged.
    """
    folder = Path(name_or_folder)
    if (folder / PRETRAINED_FILE).is_file() and not (folder / INFO_FILE).is_file():
        what = read_pretrained(folder)
        return Start(what.source, pretrained_network(folder), what.features, None)
    model = load_model(name_or_folder)
    return Start(model.info.name, model.network, model.info.features, model.info)
