"""What tells a good outline from a bad one: numbers of each proposal in a view.

All proposals of a view are measured at once. HU differences are told in standard deviations of the
noise, sizes relative to each other, so that the numbers mean the same in every scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.geometry import Floats
from PASTALib.gestures.bulges import Surface
from PASTALib.gestures.proposals import RULES
from PASTALib.gestures.view import View
from PASTALib.gestures.voxels import Mask, dilated, eroded

TISSUES_HU = ((-2000.0, -500.0), (-150.0, -30.0), (180.0, 4000.0))
"""Ranges of gas or lung, fat, and bone or dense contrast medium."""
OF_ALL = (
    "log radius mm",
    "log radius voxels",
    "step at the edge",
    "size of that step",
    "against the ring",
    "size of that",
    "log SD inside",
    "log SD of the ring",
    "variance explained",
    "log gradient at the edge",
    "log gradient inside",
    "gradient at the edge against the ring",
    "compactness",
    "elongation",
    "flatness",
    "farthest from the mark",
    "mark to the nearest edge",
    "mark to the middle",
    "at the sides",
    "gas inside",
    "fat inside",
    "bone inside",
    "gas around",
    "fat around",
    "bone around",
    "HU",
    "HU around",
    "nearest negative mark",
    "positive marks",
    "negative marks",
    "like the others",
    "log noise",
    "log voxel",
    "gap",
)
"""Numbers that each proposal has, in their order."""
WAYS = ("adds", "takes away", "begins anew", "walker", "bulge", "all around", "redrawn")
ADDS, TAKES_AWAY, ANEW_FROM_MARKS, WALKER, BULGES, OFFSETS, REDRAWN = range(len(WAYS))
"""How an outline is changed."""
OF_CHANGES = (
    *WAYS,
    "log volume against before",
    "Dice with before",
    "log radius of the change against the depth of the mark",
    "reach of the change around the mark against that depth",
    "log depth of the mark mm",
    "HU of the change against before",
    "HU of the change against the ring of before",
    "compactness against before",
    "variance explained against before",
)
"""Numbers of a changed outline beside these."""


@dataclass(frozen=True, eq=False)
class Change:
    """An outline that differs from the one before.

    Attributes:
        after: its voxels, ``[z, y, x]``.
        way: how it was changed, index in `WAYS`.
        rule: which of `PASTALib.gestures.proposals.RULES` found it; their number if none.
        gap: see `PASTALib.gestures.proposals.Grown`.
    """

    after: Mask
    way: int
    rule: int
    gap: float


@dataclass(frozen=True, eq=False)
class Measured:
    """Proposals and what is known of each.

    Attributes:
        masks: bool ``[n, z, y, x]`` on the grid of `view`.
        traits: float32 ``[n, traits]``.
        view: where they were measured.
        present: the outline before, there; empty where there was none.
    """

    masks: Mask
    traits: NDArray[np.float32]
    view: View
    present: Mask


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the voxels of each of some masks: their number, and the means of what is asked."""

    count: Floats
    means: Floats

    @classmethod
    def of(cls, masks: NDArray[np.float32], columns: NDArray[np.float32]) -> _Sums:
        sums = (masks @ columns).astype(float)
        count = sums[:, 0]
        return cls(count, sums / np.maximum(count, 1)[:, None])


