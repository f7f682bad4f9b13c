"""Ribs, costal cartilages and sternum."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.bone import bone_tubes, paint_bone
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import SIDES, Line, curve, smooth_max, table, tube


def ribs(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Twelve pairs of ribs, the costal cartilages and the sternum."""
    lines: list[Line] = []
    cartilage: list[Line] = []
    drops = (32, 48, 64, 78, 92, 102, 110, 114, 112, 104, 76, 42)
    ends = (150, 152, 152, 150, 148, 144, 138, 130, 120, 108, 82, 54)
    joins = (318, 300, 282, 264, 247, 232, 220, 206, 194, 184)
    tilt = float(rng.normal(0, 5))
    for index in range(12):
        root = frame.VERTEBRAE[f"T{index + 1}"] + 5
        for side in SIDES:
            points = [(side * 19.0, frame.spine_at(root) + 8, root, 4.5)]
            for angle in map(float, np.linspace(20, ends[index], 12)):
                z = root - (drops[index] + tilt) * (angle / 180) ** 1.15
                x, y = frame.on_cage(angle, z)
                points.append((side * x, y, z, 4.4))
            lines.append(curve(points, 7))
            if index < 10:
                x, y, z, _ = points[-1]
                inner = 15 if index < 7 else 15 + 14 * (index - 6)
                stop = (side * inner, frame.chest_front(inner, joins[index]), joins[index], 4)
                between = (abs(x) + inner) / 2
                low = 0.75 * z + 0.25 * joins[index] - 3
                middle = (side * between, frame.chest_front(between, low), low, 4.4)
                cartilage.append(curve([points[-1], middle, stop], 8))

    def gristle(canvas: Canvas) -> None:
        found = tube(canvas, cartilage)
        if found is not None:
            canvas.paint(found[0], found[1], person.hu["cartilage"])

    def sternum(canvas: Canvas) -> None:
        box = canvas.box((-32, -125, 185), (32, -30, 330))
        if box is None:
            return
        x, y, z = canvas.points(box)
        heights = [185, 205, 240, 280, 305, 330]
        front = table(z, heights, [frame.cage_at(h)[1] for h in heights])
        width = table(z, heights, (6, 17, 19, 15, 26, 24))
        u, v = np.abs(x) / width, np.abs(y - front + 1) / np.float32(5.5)
        distance = ((u**4 + v**4) ** np.float32(0.25) - 1) * np.float32(5.5)
        distance = smooth_max(distance, np.maximum(z - 328, 188 - z), 3)
        paint_bone(canvas, box, distance, person, "sternum", 1.6)

    return [bone_tubes(person, "ribs", lines), gristle, sternum]
