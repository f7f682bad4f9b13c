"""Collects candidates of a model: turn by turn a scan, in each of them some parts.

Lesions are inserted into the real scans of training and into torsos made by rule, of which every
turn makes a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.ct import CT, Estimate
from PASTALib.inference import segment
from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress
from PASTATrain.at_once import at_once
from PASTATrain.closer.places import Ground, candidates_of
from PASTATrain.closer.samples import Collected, save_collected
from PASTATrain.evaluation import KnownScan, scans, torso_images
from PASTATrain.tuning import is_complete

PARTS = 20
"""Of a scan in a turn: making a torso takes as long as five parts of it."""
TORSO_MM = 2.0
FIRST_TORSO = 10_000
"""Seed of the torso of the first turn: neither training nor tuning nor evaluation comes so far."""


@dataclass(frozen=True)
class Turn:
    """What one file holds the candidates of.

    Attributes:
        number: of the turn.
        scan: number of the real scan; None for a torso.
        out: the file.
    """

    number: int
    scan: int | None
    out: Path


class Collector:
    """Collects the candidates of turns, in this process or in others.

    Args:
        model: the first network.
        real: scans and all of their organs.
        seed: of everything random but the torsos.
        parts: of a scan in a turn.
    """

    def __init__(
        self, model: Model, real: list[tuple[KnownScan, sitk.Image]], seed: int, parts: int
    ) -> None:
        self._model, self._real = first_look(model), real
        self._seed, self._parts = seed, parts

    def __call__(self, turn: Turn) -> str:
        """Write the candidates of a turn; returns what to tell of them."""
        rng = np.random.default_rng((self._seed, turn.number))
        ground = Ground.of(*self._scan(turn), rng)
        rows: list[Collected] = []
        for _ in range(self._parts):
            rows += candidates_of(ground, self._model, rng)
        save_collected(turn.out, rows)
        lesions = sum(bool(row.truth) for row in rows)
        return f"{turn.out.stem}: {lesions} of {len(rows)} candidates are lesions"

    def _scan(self, turn: Turn) -> tuple[KnownScan, sitk.Image]:
        if turn.scan is not None:
            return self._real[turn.scan]
        torso = torso_images(FIRST_TORSO + turn.number, TORSO_MM)
        phase = Estimate(torso.spec.phase, 1.0, "made so")
        ct = CT(torso.image, "torso", phase=phase, synthetic=True)
        return KnownScan("torso", ct, torso.organs), torso.organs


def first_look(model: Model) -> Model:
    """A model that keeps everything that it outlines, without a closer look."""
    return replace(model, info=replace(model.info, least_confidence=0.0), closer=None)


def collect(
    model: Model,
    data: Path,
    rounds: int,
    torsos: int,
    out: Path,
    seed: int,
    progress: Progress,
    cancel: CancelToken | None = None,
    processes: int = 1,
    parts: int = PARTS,
) -> int:
    """Write the candidates of each turn that are not there yet; returns how many files.

    Args:
        model: the first network.
        data: folder of the public scans; what is missing in it is left out.
        rounds: how often each real scan is used.
        torsos: how many torsos are made by rule.
        out: folder that takes one file a turn.
        seed: of everything random but the torsos.
        progress: told after each turn.
        cancel: checked after each turn.
        processes: how many turns are done at once.
        parts: of a scan that are looked at in a turn.

    Raises:
        Cancelled: asked to stop.
    """
    known = list(scans(data, [], "train"))
    waiting = [turn for turn in turns(known, rounds, torsos, out) if not turn.out.is_file()]
    if waiting:
        real = [(scan, organs_of(scan, first_look(model))) for scan in known]
        collector = Collector(model, real, seed, parts)
        for number, said in enumerate(at_once(collector, waiting, processes), 1):
            progress(number / len(waiting), said)
            if cancel:
                cancel.check()
    return len(list(out.glob("*.npz")))


def turns(real: list[KnownScan], rounds: int, torsos: int, out: Path) -> list[Turn]:
    """All turns; torsos lie evenly between the real scans, so that a part of them is like all."""
    count = rounds * len(real)
    order: list[tuple[float, int | None]] = [
        *(((i + 0.5) / count, i % len(real)) for i in range(count)),
        *(((i + 0.5) / torsos, None) for i in range(torsos)),
    ]
    order.sort(key=lambda turn: turn[0])
    return [
        Turn(n, scan, out / f"{n:04d}_{'torso' if scan is None else real[scan].name}.npz")
        for n, (_, scan) in enumerate(order)
    ]


def organs_of(scan: KnownScan, model: Model) -> sitk.Image:
    """The organs of a scan, the model's own where they are not labeled."""
    return scan.organs if is_complete(scan.organs) else segment(scan.ct, model).organs
