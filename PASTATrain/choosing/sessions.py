"""Sessions of a simulated reader with one lesion: what was proposed, and how good each was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from PASTALib.cubes import box_of, resampled
from PASTALib.errors import PastaError
from PASTALib.gestures.chooser import Chooser
from PASTALib.gestures.choosing import changed_outlines, first_outlines
from PASTALib.gestures.drawing import Drawn
from PASTALib.gestures.marks import Gesture
from PASTALib.gestures.outlining import outlined
from PASTALib.gestures.scan import Scan
from PASTALib.gestures.traits import Measured
from PASTALib.region import Region
from PASTATrain.choosing.reader import Reader
from PASTATrain.prompting.spoiling import spoiled

Mask = NDArray[np.bool_]
MARGIN_MM = 30.0
"""How far around the lesion errors are looked for."""
SPOILED_MM = 12.0
"""How far around it a wrong outline may reach."""


@dataclass(frozen=True, eq=False)
class Proposed:
    """What was proposed after one gesture.

    Attributes:
        later: whether there was an outline before.
        traits: float32 ``(n, traits)``, see `PASTALib.gestures.traits`.
        dice: of each with the lesion, ``(n,)``.
    """

    later: bool
    traits: NDArray[np.float32]
    dice: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lesion:
    """A lesion that a reader may outline.

    Attributes:
        scan: the CT.
        truth: its voxels.
    """

    scan: Scan
    truth: Region


@dataclass(eq=False)
class Recording:
    """Draws an outline that somebody might have chosen, and keeps all that were proposed.

    Attributes:
        truth: the lesion.
        rng: draws the choice.
        chooser: decides in `followed` of all cases; without one, chance decides among the good.
        followed: see there.
        proposed: what was kept.
    """

    truth: Region
    rng: np.random.Generator
    chooser: Chooser | None = None
    followed: float = 0.7
    proposed: list[Proposed] = field(default_factory=list)

    def __call__(self, scan: Scan, gestures: Sequence[Gesture], before: Region | None) -> Drawn:
        """See `PASTALib.gestures.drawing.Draw`."""
        later = before is not None
        views = (
            [changed_outlines(scan, gestures, before)]
            if before is not None
            else list(first_outlines(scan, gestures))
        )
        found = [dice_with(self.truth, measured) for measured in views]
        traits = np.concatenate([measured.traits for measured in views])
        dice = np.concatenate(found)
        self.proposed.append(Proposed(later, traits, dice.astype(np.float32)))
        number = self._choice(later, traits, dice)
        for measured in views:
            if number < len(measured.masks):
                break
            number -= len(measured.masks)
        chosen = measured.masks[number].astype(float)
        return Drawn(measured.view.geometry, chosen, measured.present)

    def _choice(self, later: bool, traits: NDArray[np.float32], dice: NDArray[np.float64]) -> int:
        if self.chooser is not None and self.rng.random() < self.followed:
            judge = self.chooser.later if later else self.chooser.first
            return int(judge(traits).argmax())
        return int((dice + self.rng.normal(0, 0.15, len(dice))).argmax())


def dice_with(truth: Region, measured: Measured) -> NDArray[np.float64]:
    """Dice of each proposal with a lesion, less what the grid of the view cannot show."""
    grid = measured.view.geometry
    wide = truth.grown(2 * max(truth.geometry.spacing))
    place = box_of(wide)
    seen = resampled(wide.mask, place, grid) > 0.5
    back = resampled(seen, grid, place) > 0.5
    shown = 2 * (back & wide.mask).sum() / max(1, back.sum() + wide.mask.sum())
    flat = measured.masks.reshape(len(measured.masks), -1)
    common = flat @ seen.ravel().astype(np.float32)
    result: NDArray[np.float64] = shown * 2 * common / np.maximum(flat.sum(axis=1) + seen.sum(), 1)
    return result


def session(
    lesion: Lesion,
    rounds: int,
    spoiled_share: float,
    rng: np.random.Generator,
    chooser: Chooser | None = None,
) -> Iterator[Proposed]:
    """Let a reader work on a lesion, from nothing or from a wrong outline.

    Args:
        lesion: what is outlined.
        rounds: most gestures.
        spoiled_share: how often it begins with a wrong outline.
        rng: draws everything.
        chooser: see `Recording`.
    """
    around = lesion.truth.grown(MARGIN_MM)
    start, truth = around.start, around.mask
    reader = Reader(truth, box_of(around), rng)
    now: Region | None = None
    if rng.random() < spoiled_share:
        near = lesion.truth.grown(SPOILED_MM)
        wrong = spoiled(near.mask, np.zeros_like(near.mask), rng)
        now = Region.of(wrong, near.geometry, near.start)
    draw = Recording(lesion.truth, rng, chooser)
    gestures: list[Gesture] = []
    for _ in range(rounds):
        shown = np.zeros_like(truth) if now is None else now.within(start, truth.shape)
        gesture = reader.gesture(shown)
        if gesture is None:
            break
        gestures.append(gesture)
        try:
            now = outlined(lesion.scan, gestures, now, draw)
        except PastaError:
            break  # it was marked where nothing can be outlined
    yield from draw.proposed