def traits_of(view: View, masks: Mask, rules: NDArray[np.int64], gaps: Floats) -> Floats:
    """Numbers of proposals, in the order of `OF_ALL` and then one for each of `RULES`.

    Args:
        view: the box of the CT, with the marks.
        masks: ``[n, z, y, x]``.
        rules: which of `RULES` found each.
        gaps: see `PASTALib.gestures.proposals.Grown`.
    """
    step, noise = view.step, view.noise
    inner, outer = eroded(masks), dilated(masks)
    ring = dilated(outer) & ~masks
    image = view.image
    steep = ndimage.gaussian_gradient_magnitude(image, 0.7)
    away = view.away(view.positive)
    places = np.indices(image.shape).reshape(3, -1).astype(np.float32)
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    columns = np.stack(
        [
            np.ones(image.size),
            image.ravel(),
            image.ravel() ** 2,
            steep.ravel(),
            view.border.ravel(),
            *[((image > low) & (image < high)).ravel() for low, high in TISSUES_HU],
            *places,
            *[places[a] * places[b] for a, b in pairs],
        ],
        axis=1,
    ).astype(np.float32)
    few = columns[:, :8]
    flat = _flat(masks)
    own = _Sums.of(flat, columns)
    core, rim = _Sums.of(_flat(inner), few), _Sums.of(_flat(masks & ~inner), few)
    beyond, around = _Sums.of(_flat(outer & ~masks), few), _Sums.of(_flat(ring), few)
    radius = (own.count * step**3 * 3 / (4 * np.pi)) ** (1 / 3)
    spread = np.sqrt(_variance(own))
    middle = own.means[:, 8:11]
    axes = _axes(own.means[:, 8:17], middle)
    order = np.argsort(away, axis=None)
    sorted_masks = masks.reshape(len(masks), -1)[:, order]
    sorted_away = away.ravel()[order]
    farthest = sorted_away[sorted_masks.shape[1] - 1 - sorted_masks[:, ::-1].argmax(axis=1)]
    nearest = sorted_away[(~sorted_masks).argmax(axis=1)]
    mark = np.argwhere(view.positive).mean(axis=0) if view.positive.any() else middle
    from_mark = step * np.linalg.norm(middle - mark, axis=1)
    off = view.away(view.negative).ravel()
    outside = np.array([off[mask].min(initial=1e3) for mask in masks.reshape(len(masks), -1)])
    edge = rim.means[:, 1] - beyond.means[:, 1]
    contrast = own.means[:, 1] - around.means[:, 1]
    # Means of the gradient at both sides of the edge, inside, and in the ring.
    at_edge = (rim.means[:, 3] + beyond.means[:, 3]) / 2
    numbers = [
        np.log(radius),
        np.log(radius / step),
        np.arcsinh(edge / noise),
        np.arcsinh(np.abs(edge) / noise),
        np.arcsinh(contrast / noise),
        np.arcsinh(np.abs(contrast) / noise),
        np.log1p(spread / noise),
        np.log1p(np.sqrt(_variance(around)) / noise),
        explained(own, around),
        np.log1p(at_edge / noise),
        np.log1p(core.means[:, 3] / noise),
        (at_edge - around.means[:, 3]) / (at_edge + around.means[:, 3] + noise / 10),
        np.log(rim.count / np.maximum(own.count, 1) ** (2 / 3)),
        np.log(axes[:, 2] / axes[:, 0]),
        np.log(axes[:, 1] / axes[:, 0]),
        np.log1p(farthest / radius),
        np.log1p(nearest / radius),
        np.minimum(from_mark / radius, 5),
        np.sqrt(own.means[:, 4]),
        *own.means[:, 5:8].T,
        *around.means[:, 5:8].T,
        np.clip(own.means[:, 1] / 100, -10, 6),
        np.clip(around.means[:, 1] / 100, -10, 6),
        np.minimum(np.log1p(outside / radius), 4),
        np.full(len(masks), np.log1p(view.positive.sum())),
        np.full(len(masks), np.log1p(min(view.negative.sum(), 1000))),
        like_others(flat),
        np.full(len(masks), np.log(noise)),
        np.full(len(masks), np.log(step)),
        np.log1p(np.maximum(gaps, 0)),
    ]
    by_rule = rules[:, None] == np.arange(len(RULES))
    return np.concatenate([np.stack(numbers, axis=1), by_rule], axis=1)


