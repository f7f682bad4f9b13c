"""Outlines that a reader may mean: sets that grow from what was marked, each by a rule of its own.

A rule is a cost at each voxel: how much its HU differ from those of the mark, how far away it is,
or both. What costs less than some level and hangs together with the mark is a proposal; the levels
are put where the volume grows most, so that no size is left out. One rule more draws balls of
several sizes to where the HU change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from PASTALib.geometry import Floats
from PASTALib.gestures.likeness import MOST_ODDS, log_odds
from PASTALib.gestures.view import MOST_BORDER, View, marks_in
from PASTALib.gestures.voxels import Mask, held

RULES = (
    "alike",
    "alike, opened",
    "not darker",
    "near and alike, strict",
    "near and alike",
    "near and alike, loose",
    "near",
    "against the surroundings",
)
"""What the costs of `costs` are called, and what `_against_surroundings` finds."""
SAMPLE_MM = 1.5
"""The HU of a mark are those within this distance."""
TOLERANCES = (6.0, 18.0, 54.0)
"""Steps of HU, in standard deviations of the noise, that cost as much as the reach of a view."""
RADII = 6
"""So many sizes are tried against what lies around."""
PULL = 3.0
"""Log odds that a voxel in the middle of such a ball has to lack to be left out."""
TRIES = 10
"""How many levels of a cost are looked at."""
LEAST_STEP = 0.22
"""Proposals of a rule differ by at least this in the logarithm of their volume."""
LEAST_VOXELS = 3


@dataclass(frozen=True, eq=False)
class Grown:
    """A set that grew from marks.

    Attributes:
        mask: its voxels, ``[z, y, x]``.
        rule: index in `RULES`.
        gap: how much more, in parts of its level, the next larger set costs: large where the set
            has an edge.
    """

    mask: Mask
    rule: int
    gap: float


def grown_from(
    view: View, seeds: Mask, barred: Mask, reach_mm: float, volumes: tuple[float, float]
) -> Iterator[Grown]:
    """Sets that hold seeds, by every rule.

    Args:
        view: the box of the CT.
        seeds: what all sets hold, ``[z, y, x]``, not empty.
        barred: what none of them holds.
        reach_mm: distance that counts as far.
        volumes: least and most voxels of a set.
    """
    for rule, cost in enumerate(costs(view, seeds, reach_mm)):
        blocked = np.where(barred & ~seeds, np.inf, cost)
        yield from _sets(blocked, seeds, rule, volumes)
    for mask in _against_surroundings(view, seeds, barred, volumes):
        counted, voxels = _counted(mask, view.image.size, 0)
        if counted is not None and voxels <= volumes[1]:
            yield Grown(counted, len(RULES) - 1, 0.0)


def costs(view: View, seeds: Mask, reach_mm: float) -> Iterator[Floats]:
    """The cost of each voxel by each of `RULES`, ``[z, y, x]``."""
    smooth = ndimage.gaussian_filter(view.image, 0.5)
    above = np.full(smooth.shape, np.inf)
    for mark in marks_in(seeds):
        values = smooth[view.away(mark) <= max(SAMPLE_MM, 1.01 * view.step)]
        step = smooth - np.median(values)
        above = np.where(np.abs(step) < np.abs(above), step, above)
    differs = np.abs(above)
    cross = ndimage.generate_binary_structure(3, 1)
    away = view.away(seeds)
    yield differs
    yield ndimage.grey_closing(differs, footprint=cross)
    yield ndimage.grey_closing(np.maximum(-above, 0), footprint=cross)
    for tolerance in TOLERANCES:
        yield np.hypot(differs / (tolerance * view.noise), away / reach_mm)
    yield away


def _against_surroundings(
    view: View, seeds: Mask, barred: Mask, volumes: tuple[float, float]
) -> Iterator[Mask]:
    """Balls of several sizes around the seeds, each drawn to where the HU change from those in the
    ball to those around it."""
    away = view.away(seeds)
    radii = [view.step * (3 * volume / (4 * np.pi)) ** (1 / 3) for volume in volumes]
    for radius in np.geomspace(max(radii[0], 1.5 * view.step), 0.9 * radii[1], RADII):
        own = away <= 0.8 * radius
        around = (away > 1.2 * radius) & (away <= 2 * radius + 2 * view.step)
        odds = log_odds(view.image, own | seeds, around & ~seeds, view.noise)
        odds = ndimage.gaussian_filter(np.clip(odds, -MOST_ODDS, MOST_ODDS), 1.0)
        near = PULL * np.clip(1 - away / radius, -2, 1)
        yield held((odds + near > 0) & ~barred | seeds, seeds)


def _sets(cost: Floats, seeds: Mask, rule: int, volumes: tuple[float, float]) -> Iterator[Grown]:
    """Sets of one cost between two volumes, from small to large."""
    tried = _levels(cost, seeds, volumes)
    last = 0.0
    for number, (level, mask, volume) in enumerate(tried):
        wide = np.log(volume) - last >= LEAST_STEP
        if mask is None or volume > volumes[1] or volume < volumes[0] or not wide:
            continue
        last = float(np.log(volume))
        above = tried[min(number + 1, len(tried) - 1)][0]
        yield Grown(mask, rule, (above - level) / (abs(level) + 1e-6))


def _levels(
    cost: Floats, seeds: Mask, volumes: tuple[float, float]
) -> list[tuple[float, Mask | None, int]]:
    """Levels, each with its set and the number of voxels, from low to high.

    A set that touches the sides of the view is None; it counts as larger than all others.
    """
    finite = cost[np.isfinite(cost)]
    ends = float(cost[seeds].min()), float(finite.max())
    whole = int(cost.size)
    tried: list[tuple[float, Mask | None, int]] = [
        (ends[0], None, max(1, int(seeds.sum()))),
        (ends[1], None, whole),
    ]
    for _ in range(TRIES):
        jumps = [
            _jump(below[2], over[2], volumes) if over[0] - below[0] > 1e-3 else 0.0
            for below, over in pairwise(tried)
        ]
        place = int(np.argmax(jumps))
        if jumps[place] < LEAST_STEP:
            break
        level = (tried[place][0] + tried[place + 1][0]) / 2
        mask = held(cost <= level, seeds)
        tried.insert(place + 1, (level, *_counted(mask, whole, tried[place][2])))
    return tried


def _counted(mask: Mask, whole: int, at_least: int) -> tuple[Mask | None, int]:
    """A set and its size; one that leaves the view is as large as the view."""
    count = int(np.count_nonzero(mask))
    if count < LEAST_VOXELS:
        return None, max(count, at_least)
    sides = [face for axis in range(3) for face in (mask.take(0, axis), mask.take(-1, axis))]
    touched = sum(int(np.count_nonzero(face)) for face in sides)
    if touched > MOST_BORDER * sum(face.size for face in sides):
        return None, whole
    return mask, count


def _jump(below: int, over: int, volumes: tuple[float, float]) -> float:
    """How much of the logarithm of the volumes that are asked for lies between two sizes."""
    low, high = (min(max(size, volumes[0]), volumes[1]) for size in (below, over))
    return math.log(high / low)
