"""The chooser: how likely each of many proposed outlines is the one that a reader means.

Two small perceptrons on the numbers of a proposal (`PASTALib.gestures.traits`) and on how far each
differs from the mean of all that were proposed, one for a first outline and one for changes. They
run on numpy alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from PASTALib.errors import PastaError
from PASTALib.files import resource_folder, write_text, written_atomically
from PASTALib.geometry import Floats
from PASTALib.gestures.proposals import RULES
from PASTALib.gestures.traits import OF_ALL, OF_CHANGES
from PASTALib.weights import file_sha256

CHOOSER_FILE = "chooser.json"
WEIGHTS_FILE = "chooser.safetensors"
BUNDLED = "pasta-click"
FIRST_TRAITS = (*OF_ALL, *(f"rule: {rule}" for rule in RULES))
LATER_TRAITS = (*FIRST_TRAITS, *OF_CHANGES)
MOST = 8.0
"""Numbers are cut at so many standard deviations: none that was never seen decides alone."""


@dataclass(frozen=True)
class ChooserInfo:
    """What ``chooser.json`` says.

    Attributes:
        name: folder name.
        version: of the weights.
        first_traits: names of the numbers that a first outline is judged by.
        later_traits: names of those of a change.
        training: data and steps, as the model card tells them.
        sha256: of the weights file.
    """

    name: str
    version: str
    first_traits: tuple[str, ...] = FIRST_TRAITS
    later_traits: tuple[str, ...] = LATER_TRAITS
    training: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True, eq=False)
class Judge:
    """One perceptron.

    Attributes:
        mean: of each number, ``(traits,)``.
        scale: standard deviation of each.
        layers: weights ``(out, in)`` and biases ``(out,)`` of each layer; the first takes twice as
            many numbers as there are, the last gives one.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]

    def __call__(self, traits: NDArray[np.float32]) -> Floats:
        """How likely each of some proposals ``(n, traits)`` is; in all 1."""
        values = judged(traits, self.mean, self.scale)
        for weights, biases in self.layers[:-1]:
            values = values @ weights.T + biases
            values = values * expit(values)
        weights, biases = self.layers[-1]
        likely: Floats = softmax((values @ weights.T + biases)[:, 0].astype(float))
        return likely


def judged(
    traits: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What a perceptron is shown of proposals that belong together, ``(n, 2 * traits)``."""
    own = np.clip((traits - mean) / scale, -MOST, MOST)
    shown: NDArray[np.float32] = np.concatenate([own, own - own.mean(axis=0)], axis=1)
    return shown


@dataclass(frozen=True, eq=False)
class Chooser:
    """A chooser ready to use: a perceptron for first outlines and one for changes."""

    info: ChooserInfo
    first: Judge
    later: Judge


def bundled_folder() -> Path:
    """Where the bundled chooser lies, if it is there."""
    return resource_folder() / "Models" / BUNDLED


def bundled_chooser() -> Chooser | None:
    """The bundled chooser; None where its files are missing.

    Raises:
        PastaError: the files are there, but damaged.
    """
    folder = bundled_folder()
    if not (folder / CHOOSER_FILE).is_file() or not (folder / WEIGHTS_FILE).is_file():
        return None
    return load_chooser(folder)


def load_chooser(folder: Path) -> Chooser:
    """Load a chooser.

    Raises:
        PastaError: files are missing or damaged, do not belong together, or are of a chooser that
            judges by other numbers than this version of PASTA measures.
    """
    from safetensors.numpy import load_file

    info = _read_info(folder / CHOOSER_FILE)
    path = folder / WEIGHTS_FILE
    again = "copy the folder again, or export it with 'pasta-train choose export'"
    if not path.is_file():
        raise PastaError(f"'{path}' is missing; {again}.")
    if file_sha256(path) != info.sha256:
        raise PastaError(f"'{path}' does not have the checksum of {CHOOSER_FILE}; {again}.")
    tensors = load_file(path)
    try:
        first, later = (_judge(tensors, part) for part in ("first", "later"))
    except KeyError as error:
        raise PastaError(f"'{path}' lacks the weights {error}; {again}.") from error
    return Chooser(info, first, later)


def save_chooser(folder: Path, chooser: Chooser) -> ChooserInfo:
    """Write ``chooser.json`` and the weights; returns the info with its checksum."""
    from safetensors.numpy import save_file

    tensors = {}
    for part, judge in (("first", chooser.first), ("later", chooser.later)):
        tensors[f"{part}.mean"], tensors[f"{part}.scale"] = judge.mean, judge.scale
        for number, (weights, biases) in enumerate(judge.layers):
            tensors[f"{part}.{number}.weights"] = weights
            tensors[f"{part}.{number}.biases"] = biases
    whole = {key: np.ascontiguousarray(value, np.float32) for key, value in tensors.items()}
    with written_atomically(folder / WEIGHTS_FILE) as temporary:
        save_file(whole, temporary)
    info = replace(chooser.info, sha256=file_sha256(folder / WEIGHTS_FILE))
    write_text(folder / CHOOSER_FILE, json.dumps(asdict(info), indent=1) + "\n")
    return info


def _read_info(path: Path) -> ChooserInfo:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        traits = {key: tuple(data[key]) for key in ("first_traits", "later_traits")}
        info = ChooserInfo(**{**data, **traits})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PastaError(
            f"'{path}' is not a valid description of a chooser ({error}); export it again with "
            "'pasta-train choose export'."
        ) from error
    if (info.first_traits, info.later_traits) != (FIRST_TRAITS, LATER_TRAITS):
        raise PastaError(
            f"'{path}' describes a chooser that judges by other numbers than this version of PASTA "
            "measures; train it again."
        )
    return info


def _judge(tensors: dict[str, NDArray[np.float32]], part: str) -> Judge:
    layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    while f"{part}.{len(layers)}.weights" in tensors:
        name = f"{part}.{len(layers)}"
        layers.append((tensors[f"{name}.weights"], tensors[f"{name}.biases"]))
    if not layers:
        raise KeyError(f"{part}.0.weights")
    return Judge(tensors[f"{part}.mean"], tensors[f"{part}.scale"], tuple(layers))
