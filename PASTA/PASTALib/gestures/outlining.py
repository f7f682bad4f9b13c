"""The outline of a lesion from gestures, the CT and, where there is one, the outline before.

No network is needed. What a reader marks holds exactly. Elsewhere the outline before is kept, the
more the farther a voxel is from its surface and from marks that contradict it; near those a random
walker looks for the surface in the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, logit

from PASTALib.errors import PastaError
from PASTALib.geometry import Box, Floats, Geometry, as_index
from PASTALib.gestures.guess import BALL_MM, first_guess, holding
from PASTALib.gestures.marks import Gesture, Marks, check_inside, marks_of
from PASTALib.gestures.view import View, marks_in, resampled
from PASTALib.gestures.walker import walk
from PASTALib.region import Region

MARGIN_MM = 14.0
"""How far beyond the outline before and the marks the new one may reach."""
FIRST_MARGIN_MM = 30.0
"""The same where there was no outline."""
RING_MM = 8.0
"""Width of the surroundings that the lesion is compared with."""
ROUNDS = 2
"""How often lesion and surroundings are looked at again; more changed little."""
BIN_HU = 4.0
_BINS = np.arange(-1100.0, 1700.0, BIN_HU)


@dataclass(frozen=True, eq=False)
class Scan:
    """What outlining needs to know of a CT.

    Attributes:
        hu: ``[z, y, x]``.
        geometry: its geometry.
        others: other findings of it, which keep their voxels.
    """

    hu: NDArray[np.int16]
    geometry: Geometry
    others: Sequence[Region] = ()


def outlined(scan: Scan, gestures: Sequence[Gesture], before: Region | None = None) -> Region:
    """The outline that agrees with all gestures.

    Args:
        scan: the CT.
        gestures: all that concern this lesion, in the order in which they were drawn.
        before: its outline until now: from a model, a reader or a file.

    Returns:
        The voxels of the CT. They hold everything that is marked as lesion, but for what belongs
        to other findings, and nothing that is marked as none.

    Raises:
        PastaError: there is neither an outline nor a positive mark, a gesture lies outside the CT,
            all that is marked belongs to other findings, or nothing is left of the lesion.
    """
    check_inside(gestures, scan.geometry)
    if before is None and not any(gesture.inside for gesture in gestures):
        raise PastaError("Mark the lesion first; there is no outline yet that could be cut.")
    low, high = _box(scan.geometry, gestures, before)
    place = scan.geometry.cropped((low, high))
    where = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    known = _within([before] if before else [], low, place)
    taken = _within(scan.others, low, place)
    drawn = marks_of(gestures, place)
    if drawn.inside.any() and not (drawn.inside & ~taken).any():
        raise PastaError("That belongs to another finding already; correct or split that one.")
    marks = Marks(drawn.inside & ~taken, drawn.outside | taken)
    mask = _solved(scan.hu[where], place, marks, known)
    region = Region.of(mask, scan.geometry, (low[2], low[1], low[0]))
    if region is None:
        raise PastaError("Nothing is left of the lesion; delete it, or mark where it is.")
    return region


def _box(geometry: Geometry, gestures: Sequence[Gesture], before: Region | None) -> Box:
    """The voxels that may change."""
    points = [g.extent for g in gestures if g.inside or (g.kind != "box" and not before)]
    if before is not None:
        first = np.array(before.start[::-1])
        last = first + before.mask.shape[::-1]
        points.append(geometry.cropped((as_index(first), as_index(last))).corners())
    reach = MARGIN_MM if before is not None else FIRST_MARGIN_MM
    corners = reach * np.array(list(product((-1, 1), repeat=3)))
    return geometry.box_around((np.concatenate(points)[:, None] + corners).reshape(-1, 3))


def _within(regions: Sequence[Region], low: Sequence[int], place: Geometry) -> NDArray[np.bool_]:
    """What of some regions lies in a box that starts at `low` (x, y, z)."""
    mask = np.zeros(place.shape_zyx, bool)
    for region in regions:
        mask |= region.within(low[::-1], place.shape_zyx)
    return mask


def _solved(
    hu: NDArray[np.int16], place: Geometry, marks: Marks, before: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    view = View.of(hu, place, marks)
    present = resampled(before, place, view.geometry) > 0.5
    seen = present if present.any() else first_guess(view)
    for _ in range(ROUNDS):
        probability = _probability(view, present, seen)
        seen = probability > 0.5
    mask = (resampled(probability, view.geometry, place) > 0.5) & ~marks.outside | marks.inside
    anchor = marks.inside | (before & ~marks.outside)
    kept = holding(mask, anchor) if anchor.any() else mask
    return ndimage.binary_fill_holes(kept) & ~marks.outside


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
    doubtful = expit(logit(_like_lesion(view, seen)) + lean)
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
    """How much each voxel has the HU of the lesion rather than of what is around it."""
    own = (seen | (view.away(view.positive) <= BALL_MM)) & ~view.negative
    around = (view.away(seen) <= RING_MM) & ~own | (view.away(view.negative) <= BALL_MM)
    number = np.clip(np.digitize(view.image, _BINS), 0, len(_BINS) - 1)
    share = []
    for voxels in (own, around):
        counts = np.bincount(number[voxels], minlength=len(_BINS)).astype(float)
        smooth = ndimage.gaussian_filter1d(counts, max(1.0, view.noise / BIN_HU))
        share.append(smooth / max(1.0, smooth.sum()) + 1e-5)
    result: Floats = (share[0] / (share[0] + share[1]))[number]
    return result
