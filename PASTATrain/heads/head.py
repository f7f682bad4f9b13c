"""A head that reads encoder features, and its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from PASTALib.errors import PastaError
from PASTALib.files import write_text, written_atomically

INFO, WEIGHTS = "head.json", "head.safetensors"
HIDDEN = (256, 128)
"""PASTA's head has 512 and 256."""
DROPOUT = 0.3


class Head(nn.Module):
    """Features ``(n, features)`` to logits of all questions side by side.

    Args:
        features: how many features a lesion or organ has.
        outputs: how many answers all questions have together.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("sd", torch.ones(features))
        layers: list[nn.Module] = []
        for channels in HIDDEN:
            layers += [nn.Linear(features, channels), nn.LeakyReLU(0.01), nn.Dropout(DROPOUT)]
            features = channels
        self.layers = nn.Sequential(*layers, nn.Linear(features, outputs))

    def standardize(self, features: Tensor) -> None:
        """Take mean and standard deviation of the input from these features."""
        self.mean.copy_(features.mean(0))
        self.sd.copy_(features.std(0, correction=0).clamp_min(1e-4))

    def forward(self, features: Tensor) -> Tensor:
        """Logits ``(n, outputs)``."""
        logits: Tensor = self.layers((features - self.mean) / self.sd)
        return logits


@dataclass(frozen=True)
class HeadInfo:
    """What ``head.json`` says.

    Attributes:
        task: ``attributes``, ``screen``, ``stage`` or ``survive``.
        model: name of the model whose encoder it reads.
        model_sha256: of that model's weights.
        crop: edge of the cube that is looked at, in voxels.
        features: how many features there are.
        questions: answers to each question, in the order of the outputs.
        training: cases, patients, seed and so on.
        around: what the crops lie around: organs, or ``lesions``.
        margin_mm: room around it.
        fine_tuned: whether the encoder was trained with the head; its weights are then stored.
        shift: for each question what is taken off its logits: training weighed its answers.
        temperature: for each question what its logits are divided by, see `calibration`.
    """

    task: str
    model: str
    model_sha256: str
    crop: int
    features: int
    questions: Mapping[str, tuple[str, ...]]
    training: Mapping[str, Any]
    around: tuple[str, ...] = ()
    margin_mm: float = 0.0
    fine_tuned: bool = False
    shift: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    temperature: Mapping[str, float] = field(default_factory=dict)

    def groups(self) -> dict[str, slice]:
        """Outputs of each question."""
        places, start = {}, 0
        for key, values in self.questions.items():
            places[key] = slice(start, start + len(values))
            start += len(values)
        return places

    def head(self) -> Head:
        """A head of this kind with random weights."""
        return Head(self.features, sum(map(len, self.questions.values())))

    def calibrated(self, logits: Tensor) -> Tensor:
        """Logits ``(n, outputs)`` whose softmax or sigmoid is a probability."""
        result = logits.clone()
        for key, place in self.groups().items():
            shift = torch.tensor(self.shift.get(key, (0.0,)), device=logits.device)
            result[:, place] = (logits[:, place] - shift) / self.temperature.get(key, 1.0)
        return result


def save_head(folder: Path, info: HeadInfo, weights: Mapping[str, Tensor]) -> None:
    """Write the head's two files into a folder.

    Args:
        folder: made if it is not there.
        info: what the head is.
        weights: ``head.*``, and ``encoder.*`` where the encoder was fine-tuned.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    with written_atomically(folder / WEIGHTS) as temporary:
        save_file({k: v.detach().cpu().contiguous() for k, v in weights.items()}, temporary)
    write_text(folder / INFO, json.dumps(asdict(info), indent=1) + "\n")


def read_head(folder: Path, model_sha256: str) -> tuple[HeadInfo, dict[str, Tensor]]:
    """Description and weights of a head for a model.

    Raises:
        PastaError: it is not there, is damaged, or was trained for other weights.
    """
    from safetensors.torch import load_file

    try:
        data = json.loads((folder / INFO).read_text(encoding="utf-8"))
        info = HeadInfo(
            **{
                **data,
                "questions": _tuples(data["questions"]),
                "shift": _tuples(data["shift"]),
                "around": tuple(data["around"]),
            }
        )
        weights = load_file(folder / WEIGHTS)
        info.head().load_state_dict(with_prefix(weights, "head."))
    except Exception as error:
        raise PastaError(
            f"'{folder}' holds no head that can be read ({error}); train one with 'pasta-train "
            "attributes', 'screen', 'stage' or 'survive'."
        ) from error
    if info.model_sha256 != model_sha256:
        raise PastaError(
            f"The head in '{folder}' was trained for another model ({info.model}); name that one."
        )
    return info, weights


def with_prefix(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _tuples(rows: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    return {key: tuple(values) for key, values in rows.items()}
