"""Which of PASTA's shapes a placed lesion has, by what its organ left of it."""

from __future__ import annotations

from PASTALib.attributes import PUNCTATE_MM, ROUND_FIT, WALL_FLATNESS, ellipsoid_fit, thickness_mm
from PASTALib.catalog import LesionType, catalog
from PASTALib.measure import longest_diameter
from PASTALib.region import Region

CLEAR_FIT = 0.008
CLEAR_FLATNESS = 0.04
CLEAR_PUNCTATE_MM = 0.5
"""A shape this near to the limit of another reads neither way."""


def shape_of(region: Region, kind: LesionType, long_axis_mm: float, on_wall: bool) -> str | None:
    """The shape that a reader would call it, by the rules of the measurement; None if unclear.

    Args:
        region: the lesion.
        kind: its type.
        long_axis_mm: its long axis in the axial plane.
        on_wall: whether it grows from a wall.
    """
    round_like, irregular, wall, punctate = catalog().attributes["shape"].values
    limit = PUNCTATE_MM if punctate in kind.shapes else PUNCTATE_MM / 2
    if kind.shapes == (punctate,) or long_axis_mm < limit - CLEAR_PUNCTATE_MM:
        return punctate
    if long_axis_mm < limit + CLEAR_PUNCTATE_MM:
        return None
    if on_wall and wall in kind.shapes:
        rounder = thickness_mm(region) / longest_diameter(region).length_mm - WALL_FLATNESS
        if rounder < CLEAR_FLATNESS:
            return wall if rounder < -CLEAR_FLATNESS else None
    rounder = ellipsoid_fit(region) - ROUND_FIT
    if abs(rounder) < CLEAR_FIT:
        return None
    return round_like if rounder > 0 else irregular
