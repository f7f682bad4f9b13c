"""The head that reads attributes from encoder features, and its file beside a model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.files import write_text, written_atomically

INFO, WEIGHTS = "attributes.json", "attributes.safetensors"
HIDDEN = (256, 128)
"""PASTA's head has 512 and 256 over 1024 features; ours has half as many features."""


def question_values() -> dict[str, tuple[str, ...]]:
    """What can be answered to each question: the five attributes (4, 3, 2, 2, 2) and the type."""
    attributes = {key: attribute.values for key, attribute in catalog().attributes.items()}
    return {**attributes, "type": tuple(catalog().lesion_types)}


class AttributeHead(nn.Module):
    """Features of lesions ``(n, features)`` to logits of all questions side by side.

    Args:
        features: how many features a lesion has.
        outputs: how many answers all questions have together.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("sd", torch.ones(features))
        self.layers = nn.Sequential(
            nn.Linear(features, HIDDEN[0]),
            nn.LeakyReLU(0.01),
            nn.Dropout(0.3),
            nn.Linear(HIDDEN[0], HIDDEN[1]),
            nn.LeakyReLU(0.01),
            nn.Dropout(0.3),
            nn.Linear(HIDDEN[1], outputs),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits ``(n, outputs)``."""
        logits: Tensor = self.layers((features - self.mean) / self.sd)
        return logits


@dataclass(frozen=True)
class HeadInfo:
    """What ``attributes.json`` says.

    Attributes:
        model_sha256: of the weights whose encoder it reads.
        crop: edge of the cube around a lesion, in voxels of the model's grid.
        features: how many a lesion has.
        questions: answers to each question, in the order of the outputs.
        training: lesions, scans and seed.
    """

    model_sha256: str
    crop: int
    features: int
    questions: dict[str, tuple[str, ...]]
    training: dict[str, int]

    def groups(self) -> dict[str, slice]:
        """Outputs of each question."""
        places, start = {}, 0
        for key, values in self.questions.items():
            places[key] = slice(start, start + len(values))
            start += len(values)
        return places

    def head(self) -> AttributeHead:
        """A head of this kind with random weights."""
        return AttributeHead(self.features, sum(map(len, self.questions.values())))


def save_head(folder: Path, info: HeadInfo, head: AttributeHead) -> None:
    """Write the head's two files into a folder."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    with written_atomically(folder / WEIGHTS) as temporary:
        save_file({k: v.contiguous() for k, v in head.state_dict().items()}, temporary)
    write_text(folder / INFO, json.dumps(asdict(info), indent=1) + "\n")


def load_head(folder: Path, model_sha256: str) -> tuple[HeadInfo, AttributeHead]:
    """Read a head for a model.

    Raises:
        PastaError: it is not there, is damaged, or was trained for other weights.
    """
    from safetensors.torch import load_file

    try:
        data = json.loads((folder / INFO).read_text(encoding="utf-8"))
        questions = {key: tuple(values) for key, values in data["questions"].items()}
        info = HeadInfo(**{**data, "questions": questions})
        head = info.head()
        head.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise PastaError(
            f"'{folder}' holds no attribute head that can be read ({error}); train one with "
            "'pasta-train attributes'."
        ) from error
    if info.model_sha256 != model_sha256:
        raise PastaError(f"The attribute head in '{folder}' was trained for another model.")
    return info, head.eval()
