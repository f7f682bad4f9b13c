"""The closer look on disk and in memory, and what it says of candidates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from PASTALib.catalog import catalog
from PASTALib.closer.candidates import Candidate
from PASTALib.closer.sight import Sight
from PASTALib.confidence import raw_log_odds
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.weights import file_sha256, read_weights, write_weights

if TYPE_CHECKING:
    from PASTALib.closer.network import CloserNetwork

CLOSER_FILE = "closer.json"
CLOSER_WEIGHTS = "closer.safetensors"
RAW_SCALE = 3.0
"""Log odds of the first network are given in units of so many."""


@dataclass(frozen=True)
class CloserInfo:
    """What ``closer.json`` says.

    Attributes:
        version: of the weights.
        features: channels of each level.
        types: catalogue keys of the lesion types, in the order in which they are told.
        training: data and steps, as the model card tells them.
        sha256: of the weights file.
    """

    version: str
    features: tuple[int, ...]
    types: tuple[str, ...]
    training: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def network(self) -> CloserNetwork:
        """A network of this kind, with random weights."""
        from PASTALib.closer.network import CloserNetwork

        return CloserNetwork(self.features, facts=2 + len(self.types))

    def facts_of(self, lesion_type: str, raw: float, step_mm: float) -> list[float]:
        """What is known of a candidate besides its cubes.

        Args:
            lesion_type: catalogue key.
            raw: raw confidence of the first network.
            step_mm: voxels of the near cube, which tell its size.
        """
        return [
            raw_log_odds(raw) / RAW_SCALE,
            float(np.log2(step_mm)),
            *(float(lesion_type == key) for key in self.types),
        ]


@dataclass(frozen=True)
class CloserLook:
    """A network ready to run, in evaluation mode on its device."""

    info: CloserInfo
    network: CloserNetwork
    device: str = "cpu"

    def __call__(
        self, candidates: Sequence[Candidate], sights: Sequence[Sight]
    ) -> NDArray[np.float32]:
        """Log odds that each candidate is a lesion."""
        import torch

        from PASTALib.closer.network import channels_of

        hu, lesion, organ = (
            torch.from_numpy(np.stack([getattr(s, name) for s in sights]).astype(np.float32)).to(
                self.device
            )
            for name in ("hu", "lesion", "organ")
        )
        known = [
            self.info.facts_of(candidate.type, candidate.raw, sight.steps_mm[0])
            for candidate, sight in zip(candidates, sights, strict=True)
        ]
        with torch.inference_mode():
            facts = torch.tensor(known, dtype=torch.float32, device=self.device)
            log_odds = self.network(channels_of(hu, lesion, organ), facts)
        said: NDArray[np.float32] = log_odds.float().cpu().numpy()
        return said


def read_closer_info(folder: Path) -> CloserInfo:
    """Read ``closer.json``.

    Raises:
        PastaError: it is not valid, or names a type that is not catalogued.
    """
    path = folder / CLOSER_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        kept = {**data, "features": tuple(data["features"]), "types": tuple(data["types"])}
        info = CloserInfo(**kept)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{path}' is not a valid description of a closer look ({error}); copy the model "
            "folder again."
        ) from error
    unknown = sorted(set(info.types) - set(catalog().lesion_types))
    if unknown:
        raise PastaError(f"'{path}' names the lesion type '{unknown[0]}', which is not known.")
    return info


def load_closer_look(folder: Path, device: str = "cpu") -> CloserLook | None:
    """The closer look of a model; None where the model has none.

    Raises:
        PastaError: its files are damaged, or do not belong together.
    """
    if not (folder / CLOSER_FILE).is_file():
        return None
    info = read_closer_info(folder)
    network = info.network()
    read_weights(network, folder / CLOSER_WEIGHTS, info.sha256, CLOSER_FILE)
    return CloserLook(info, network.eval().to(device), device)


def verify_closer_look(folder: Path) -> None:
    """Compare the weights of a model's closer look, if it has one, with their checksum.

    Raises:
        PastaError: they differ, or are missing.
    """
    if not (folder / CLOSER_FILE).is_file():
        return
    weights = folder / CLOSER_WEIGHTS
    if not weights.is_file() or file_sha256(weights) != read_closer_info(folder).sha256:
        raise PastaError(
            f"'{weights}' is missing or does not match the checksum in {CLOSER_FILE}; copy the "
            "whole model folder again."
        )


def save_closer_look(folder: Path, info: CloserInfo, network: CloserNetwork) -> CloserInfo:
    """Write ``closer.json`` and the weights in half precision; returns the info with checksum."""
    info = replace(info, sha256=write_weights(network, folder / CLOSER_WEIGHTS, half=True))
    write_text(folder / CLOSER_FILE, json.dumps(asdict(info), indent=1) + "\n")
    return info
