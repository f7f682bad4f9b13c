"""Heights and outlines of the standard body that all organs are placed in.

Body coordinates are LPS mm (x to the patient's left, y to the back, z to the head) with the
origin in the body of the third lumbar vertebra of a person of 172 cm. Levels follow textbook
surface anatomy: iliac crest at L4, kidneys T12 to L3, domes of the diaphragm at T9 to T10,
carina at T5, lung apex at T1.
"""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso.fields import Array
from PASTAGenLib.torso.shapes import table

# Center of each vertebral body.
VERTEBRAE: dict[str, float] = {
    "L5": -70, "L4": -36, "L3": 0, "L2": 34, "L1": 67, "T12": 98, "T11": 127, "T10": 154,
    "T9": 180, "T8": 205, "T7": 229, "T6": 252, "T5": 274, "T4": 295, "T3": 315, "T2": 334,
    "T1": 352, "C7": 369, "C6": 385, "C5": 401, "C4": 417,
}  # fmt: skip
BOTTOM, TOP = -245.0, 400.0

_SPINE_Z = (-100, -70, -36, 0, 34, 67, 98, 127, 180, 229, 274, 315, 352, 385, 420)
_SPINE_Y = (4, -2, -4, 0, 3, 9, 14, 21, 33, 42, 42, 35, 22, 6, -2)

# (z, half width, front, back) of nested outlines.
_WALL = (
    (-260, 168, -72, 78), (-220, 170, -74, 92), (-190, 168, -76, 98), (-150, 160, -84, 100),
    (-110, 150, -92, 92), (-70, 138, -96, 82), (-35, 131, -98, 78), (0, 129, -99, 80),
    (40, 133, -106, 84), (80, 138, -112, 88), (120, 143, -115, 93), (160, 146, -114, 100),
    (200, 147, -110, 106), (240, 147, -102, 110), (280, 156, -88, 112), (310, 172, -66, 110),
    (340, 170, -46, 100), (362, 125, -38, 84), (380, 78, -38, 70), (420, 64, -44, 58),
)  # fmt: skip
_CAGE = (
    (40, 120, -96, 62), (80, 128, -101, 68), (120, 134, -105, 76), (160, 137, -105, 86),
    (200, 136, -101, 93), (240, 130, -92, 95), (280, 117, -78, 92), (310, 97, -58, 82),
    (330, 78, -40, 70), (345, 58, -22, 58), (356, 38, -8, 46), (370, 20, 0, 36),
)  # fmt: skip
_CAVITY = (
    (-235, 30, -20, 40), (-215, 46, -38, 50), (-190, 56, -50, 62), (-165, 62, -64, 66),
    (-130, 70, -78, 60), (-110, 88, -82, 46), (-80, 106, -85, 38), (-50, 115, -87, 44),
    (0, 115, -88, 52), (40, 117, -95, 58), (80, 121, -101, 62), (120, 127, -105, 70),
    (160, 130, -103, 80), (200, 130, -98, 86),
)  # fmt: skip


def spine_y(z: Array) -> Array:
    """Where the center of the vertebral bodies lies, front to back, at a height."""
    return table(z, _SPINE_Z, _SPINE_Y)


def spine_at(z: float) -> float:
    """`spine_y` of one height."""
    return float(spine_y(np.array([z], np.float32))[0])


def _outline(
    x: Array, y: Array, z: Array, rows: tuple[tuple[float, ...], ...], power: float
) -> Array:
    heights = [row[0] for row in rows]
    half, front, back = (table(z, heights, [row[i] for row in rows]) for i in (1, 2, 3))
    depth = (back - front) * np.float32(0.5)
    u = np.abs(x) / half
    v = np.abs(y - (front + back) * np.float32(0.5)) / depth
    radius = (u**power + v**power) ** np.float32(1 / power)
    # Distance in units of the outline, turned to mm by the size along the direction to the point.
    scale = np.sqrt(x * x + (y - (front + back) * np.float32(0.5)) ** 2) / (radius + 1e-3)
    return (radius - 1) * scale


def wall(x: Array, y: Array, z: Array) -> Array:
    """Distance to the outside of the muscles, under the subcutaneous fat."""
    return _outline(x, y, z, _WALL, np.float32(2.4))


def cage(x: Array, y: Array, z: Array) -> Array:
    """Distance to the middle of the ribs."""
    return _outline(x, y, z, _CAGE, np.float32(2.3))


def cavity(x: Array, y: Array, z: Array) -> Array:
    """Distance to the inside of the abdominal and pelvic wall."""
    return _outline(x, y, z, _CAVITY, np.float32(2.5))


def cage_at(z: float) -> tuple[float, float, float]:
    """Half width, front and back of the rib cage at a height."""
    heights = [row[0] for row in _CAGE]
    at = np.array([z], np.float32)
    half, front, back = (float(table(at, heights, [r[i] for r in _CAGE])[0]) for i in (1, 2, 3))
    return half, front, back


def diaphragm(x: Array, y: Array, right: float, left: float) -> Array:
    """Height of the diaphragm above a point of the plane; domes at `right` and `left` mm."""
    middle = np.float32(min(right, left) - 6)
    dome = middle + np.where(
        x < 0,
        (np.float32(right) - middle) * np.exp(-(((x + 70) / 45) ** 2)),
        (np.float32(left) - middle) * np.exp(-(((x - 72) / 45) ** 2)),
    )
    edge = np.interp(y, (-105, -40, 40, 85), (128, 112, 88, 66)).astype(np.float32)
    spread = ((np.abs(x) / 134) ** 2.2 + (np.abs(y + 12) / 92) ** 2.2).astype(np.float32)
    return edge + (dome - edge) * np.clip(1 - spread**1.6, 0, 1)