def change_traits(
    view: View, was: Mask, surface: Surface | None, changes: Sequence[Change], traits: Floats
) -> Floats:
    """Numbers of changes, in the order of `OF_CHANGES`.

    Args:
        view: where they were made, with all marks.
        was: the outline before, ``[z, y, x]``.
        surface: its surface and the mark that contradicts it most; None if none does.
        changes: of it.
        traits: what `traits_of` says of the changed outlines, and last of the one before.
    """
    step, noise = view.step, view.noise
    flat = np.stack([change.after.ravel() for change in changes])
    changed = flat ^ was.ravel()
    missing, wrong = view.positive & ~was, view.negative & was
    asked = missing | wrong
    # The reader clicks into the middle of what is wrong: how far that is from the outline before
    # tells how large it is.
    depth = 0.5 * step if surface is None else surface.off
    away = view.away(asked).ravel() if asked.any() else np.zeros(was.size)
    side = (was if wrong.any() and not missing.any() else ~was).ravel()
    unchanged = np.where(~changed & side, away, np.inf).min(axis=1)
    count = changed.sum(axis=1)
    image = view.image.ravel()
    mean = (changed @ image) / np.maximum(count, 1)
    ring = (dilated(dilated(was)) & ~was).ravel()
    means = [float(image[mask].mean()) if mask.any() else 0.0 for mask in (was.ravel(), ring)]
    size = flat.sum(axis=1)
    common = (flat & was.ravel()).sum(axis=1)
    radius = step * (3 * count / (4 * np.pi)) ** (1 / 3)
    compactness, explained = (OF_ALL.index(n) for n in ("compactness", "variance explained"))
    ways = np.array([change.way for change in changes])
    numbers = [
        *(ways == way for way in range(len(WAYS))),
        np.log(size / max(1, was.sum())),
        2 * common / (size + was.sum()),
        np.log(np.maximum(radius, 0.3 * step) / depth),
        np.log1p(np.minimum(unchanged, 50) / depth),
        np.full(len(changes), 0.0 if surface is None else np.log(depth)),
        np.where(count > 0, np.arcsinh((mean - means[0]) / noise), 0),
        np.where(count > 0, np.arcsinh((mean - means[1]) / noise), 0),
        traits[:-1, compactness] - traits[-1, compactness],
        traits[:-1, explained] - traits[-1, explained],
    ]
    return np.stack(numbers, axis=1).astype(float)


def like_others(flat: NDArray[np.float32]) -> Floats:
    """Mean Dice of each of some masks ``[n, voxels]`` with all of them."""
    return dice_matrix(flat).mean(axis=1)


def dice_matrix(flat: NDArray[np.float32]) -> Floats:
    """Dice ``[n, n]`` of masks ``[n, voxels]`` with each other."""
    common = (flat @ flat.T).astype(float)
    sizes = np.diag(common)
    result: Floats = 2 * common / np.maximum(sizes[:, None] + sizes, 1)
    return result


def _flat(masks: Mask) -> NDArray[np.float32]:
    return masks.reshape(len(masks), -1).astype(np.float32)


def _variance(sums: _Sums) -> Floats:
    result: Floats = np.maximum(sums.means[:, 2] - sums.means[:, 1] ** 2, 0)
    return result


def explained(own: _Sums, around: _Sums) -> Floats:
    """Share of the variance of the HU that goes away when a set and its ring are told apart."""
    share = own.count / np.maximum(own.count + around.count, 1)
    within = share * _variance(own) + (1 - share) * _variance(around)
    between = share * (1 - share) * (own.means[:, 1] - around.means[:, 1]) ** 2
    result: Floats = between / (within + between + 1e-6)
    return result


def _axes(moments: Floats, middle: Floats) -> Floats:
    """Standard deviations ``(n, 3)`` along the main axes in voxels, the shortest first.

    Args:
        moments: means of z, y, x, and of zz, yy, xx, zy, zx, yx.
        middle: means of z, y, x.
    """
    squares = moments[:, 3:6] - middle**2
    cross = [moments[:, 6 + k] - middle[:, a] * middle[:, b] for k, (a, b) in enumerate(_PAIRS)]
    matrix = np.zeros((len(middle), 3, 3))
    for axis in range(3):
        matrix[:, axis, axis] = squares[:, axis]
    for (a, b), values in zip(_PAIRS, cross, strict=True):
        matrix[:, a, b] = matrix[:, b, a] = values
    # A voxel itself has a variance of 1/12, so that a single one has axes, too.
    result: Floats = np.sqrt(np.maximum(np.linalg.eigvalsh(matrix), 0) + 1 / 12)
    return result


_PAIRS = ((0, 1), (0, 2), (1, 2))
