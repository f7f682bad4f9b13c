"""The lesion from marks alone, without a network: a random walker between what is marked.

Elsewhere the outline before is kept, the more the farther a voxel is from its surface and from
marks that contradict it; near those the walker looks for the surface in the image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from PASTALib.geometry import Floats
from PASTALib.gestures.guess import BALL_MM, first_guess
from PASTALib.gestures.likeness import log_odds
from PASTALib.gestures.view import View, marks_in
from PASTALib.gestures.walker import walk

RING_MM = 8.0
"""Width of the surroundings that the lesion is compared with."""
ROUNDS = 2
"""How often lesion and surroundings are looked at again; more changed little."""


def walked(view: View, present: NDArray[np.bool_]) -> Floats:
    """Probability of the lesion at each voxel of a view, ``[z, y, x]``.

    Args:
        view: the box of the CT, with all marks.
        present: the outline before, on its grid; empty where there was none.
    """
    seen = present if present.any() else first_guess(view)
    for _ in range(ROUNDS):
        probability = _probability(view, present, seen)
        seen = probability > 0.5
    return probability


def walked_once(view: View, present: NDArray[np.bool_]) -> Floats:
    """The same from an outline before, in half the time: what the lesion looks like is not asked
    again."""
    return _probability(view, present, present)


def _probability(view: View, present: NDArray[np.bool_], seen: NDArray[np.bool_]) -> Floats:
    """Probability of the lesion.

    Args:
        view: the box.
        present: the outline before, on its grid; empty where there was none.
        seen: the lesion as found so far, which tells what lesion and surroundings look like.
    """
    was_there = bool(present.any())
    outline = present if was_there else seen
    depth = view.away(~outline) - view.away(outline)
    shape = expit(depth / (0.7 * view.step))
    trust = 1 - np.exp(-((depth / (4.0 if was_there else 12.0)) ** 2))
    pull = {}
    for name, marks, wrong_side in (
        ("in", view.positive, depth < 0),
        ("out", view.negative, depth > 0),
    ):
        pull[name] = np.zeros(depth.shape)
        for mark in marks_in(marks):
            wrong = mark & wrong_side
            off = float(np.abs(depth[wrong]).max()) if wrong.any() else 0.0
            close = np.exp(-((view.away(mark) / (1.2 * off + view.step)) ** 4))
            pull[name] = np.maximum(pull[name], close * _alike(view, mark, 0.7 * off))
            if off > 0:  # so far off the surface was there, so it may be elsewhere on that side
                trust = trust * (1 - close)
                trust = np.where(wrong_side, trust / (1 + (off / 4.0) ** 2), trust)
    # Where the HU tell nothing, the outline before is still the better guess.
    lean = 0.5 * np.clip(depth / view.step, -3, 3) if was_there else 0.0
    doubtful = expit(_like_lesion(view, seen) + lean)
    prior = trust * shape + (1 - trust) * doubtful
    prior = prior * (1 - pull["out"]) * (1 - pull["in"]) + pull["in"] * (1 - 0.5 * pull["out"])
    strength = 0.1 + 0.5 * trust + 0.5 * np.maximum(pull["in"], pull["out"])
    fixed = view.positive | view.negative | view.border
    return walk(view.image, 2 * view.noise, fixed, view.positive.astype(float), prior, strength)


def _alike(view: View, mark: NDArray[np.bool_], radius_mm: float) -> Floats:
    """How much each voxel has the HU of a mark and of what is within a radius of it."""
    values = view.image[view.away(mark) <= max(1.01 * view.step, radius_mm)]
    center = np.median(values)
    spread = max(view.noise, 1.4826 * float(np.median(np.abs(values - center))))
    result: Floats = np.exp(-0.5 * ((view.image - center) / (3 * spread)) ** 2)
    return result


def _like_lesion(view: View, seen: NDArray[np.bool_]) -> Floats:
    """How much each voxel has the HU of the lesion rather than of what is around it: log odds."""
    own = (seen | (view.away(view.positive) <= BALL_MM)) & ~view.negative
    around = (view.away(seen) <= RING_MM) & ~own | (view.away(view.negative) <= BALL_MM)
    return log_odds(view.image, own, around, view.noise)
