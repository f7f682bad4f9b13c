"""A model on disk and in memory: ``model.json`` that says what it is, and safetensors weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTALib.catalog import catalog
from PASTALib.confidence import Calibration
from PASTALib.errors import PastaError
from PASTALib.files import resource_folder, write_text
from PASTALib.weights import read_weights, write_weights

if TYPE_CHECKING:
    import numpy as np

    from PASTALib.closer.look import CloserLook
    from PASTALib.network import UNet

INFO_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
PRETRAINED_FILE = "pretrained.json"
"""In place of `INFO_FILE` where the weights are only to start from."""


@dataclass(frozen=True)
class Normalization:
    """HU to network input: clip to [`low`, `high`], subtract `mean`, divide by `sd`."""

    low: float
    high: float
    mean: float
    sd: float

    def __call__(self, hu: np.ndarray) -> np.ndarray:
        """Float32 network input of an array of HU of any shape."""
        return ((hu.clip(self.low, self.high) - self.mean) / self.sd).astype("float32")


@dataclass(frozen=True)
class ModelInfo:
    """What ``model.json`` says.

    Attributes:
        name: folder name of the model.
        version: version of the weights.
        classes: catalogue keys in the order of the output channels; the first is ``background``.
        spacing_mm: edge of the isotropic voxels that the network expects, axes LPS.
        patch: tile size in voxels, ``[z, y, x]``.
        features: channels of each level of the U-Net.
        normalization: HU to network input.
        training: data, steps and hardware, as the model card tells them.
        lesion_threshold: lesion probability, summed over the types, from which a voxel is a lesion.
        calibration: from a finding's raw confidence to the share of such findings that are real.
        least_confidence: findings less sure than this are not reported.
        finest: decoder level that gives the output; 1 is half the resolution of the grid.
        refines: the full-resolution level adds to the logits of the one below, see `UNet`.
        compresses: soft tissue gets most of the input range, see `UNet`.
        hu_windows: the network sees soft tissue, lung and bone in windows of their own, see `UNet`.
        biases: whether transposed convolutions and heads have a bias: networks of nnU-Net v2 do.
        sha256: of the weights file.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    spacing_mm: float
    patch: tuple[int, int, int]
    features: tuple[int, ...]
    normalization: Normalization
    training: dict[str, Any] = field(default_factory=dict)
    lesion_threshold: float = 0.5
    calibration: Calibration = field(default_factory=Calibration)
    least_confidence: float = 0.0
    finest: int = 0
    refines: bool = False
    compresses: bool = False
    hu_windows: bool = False
    biases: bool = False
    sha256: str = ""

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """Catalogue label of every output channel; 0 is background."""
        return tuple(0 if key == "background" else catalog().label(key) for key in self.classes)

    def network(self) -> UNet:
        """A network of this kind, with random weights."""
        from PASTALib.network import UNet

        return UNet(
            self.features,
            len(self.classes),
            finest=self.finest,
            biases=self.biases,
            refines=self.refines,
            compresses=self.compresses,
            hu_windows=self.hu_windows,
        )

    @property
    def is_plain(self) -> bool:
        """Whether the networks of nnU-Net and MONAI can be it."""
        return not (self.finest or self.refines or self.compresses or self.hu_windows)

    @cached_property
    def lesion_channels(self) -> tuple[int, ...]:
        """Output channels that are lesion types."""
        types = catalog().lesion_types
        return tuple(channel for channel, key in enumerate(self.classes) if key in types)


@dataclass(frozen=True)
class Model:
    """A network ready to run, in evaluation mode on its device, with its closer look if it has one.

    Attributes:
        info: what it is.
        network: finds organs and lesions.
        device: of both networks.
        closer: judges what may be a lesion once more.
    """

    info: ModelInfo
    network: UNet
    device: str
    closer: CloserLook | None = None


def available_models() -> dict[str, Path]:
    """Bundled models by name."""
    folder = resource_folder() / "Models"
    return {found.parent.name: found.parent for found in sorted(folder.glob(f"*/{INFO_FILE}"))}


def model_folder(name_or_folder: str | Path) -> Path:
    """Folder of a model given by its bundled name or by its path.

    Raises:
        PastaError: there is no such model, or files of it are missing.
    """
    folder = available_models().get(str(name_or_folder), Path(name_or_folder))
    if not folder.is_dir():
        known = ", ".join(available_models()) or "none"
        raise PastaError(
            f"The model '{name_or_folder}' is neither bundled ({known}) nor a folder; give one of "
            "these names or the folder of a model."
        )
    missing = [name for name in (INFO_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
    if INFO_FILE in missing and (folder / PRETRAINED_FILE).is_file():
        raise PastaError(
            f"'{folder}' holds weights to start from, whose classes have no names; make a model of "
            "them with 'pasta-train finetune'."
        )
    if missing:
        raise PastaError(
            f"The model folder '{folder}' lacks {' and '.join(missing)}; copy the whole folder."
        )
    return folder


def read_info(folder: Path) -> ModelInfo:
    """Read ``model.json``.

    Raises:
        PastaError: it is not valid JSON, lacks a field, or names a class that is not catalogued.
    """
    path = folder / INFO_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        info = ModelInfo(
            **{
                **data,
                "classes": tuple(data["classes"]),
                "patch": tuple(data["patch"]),
                "features": tuple(data["features"]),
                "normalization": Normalization(**data["normalization"]),
                "calibration": Calibration(**data.get("calibration", {})),
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{path}' is not a valid PASTA model description ({error}); export the model again."
        ) from error
    _ = info.labels  # every class must be in the catalogue
    return info


def load_model(name_or_folder: str | Path, device: str = "cpu") -> Model:
    """Load a model for inference.

    Args:
        name_or_folder: name of a bundled model, or a folder with ``model.json`` and weights.
        device: a torch device such as ``cpu`` or ``cuda:0``.

    Raises:
        PastaError: files are missing or damaged, or do not belong together.
    """
    from PASTALib.closer.look import load_closer_look  # here: a module that opens lists models

    folder = model_folder(name_or_folder)
    info = read_info(folder)
    network = info.network()
    read_weights(network, folder / WEIGHTS_FILE, info.sha256, INFO_FILE)
    return Model(info, network.eval().to(device), device, load_closer_look(folder, device))


def save_model(folder: Path, info: ModelInfo, network: UNet, *, half: bool = True) -> ModelInfo:
    """Write ``model.json`` and the weights; returns the info with the checksum.

    Args:
        folder: of the model; made if it is not there.
        info: what the model is.
        network: whose weights are written.
        half: in half precision; otherwise as they are.
    """
    info = replace(info, sha256=write_weights(network, folder / WEIGHTS_FILE, half=half))
    write_info(folder, info)
    return info


def write_info(folder: Path, info: ModelInfo) -> None:
    """Write ``model.json``."""
    write_text(folder / INFO_FILE, json.dumps(asdict(info), indent=1) + "\n")
