"""Changes of an outline as a whole: bulged towards a mark, grown, shrunk, or redrawn to the image.

A reader clicks into the middle of what is wrong. So what is missing beyond a surface reaches about
as far beyond the mark as the mark lies from it, and often the surface is off elsewhere, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from PASTALib.geometry import Floats
from PASTALib.gestures.likeness import MOST_ODDS, log_odds
from PASTALib.gestures.view import View
from PASTALib.gestures.voxels import Mask

HEIGHTS = (1.3, 1.8, 2.5)
"""How far a surface moves at the mark, in distances of the mark from it."""
WIDTHS = (0.8, 1.6)
"""Width of a bulge (a standard deviation), in the same."""
OFFSETS = (0.5, 1.0, 1.7)
"""How far the whole surface moves, in the same."""
PULLS = (1.0, 3.0)
"""Log odds for each unit of depth that the HU have to outweigh."""
RING_SHARE = 0.35
"""The surroundings are so wide, in radii of the outline."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The outline before, and the mark that contradicts it most.

    Attributes:
        depth: mm from each voxel to the outline's surface, positive inside, ``[z, y, x]``.
        away: mm from each voxel to the mark.
        off: mm from the mark to the surface.
        sign: 1 if the mark lies outside and is lesion, else -1.
    """

    depth: Floats
    away: Floats
    off: float
    sign: int

    @classmethod
    def of(cls, view: View, was: Mask) -> Surface | None:
        """None where no mark contradicts the outline."""
        missing, wrong = view.positive & ~was, view.negative & was
        depth = view.away(~was) - view.away(was)
        found = None
        for marks, sign in ((missing, 1), (wrong, -1)):
            if marks.any():
                off = max(float((-sign * depth[marks]).max()), 0.5 * view.step)
                if found is None or off > found.off:
                    found = cls(depth, view.away(marks), off, sign)
        return found

    def bulges(self) -> Iterator[Mask]:
        """The outline with its surface moved around the mark."""
        for width in WIDTHS:
            bell = np.exp(-0.5 * (self.away / (width * self.off)) ** 2)
            for height in HEIGHTS:
                yield self.depth + self.sign * height * self.off * bell > 0

    def offsets(self) -> Iterator[Mask]:
        """The outline grown or shrunk all around."""
        for offset in OFFSETS:
            yield self.depth + self.sign * offset * self.off > 0


def redrawn(view: View, was: Mask, surface: Surface | None) -> Iterator[Mask]:
    """The outline, or a bulge of it, drawn to where the HU change from inside to outside."""
    depth = view.away(~was) - view.away(was) if surface is None else surface.depth
    radius = view.step * (3 * np.count_nonzero(was) / (4 * np.pi)) ** (1 / 3)
    bumps = [np.zeros(depth.shape)]
    if surface is not None:
        bell = np.exp(-0.5 * (surface.away / (1.2 * surface.off)) ** 2)
        bumps.append(surface.sign * 1.8 * surface.off * bell)
    for bump in bumps:
        level = depth + bump
        around = (level <= 0) & (level > -max(2.5 * view.step, RING_SHARE * radius))
        odds = log_odds(view.image, (level > 0) & ~view.negative, around, view.noise)
        odds = ndimage.gaussian_filter(np.clip(odds, -MOST_ODDS, MOST_ODDS), 0.8)
        scale = max(2 * view.step, 0.3 * radius)
        for pull in PULLS:
            yield odds + pull * np.clip(level / scale, -2, 2) > 0
