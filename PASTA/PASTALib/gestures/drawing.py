"""Ways to draw the outline that gestures ask for: by what was learned, by a network, or by neither.

Each looks at a part of the CT on a grid of its own. That marks hold to the voxel is not their task,
see `PASTALib.gestures.outlining`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.cubes import box_of, resampled
from PASTALib.geometry import Floats, Geometry, slices
from PASTALib.gestures.changes import Asked
from PASTALib.gestures.chooser import Chooser
from PASTALib.gestures.choosing import changed_outlines, first_outlines
from PASTALib.gestures.click_network import ClickNetwork
from PASTALib.gestures.marks import Gesture, marks_of
from PASTALib.gestures.prompting import ask
from PASTALib.gestures.scan import Scan, within
from PASTALib.gestures.training_free import walked
from PASTALib.gestures.view import NEIGHBORS, View
from PASTALib.gestures.voxels import Mask
from PASTALib.region import Region

MARGIN_MM = 14.0
"""How far beyond the outline before and the marks the one without training may reach."""
FIRST_MARGIN_MM = 30.0
"""The same where there was no outline."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """An outline on a grid of its own.

    Attributes:
        grid: where it was drawn.
        probability: of the lesion, ``[z, y, x]`` of the grid.
        present: the outline before, there; empty where there was none.
    """

    grid: Geometry
    probability: NDArray[np.floating]
    present: Mask

    def as_asked(self, gestures: Sequence[Gesture]) -> Drawn:
        """The same where marks ask for a change of the outline before, which stays elsewhere.

        This is told here, not at the voxels of the CT: whether a change hangs together with a mark
        would depend there on details that were not drawn.
        """
        if not self.present.any():
            return self
        lesion = self.probability > 0.5
        asked = Asked.by(marks_of(gestures, self.grid), self.present).of(lesion)
        kept = np.where(asked == lesion, self.probability, self.present)
        return Drawn(self.grid, kept, self.present)

    def corners(self) -> Floats:
        """Corners ``(8, 3)``, LPS mm, of a box that holds all of the lesion."""
        region = Region.of(self.probability > 0.5, self.grid)
        return np.zeros((0, 3)) if region is None else box_of(region).corners()

    def on(self, place: Geometry, before: Mask) -> Mask:
        """The lesion at the voxels of a box of the CT.

        The outline before is kept to the voxel where what was drawn, which may show less detail,
        does not change it.

        Args:
            place: the box.
            before: the outline before on it; empty where there was none.
        """
        lesion: Mask = resampled(self.probability, self.grid, place) > 0.5
        if not before.any():
            return lesion
        changed = ndimage.binary_dilation((self.probability > 0.5) != self.present, NEIGHBORS)
        return np.where(resampled(changed, self.grid, place) > 0.5, lesion, before)


Draw = Callable[[Scan, Sequence[Gesture], Region | None], Drawn]
"""From a CT, all gestures in their order, and the outline before to the next outline."""


def draw_without_training(scan: Scan, gestures: Sequence[Gesture], before: Region | None) -> Drawn:
    """What a random walker finds; see `PASTALib.gestures.training_free`."""
    points = [g.extent for g in gestures if g.inside or (g.kind != "box" and not before)]
    if before is not None:
        points.append(box_of(before).corners())
    reach = FIRST_MARGIN_MM if before is None else MARGIN_MM
    around = reach * np.array(list(product((-1, 1), repeat=3)))
    box = scan.geometry.box_around((np.concatenate(points)[:, None] + around).reshape(-1, 3))
    place = scan.geometry.cropped(box)
    marks = marks_of(gestures, place).apart_from(within(scan.others, box[0], place.shape_zyx))
    view = View.of(scan.hu[slices(box)], place, marks)
    known = within([before] if before else [], box[0], place.shape_zyx)
    present = resampled(known, place, view.geometry) > 0.5
    return Drawn(view.geometry, walked(view, present), present)


@dataclass(frozen=True)
class NetworkDrawing:
    """Draws what a promptable network says."""

    network: ClickNetwork

    def __call__(self, scan: Scan, gestures: Sequence[Gesture], before: Region | None) -> Drawn:
        """The network's answer from the distance that suits the lesion."""
        answer = ask(self.network, scan, gestures, before)
        close_up = answer.close_up
        return Drawn(close_up.geometry, answer.probability, close_up.present)


@dataclass(frozen=True)
class ChosenDrawing:
    """Draws many outlines without training, and takes what a chooser finds likely."""

    chooser: Chooser

    def __call__(self, scan: Scan, gestures: Sequence[Gesture], before: Region | None) -> Drawn:
        """The middle of what is likely: a voxel belongs to it if the outlines that hold it are
        likelier together than those that do not.

        A first outline is the middle of one view: of the one whose outlines are likeliest.
        """
        if before is None:
            return self._first(scan, gestures)
        measured = changed_outlines(scan, gestures, before)
        weight = self.chooser.later(measured.traits)
        middle = np.tensordot(weight, measured.masks, 1)
        return Drawn(measured.view.geometry, middle, measured.present)

    def _first(self, scan: Scan, gestures: Sequence[Gesture]) -> Drawn:
        views = list(first_outlines(scan, gestures))
        weight = self.chooser.first(np.concatenate([measured.traits for measured in views]))
        ends = np.cumsum([len(measured.masks) for measured in views])
        shares = np.split(weight, ends[:-1])
        best = int(np.argmax([share.sum() for share in shares]))
        measured, share = views[best], shares[best] / shares[best].sum()
        middle = np.tensordot(share, measured.masks, 1)
        return Drawn(measured.view.geometry, middle, np.zeros(middle.shape, bool))
