"""Of the changes of an outline, those that marks ask for."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import ndimage

from PASTALib.gestures.marks import Marks
from PASTALib.gestures.view import NEIGHBORS
from PASTALib.gestures.voxels import Mask, held


@dataclass(frozen=True, eq=False)
class Asked:
    """What marks ask to change in an outline, ``[z, y, x]`` each.

    Attributes:
        before: the outline before.
        missing: marked as lesion and not in it, with what is next to that beyond it.
        wrong: marked as none and in it, with what is next to that in it.
    """

    before: Mask
    missing: Mask
    wrong: Mask

    @classmethod
    def by(cls, marks: Marks, before: Mask) -> Asked:
        """What all marks ask for."""
        missing, wrong = marks.inside & ~before, marks.outside & before
        return cls(before, _near(missing) & ~before, _near(wrong) & before)

    def of(self, lesion: Mask) -> Mask:
        """The outline before, changed where it contradicts marks and what hangs together with them.

        What is added goes with a positive mark outside of the outline, what is taken away with a
        negative one inside. Where no mark contradicts the outline, or nothing would be left of it,
        all changes are taken.

        Args:
            lesion: what a method finds.
        """
        if not (self.missing.any() or self.wrong.any()):
            return lesion
        asked = self.before
        if self.wrong.any():
            asked = asked & ~held(~lesion & self.before | self.wrong, self.wrong)
        if self.missing.any():
            asked = asked | held(lesion & ~self.before | self.missing, self.missing)
        return asked if asked.any() else lesion


def _near(marks: Mask) -> Mask:
    near: Mask = ndimage.binary_dilation(marks, NEIGHBORS) if marks.any() else marks
    return near
