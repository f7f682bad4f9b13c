"""Heights and outlines of the standard body that all organs are placed in.

Body coordinates are LPS mm (x to the patient's left, y to the back, z to the head) with the
origin in the body of the third lumbar vertebra of a person of 172 cm. Levels follow textbook
surface anatomy: iliac crest at L4, kidneys T12 to L3, domes of the diaphragm at T9 to T10,
carina at T5, lung apex at T1.
"""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.fields import Array
from PASTAGenLib.torso.shapes import ridge, table

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
    (40, 133, -106, 84), (80, 138, -112, 88), (120, 141, -113, 94), (160, 145, -112, 101),
    (200, 145, -108, 107), (240, 146, -101, 111), (280, 156, -88, 112), (310, 172, -66, 110),
    (340, 170, -46, 100), (362, 125, -38, 84), (380, 78, -38, 70), (420, 64, -44, 58),
)  # fmt: skip
_CAGE = (
    (40, 120, -96, 62), (80, 128, -101, 68), (120, 134, -105, 76), (160, 137, -105, 86),
    (200, 136, -101, 93), (240, 130, -92, 95), (280, 117, -78, 92), (310, 97, -58, 82),
    (330, 78, -40, 70), (345, 58, -22, 58), (356, 38, -8, 46), (370, 20, 0, 36),
)  # fmt: skip
# Heights, depth and width of the furrow down the middle of the back.
_FURROW = ((-260, -200, -150, -110, -60, 60, 200, 320, 420), (60, 52, 26, 5, 7, 8, 7, 6, 2),
           (12, 10, 9, 14, 18, 18, 18, 18, 18))  # fmt: skip
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
    x: Array, y: Array, z: Array, rows: tuple[tuple[float, ...], ...], square: float
) -> Array:
    """Distance to a rounded outline; `square` 0 is an ellipse, 0.5 like a superellipse of 2.5."""
    heights = [row[0] for row in rows]
    half, front, back = (table(z, heights, [row[i] for row in rows]) for i in (1, 2, 3))
    middle = y - (front + back) * np.float32(0.5)
    u = x / half
    v = middle / ((back - front) * np.float32(0.5))
    u *= u
    v *= v
    both = u + v + np.float32(1e-6)
    radius = np.sqrt(both - np.float32(square) * u * v / both)
    # The radius counts outlines; the length of the point per outline turns it to mm.
    return (radius - 1) * np.sqrt(x * x + middle * middle) / radius


def wall(canvas: Canvas) -> Array:
    """Distance to the outside of the muscles, under the subcutaneous fat."""

    def compute() -> Array:
        x, y, z = canvas.x, canvas.y, canvas.z
        outline = _outline(x, y, z, _WALL, 0.45)
        # The furrow over the spinous processes, which deepens to the natal cleft.
        behind = np.clip((y - 45) * np.float32(0.05), 0, 1)
        deep, wide = (table(z, _FURROW[0], _FURROW[i]) for i in (1, 2))
        return outline + deep * behind * ridge(x / wide)

    return canvas.once("wall", compute)


def cage(canvas: Canvas) -> Array:
    """Distance to the middle of the ribs."""
    return canvas.once("cage", lambda: _outline(canvas.x, canvas.y, canvas.z, _CAGE, 0.38))


def cavity(canvas: Canvas) -> Array:
    """Distance to the inside of the abdominal and pelvic wall."""
    return canvas.once("cavity", lambda: _outline(canvas.x, canvas.y, canvas.z, _CAVITY, 0.5))


def cage_at(z: float) -> tuple[float, float, float]:
    """Half width, front and back of the rib cage at a height."""
    heights, *columns = zip(*_CAGE, strict=True)
    half, front, back = (float(np.interp(z, heights, column)) for column in columns)
    return half, front, back


def on_cage(angle: float, z: float) -> tuple[float, float]:
    """Point (x, y) on the middle of the ribs at an angle in degrees from the back to the left."""
    half, front, back = cage_at(z)
    s, c = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    radius = 1 / np.sqrt(1 - 0.38 * s * s * c * c)
    return float(half * radius * s), float((front + back) / 2 + (back - front) / 2 * radius * c)


def chest_front(x: float, z: float) -> float:
    """Where the middle of the ribs is at the front, at a distance from the midline."""
    points = np.array([on_cage(angle, z) for angle in range(180, 90, -4)])
    return float(np.interp(abs(x), points[:, 0], points[:, 1]))


def diaphragm(canvas: Canvas, domes: tuple[float, float]) -> Array:
    """Height above the diaphragm in mm, with the right and left dome at the heights `domes`."""

    def compute() -> Array:
        x, y = canvas.x, canvas.y
        middle = np.float32(min(domes) - 7)
        right = (np.float32(domes[0]) - middle) * ridge((x + 70) * np.float32(1 / 45))
        left = (np.float32(domes[1]) - middle) * ridge((x - 74) * np.float32(1 / 42))
        dome = middle + right + left
        edge = table(y, (-120, -105, -40, 40, 85, 100), (130, 128, 112, 88, 66, 64))
        u, v = x / 133, (y + 12) / 94
        u *= u
        v *= v
        inside = np.clip(1 - (u + v - np.float32(0.3) * u * v), 0, 1)
        return canvas.z - (edge + (dome - edge) * np.sqrt(inside))

    return canvas.once("diaphragm", compute)
