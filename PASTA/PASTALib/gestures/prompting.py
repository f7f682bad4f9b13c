"""Where the promptable network looks, and what it says there: nearer or farther until it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.cubes import box_of, cube_around
from PASTALib.geometry import Floats, Geometry
from PASTALib.gestures.click_network import ClickNetwork
from PASTALib.gestures.close_up import EDGE, CloseUp
from PASTALib.gestures.marks import Gesture
from PASTALib.gestures.scan import Scan
from PASTALib.gestures.view import FINEST_MM, MOST_BORDER
from PASTALib.gestures.voxels import held
from PASTALib.region import Region

FIRST_STEPS_MM = (0.8, 1.1, 1.5, 2.0, 2.8, 4.0)
"""Voxels of the first looks where nothing is known of the size."""
SHOWN_SHARE = 1.3
"""A cube is so much larger than what was drawn."""
SOFT_HU = (-400.0, 400.0)
BLUR_MM = 1.0
RING_MM = 2.0
RING_SHARE = 0.15
"""Surroundings are so wide, or this share of the size of the lesion if it is more."""
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


def ask(
    network: ClickNetwork, scan: Scan, gestures: Sequence[Gesture], before: Region | None
) -> Answer:
    """The network's answer from the distance that suits the lesion."""
    points = known_points(gestures, before)
    center, extent = _middle(points)
    boxed = any(gesture.kind == "box" and gesture.inside for gesture in gestures)
    if before is None and not boxed:
        steps = [step for step in FIRST_STEPS_MM if step * EDGE > SHOWN_SHARE * extent]
        cubes = [cube_around(center, step, EDGE) for step in steps or [fitting_step(extent)]]
        answers = [_look(network, scan, gestures, before, cube) for cube in cubes]
        return max(answers, key=distinctness)
    step = fitting_step(extent)
    for _ in range(LOOKS):
        answer = _look(network, scan, gestures, before, cube_around(center, step, EDGE))
        found, found_extent = _middle(np.concatenate([points, answer.corners()]))
        wanted = FARTHER * step if answer.seen[_SIDES].any() else fitting_step(found_extent)
        if NEAR_ENOUGH[0] <= wanted / step <= NEAR_ENOUGH[1]:
            break
        center, step = found, wanted
    return answer


def _look(
    network: ClickNetwork,
    scan: Scan,
    gestures: Sequence[Gesture],
    before: Region | None,
    cube: Geometry,
) -> Answer:
    close_up = CloseUp.of(scan, gestures, before, cube)
    return Answer(close_up, network(close_up))


def distinctness(answer: Answer) -> float:
    """Share of the variance of the HU that goes away when lesion and surroundings are told apart.

    Seen from too near or too far the network draws blobs of the wrong size, which differ less from
    what is around them. All looks are compared with the same blur.
    """
    close_up, step = answer.close_up, answer.close_up.geometry.spacing[0]
    lesion = held(answer.seen, close_up.positive)
    leaves = float(lesion[_SIDES].mean())
    if not lesion.any() or leaves > MOST_BORDER:
        return -leaves if lesion.any() else -1.0
    hu = ndimage.gaussian_filter(np.clip(close_up.hu, *SOFT_HU), BLUR_MM / step)
    size = step * float(lesion.sum()) ** (1 / 3)
    width = max(RING_MM, RING_SHARE * size) + step / 2
    around = ndimage.distance_transform_edt(~lesion) * step <= width
    parts = hu[lesion], hu[around & ~lesion]
    apart = sum(float(part.var()) * part.size for part in parts)
    return 1 - apart / (float(hu[around].var()) * int(around.sum()) + 1e-6)


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
