"""Couinaud's segments of the liver, approximated from landmarks of the organ map.

The true borders follow the hepatic and portal veins, which an organ map does not show. Here the
liver is parted by half-planes about the inferior vena cava, as a clock is by its hands: the middle
one goes through the gallbladder (Cantlie's line); the right and the left one are put where the
sectors have the mean volumes of healthy livers; the level of the portal vein parts upper from lower
segments. Near a true border the number may be that of the neighbor. A location is drawn by this,
nothing is measured or reported by it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.scene import Scene
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

RIGHT_POSTERIOR = 0.43
"""Share of segments 6 and 7 in the right liver, and of 2 and 3 in the left one: means of CT
volumetry of healthy livers (right anterior 37 %, right posterior 28 %, left medial 17 %, left
lateral 16 % of the whole, caudate 2 %)."""
LEFT_LATERAL = 0.49
CAUDATE_MM = 18.0
"""The caudate lobe lies within this distance of the vena cava, left of Cantlie's line."""
MANY_VOXELS = 20_000
FEW_VOXELS = 12


def segments(scene: Scene, points: NDArray[np.float64]) -> NDArray[np.int_]:
    """Number of the segment, 1 to 8, of points of the liver.

    Args:
        scene: a scan whose organ map shows the vena cava and the gallbladder.
        points: LPS mm.

    Raises:
        PastaError: a landmark is missing.
    """
    liver, cava, gallbladder = (
        _points(scene, key) for key in ("liver", "inferior_vena_cava", "gallbladder")
    )
    for name, found in (("inferior vena cava", cava), ("gallbladder", gallbladder)):
        if len(found) < FEW_VOXELS:
            raise PastaError(
                f"Segments of the liver are found by the {name}, which this scan's organ map does "
                "not hold; leave the segment out, or say upper, lower, medial or lateral."
            )
    portal = _points(scene, "portal_vein")
    level = np.percentile(portal[:, 2], 90) if len(portal) else np.median(liver[:, 2])
    near = cava[np.abs(cava[:, 2] - level) < 40]
    axis = np.median(near if len(near) else cava, axis=0)[:2]
    middle = _angle(np.median(gallbladder[:, :2], axis=0)[None] - axis)[0]
    turn = _turned(_angle(liver[:, :2] - axis), middle)
    right = np.quantile(turn[turn < 0], RIGHT_POSTERIOR) if (turn < 0).any() else 0.0
    left = np.quantile(turn[turn >= 0], 1 - LEFT_LATERAL) if (turn >= 0).any() else 0.0

    here = _turned(_angle(points[:, :2] - axis), middle)
    upper = points[:, 2] > level
    found = np.where(
        here < right,
        np.where(upper, 7, 6),
        np.where(here < 0, np.where(upper, 8, 5), np.where(here < left, 4, np.where(upper, 2, 3))),
    )
    caudate = (np.linalg.norm(points[:, :2] - axis, axis=1) < CAUDATE_MM) & (here >= 0)
    return np.asarray(np.where(caudate, 1, found))


def _angle(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of steps ``x, y`` in LPS: 0 toward the front, growing toward the patient's left."""
    return np.asarray(np.arctan2(steps[:, 0], -steps[:, 1]))


def _turned(angle: NDArray[np.float64], start: float) -> NDArray[np.float64]:
    """Angles counted from another one, from minus pi to pi: negative on the patient's right."""
    return np.asarray((angle - start + np.pi) % (2 * np.pi) - np.pi)


def _points(scene: Scene, key: str) -> NDArray[np.float64]:
    """Points of a structure in LPS mm, thinned where there are very many."""
    voxels = scene.voxels(catalog().labels_of(key))
    voxels = voxels[:: max(1, len(voxels) // MANY_VOXELS)]
    index = np.stack(np.unravel_index(voxels, scene.geometry.shape_zyx), axis=1)
    return np.asarray(scene.geometry.points_of_zyx(index))
