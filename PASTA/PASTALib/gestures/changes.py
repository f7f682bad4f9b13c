"""Of the changes of an outline, those that marks ask for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.gestures.guess import holding
from PASTALib.gestures.marks import Marks
from PASTALib.gestures.view import NEIGHBORS

Mask = NDArray[np.bool_]


def as_asked(lesion: Mask, before: Mask, marks: Marks) -> Mask:
    """The outline before, changed where it contradicts marks and what hangs together with these.

    What is added goes with a positive mark outside of the outline, what is taken away with a
    negative one inside. Where no mark contradicts the outline, or nothing would be left of it, all
    changes are taken.

    Args:
        lesion: what a method finds, ``[z, y, x]``.
        before: the outline before.
        marks: all marks.
    """
    missing, wrong = marks.inside & ~before, marks.outside & before
    if not (missing.any() or wrong.any()):
        return lesion
    asked = before & ~_touched(~lesion, wrong, before) | _touched(lesion, missing, ~before)
    return asked if asked.any() else lesion


def _touched(change: Mask, marks: Mask, side: Mask) -> Mask:
    """The connected parts of a change, on one side of the surface, that marks there touch."""
    near = ndimage.binary_dilation(marks, NEIGHBORS) & side
    return holding(change & side | near, near)
