"""Screening, stage and survival: what is asked of a crop, learned by, and told of a scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from PASTALib.errors import PastaError
from PASTATrain.heads.config import LESIONS
from PASTATrain.heads.crops import Crop
from PASTATrain.heads.losses import (
    Loss,
    answer_weights,
    answers_loss,
    cox_loss,
    malignancy_loss,
    positive_weights,
)
from PASTATrain.judging.judge import malignant_organs
from PASTATrain.judging.predictions import Labeled
from PASTATrain.manifest import Entry

UNKNOWN = float("nan")


@dataclass(frozen=True)
class Learning:
    """A loss, and what it adds to the logits of each question by weighing its answers."""

    loss: Loss
    shift: Mapping[str, tuple[float, ...]]


class Task(Protocol):
    """What a head is for."""

    @property
    def name(self) -> str:
        """The subcommand that trains it."""

    @property
    def questions(self) -> Mapping[str, tuple[str, ...]]:
        """Answers to each question, in the order of the head's outputs."""

    def targets(self, entry: Entry, labels: Labeled, crop: Crop) -> list[float]:
        """What is to be learned from a crop; NaN where it is not known."""

    def learning(self, targets: Tensor) -> Learning:
        """How it is learned from training targets ``(n, columns)``."""

    def scores(self, crops: Sequence[str], logits: Tensor) -> dict[str, float]:
        """Columns of ``scores.csv`` for a scan.

        Args:
            crops: what each crop lies around.
            logits: calibrated, ``(crops, outputs)``.
        """


@dataclass(frozen=True)
class Screen:
    """Is there a malignant tumor in the organ? One output an organ."""

    questions: Mapping[str, tuple[str, ...]]
    name: str = "screen"

    @classmethod
    def of(cls, around: Sequence[str]) -> Screen:
        """Screening of some organs."""
        if LESIONS in around:
            raise PastaError("Screening looks at organs; name them in 'around'.")
        return cls({organ: ("malignant",) for organ in around})

    def targets(self, entry: Entry, labels: Labeled, crop: Crop) -> list[float]:
        """1 or 0 for the organ of the crop, nothing for the others."""
        organs = malignant_organs(entry, labels if entry.masks is not None else None)
        if organs is None:
            return [UNKNOWN] * len(self.questions)
        malignant = float(crop.around in organs)
        return [malignant if key == crop.around else UNKNOWN for key in self.questions]

    def learning(self, targets: Tensor) -> Learning:
        """Binary cross-entropy; scans with a tumor weigh as much as those without, up to 10."""
        weights = positive_weights(targets)
        shift = {key: (float(w.log()),) for key, w in zip(self.questions, weights, strict=True)}
        return Learning(malignancy_loss(weights), shift)

    def scores(self, crops: Sequence[str], logits: Tensor) -> dict[str, float]:
        """Probability of each organ, and of any, as if organs were independent."""
        column = list(self.questions)
        chance = {
            organ: float(logits[row, column.index(organ)].sigmoid())
            for row, organ in enumerate(crops)
        }
        healthy = float(np.prod([1 - value for value in chance.values()]))
        told = {f"malignancy_{organ}": chance[organ] for organ in column if organ in chance}
        return {"malignancy": 1 - healthy, **told}


@dataclass(frozen=True)
class Stage:
    """Which stage is it?"""

    questions: Mapping[str, tuple[str, ...]]
    name: str = "stage"

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Stage:
        """The stages that training cases have.

        Raises:
            PastaError: they have fewer than two.
        """
        stages = sorted({entry.stage for entry in entries if entry.stage is not None})
        if len(stages) < 2:
            raise PastaError(
                f"The training cases have the stages {stages}; two or more are needed ('stage')."
            )
        return cls({"stage": tuple(stages)})

    def targets(self, entry: Entry, labels: Labeled, crop: Crop) -> list[float]:
        """Number of the stage."""
        known = self.questions["stage"]
        return [float(known.index(entry.stage)) if entry.stage in known else UNKNOWN]

    def learning(self, targets: Tensor) -> Learning:
        """Cross-entropy; rare stages weigh more."""
        weights = answer_weights(targets, self.questions)
        loss = answers_loss({"stage": slice(0, len(self.questions["stage"]))}, weights)
        return Learning(loss, {"stage": tuple(weights["stage"].log().tolist())})

    def scores(self, crops: Sequence[str], logits: Tensor) -> dict[str, float]:
        """Probability of each stage, the mean over the crops."""
        chance = logits.softmax(1).mean(0).tolist()
        return {
            f"stage_{stage}": value
            for stage, value in zip(self.questions["stage"], chance, strict=True)
        }


@dataclass(frozen=True)
class Survive:
    """How long does the patient live? The output is the log hazard of Cox's model."""

    questions: Mapping[str, tuple[str, ...]]
    name: str = "survive"

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Survive:
        """Survival.

        Raises:
            PastaError: fewer than two training cases tell of it, or none died.
        """
        told = [entry.survival for entry in entries if entry.survival is not None]
        if len(told) < 2 or not any(row.died for row in told):
            raise PastaError(
                f"{len(told)} training cases tell of survival, and "
                f"{sum(row.died for row in told)} of a death; 2 and 1 are needed ('survival')."
            )
        return cls({"risk": ("log hazard",)})

    def targets(self, entry: Entry, labels: Labeled, crop: Crop) -> list[float]:
        """Days, and 1 for a death."""
        told = entry.survival
        return [told.days, float(told.died)] if told else [UNKNOWN, UNKNOWN]

    def learning(self, targets: Tensor) -> Learning:
        """Cox's partial likelihood."""
        return Learning(cox_loss, {})

    def scores(self, crops: Sequence[str], logits: Tensor) -> dict[str, float]:
        """The risk, the mean over the crops: only the order of patients means something."""
        return {"risk": float(logits.mean())}


def task_of(name: str, around: Sequence[str], entries: Iterable[Entry]) -> Task:
    """The task of a command, for training cases."""
    if name == "screen":
        return Screen.of(around)
    return Stage.of(entries) if name == "stage" else Survive.of(entries)


def task_with(name: str, questions: Mapping[str, tuple[str, ...]]) -> Task:
    """The task of a stored head.

    Raises:
        PastaError: the head is not one for whole scans.
    """
    kinds: dict[str, type[Screen] | type[Stage] | type[Survive]] = {
        "screen": Screen,
        "stage": Stage,
        "survive": Survive,
    }
    if name not in kinds:
        raise PastaError(f"A head for {name} tells nothing of whole scans; give one of another.")
    return kinds[name](questions)


def known_rows(targets: np.ndarray) -> np.ndarray:
    """Booleans ``(n,)``: rows with a target."""
    known: np.ndarray = ~torch.from_numpy(targets).isnan().all(1).numpy()
    return known
