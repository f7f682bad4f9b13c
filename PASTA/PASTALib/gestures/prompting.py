"""Where the promptable network looks, and what it says there: nearer or farther until it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.geometry import Floats, Geometry
from PASTALib.gestures.click_network import ClickNetwork
from PASTALib.gestures.close_up import EDGE, CloseUp, cube_around
from PASTALib.gestures.guess import holding
from PASTALib.gestures.marks import Gesture
from PASTALib.gestures.scan import Scan, box_of
from PASTALib.gestures.view import FINEST_MM, NEIGHBORS, resampled
from PASTALib.region import Region

FIRST_STEP_MM = 1.8
"""Voxels of the first look where nothing is known of the size: a cube of 72 mm."""
SURROUNDINGS_MM = 10.0
SURROUNDINGS_SHARE = 0.25
"""The cube shows so much, or this share of the lesion if it is more, on all sides of it."""
LOOKS = 3
FARTHER = 1.6
"""The lesion leaves the cube: look from so much farther away."""
NEAR_ENOUGH = (0.75, 1.25)
"""Another look is not worth its time if its voxels are within these shares of the present ones."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network says.

    Attributes:
        close_up: where it looked last.
        probability: of the lesion, ``[z, y, x]`` of the close-up.
    """

    close_up: CloseUp
    probability: NDArray[np.float32]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """The lesion in the close-up."""
        return self.probability > 0.5

    def corners(self) -> Floats:
        """Corners ``(8, 3)``, LPS mm, of a box that holds all of the lesion."""
        return _corners(self.seen, self.close_up.geometry)

    def on(self, place: Geometry, before: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The lesion at the voxels of a box of the CT.

        The outline before is kept to the voxel where the network, which may see less detail, does
        not change it.

        Args:
            place: the box.
            before: the outline before on it; empty where there was none.
        """
        cube = self.close_up.geometry
        lesion = resampled(self.probability, cube, place) > 0.5
        if not before.any():
            return lesion
        changed = ndimage.binary_dilation(self.seen != self.close_up.present, NEIGHBORS)
        return np.where(resampled(changed, cube, place) > 0.5, lesion, before)


def ask(
    network: ClickNetwork, scan: Scan, gestures: Sequence[Gesture], before: Region | None
) -> Answer:
    """The network's answer from the distance that suits the lesion."""
    points = known_points(gestures, before)
    center, extent = _middle(points)
    boxed = before is not None or any(g.kind == "box" and g.inside for g in gestures)
    step = fitting_step(extent) if boxed else max(FIRST_STEP_MM, fitting_step(extent))
    for _ in range(LOOKS):
        close_up = CloseUp.of(scan, gestures, before, cube_around(center, step))
        answer = Answer(close_up, network(close_up))
        seen = answer.seen
        if close_up.positive.any():
            seen = holding(seen, close_up.positive | close_up.present)
        if not seen.any():
            break
        found, found_extent = _middle(np.concatenate([points, _corners(seen, close_up.geometry)]))
        leaves = seen[_SIDES].any()
        wanted = FARTHER * step if leaves else fitting_step(found_extent)
        if NEAR_ENOUGH[0] <= wanted / step <= NEAR_ENOUGH[1]:
            break
        center, step = found, wanted
    return answer


def fitting_step(extent_mm: float) -> float:
    """Voxels, in mm, of a cube that shows a lesion of this extent and its surroundings."""
    around = max(SURROUNDINGS_MM, SURROUNDINGS_SHARE * extent_mm)
    return max(FINEST_MM, (extent_mm + 2 * around) / EDGE)


def known_points(gestures: Sequence[Gesture], before: Region | None) -> Floats:
    """LPS points ``(n, 3)`` that span what is known to be lesion."""
    points = [gesture.extent for gesture in gestures if gesture.inside]
    if before is not None:
        points.append(box_of(before).corners())
    return np.concatenate(points)


def _middle(points: Floats) -> tuple[Floats, float]:
    """Middle (LPS mm) and largest extent in mm of points ``(n, 3)``."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, float((high - low).max())


def _corners(mask: NDArray[np.bool_], geometry: Geometry) -> Floats:
    region = Region.of(mask, geometry)
    return np.zeros((0, 3)) if region is None else box_of(region).corners()


_SIDES = np.ones((EDGE,) * 3, bool)
_SIDES[1:-1, 1:-1, 1:-1] = False
