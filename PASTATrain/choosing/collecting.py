"""Collected sessions on disk: what was proposed after each gesture, and how good it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from PASTALib.errors import PastaError
from PASTALib.files import written_atomically
from PASTALib.gestures.chooser import Chooser
from PASTALib.progress import CancelToken, Progress
from PASTATrain.choosing.config import ChoosingConfig
from PASTATrain.choosing.lesions import LesionSource
from PASTATrain.choosing.sessions import Proposed, session

SESSIONS = "sessions"
"""Folder of a run that holds what was collected."""
STAGES = ("first", "later")


def collect(
    source: LesionSource,
    turns: int,
    out: Path,
    config: ChoosingConfig,
    progress: Progress,
    chooser: Chooser | None = None,
    cancel: CancelToken | None = None,
) -> int:
    """Write one file for each scan that is not there yet; returns how many there are.

    Args:
        source: of the lesions.
        turns: how often each scan is used.
        out: folder that takes the files.
        config: the run.
        progress: told after each scan.
        chooser: whom the sessions follow in most cases; see `PASTATrain.choosing.sessions`.
        cancel: checked before each lesion.

    Raises:
        Cancelled: asked to stop.
    """
    total = turns * source.turn
    for number in range(total):
        path = out / f"{number:04d}.npz"
        if path.is_file():
            continue
        if cancel:
            cancel.check()
        name, lesions = source.scan(number)
        rng = np.random.default_rng((config.seed, number, 1))
        rows: list[Proposed] = []
        for lesion in lesions:
            if cancel:
                cancel.check()
            rows += session(lesion, config.rounds, config.spoiled, rng, chooser)
        save_proposed(path, rows, name)
        best = [row.dice.max() for row in rows]
        said = f"{name}: {len(lesions)} lesions, {len(rows)} gestures, best {np.mean(best):.2f}"
        progress((number + 1) / total, said)
    return len(list(out.glob("*.npz")))


def save_proposed(path: Path, rows: Sequence[Proposed], scan: str) -> None:
    """Write what was proposed in a scan, atomically."""
    arrays: dict[str, NDArray[np.generic]] = {"scan": np.array(scan)}
    for stage, later in zip(STAGES, (False, True), strict=True):
        mine = [row for row in rows if row.later == later]
        if mine:
            arrays[f"{stage}_traits"] = np.concatenate([row.traits for row in mine])
            arrays[f"{stage}_dice"] = np.concatenate([row.dice for row in mine])
            arrays[f"{stage}_counts"] = np.array([len(row.dice) for row in mine])
    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


@dataclass(frozen=True, eq=False)
class Choices:
    """What was proposed after many gestures, one stage of them.

    Attributes:
        traits: of each proposal, for each gesture ``(n, traits)``.
        dice: of each proposal, for each gesture ``(n,)``.
        scans: name of the scan of each gesture.
    """

    traits: tuple[NDArray[np.float32], ...]
    dice: tuple[NDArray[np.float32], ...]
    scans: tuple[str, ...]

    def part(self, kept: Sequence[int]) -> Choices:
        """Those of some gestures."""
        return Choices(
            tuple(self.traits[k] for k in kept),
            tuple(self.dice[k] for k in kept),
            tuple(self.scans[k] for k in kept),
        )


def choices_of(rows: Sequence[Proposed], stage: str) -> Choices:
    """What was proposed at a stage, ``first`` or ``later``; perhaps nothing."""
    mine = [row for row in rows if row.later == (stage == "later")]
    return Choices(
        tuple(row.traits for row in mine), tuple(row.dice for row in mine), ("",) * len(mine)
    )


def read_choices(files: Iterable[Path], stage: str) -> Choices:
    """What was collected of a stage, ``first`` or ``later``.

    Raises:
        PastaError: there is nothing.
    """
    traits: list[NDArray[np.float32]] = []
    dice: list[NDArray[np.float32]] = []
    scans: list[str] = []
    for path in sorted(files):
        with np.load(path) as stored:
            if f"{stage}_counts" not in stored.files:
                continue
            counts = stored[f"{stage}_counts"]
            ends = np.cumsum(counts)[:-1]
            traits += np.split(stored[f"{stage}_traits"], ends)
            dice += np.split(stored[f"{stage}_dice"], ends)
            scans += [str(stored["scan"])] * len(counts)
    if not traits:
        raise PastaError("There are no sessions; run 'pasta-train choose collect' first.")
    return Choices(tuple(traits), tuple(dice), tuple(scans))
