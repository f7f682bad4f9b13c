"""Sacrum, hip bones and the upper ends of the femurs."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.bone import bone_tubes, paint_bone
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import Ellipsoid, Line, curve, smooth_max, table


def pelvis(person: Person) -> list[Painter]:
    """Sacrum, hip bones and the upper ends of the femurs."""
    wide = 1.0 if person.male else 1.05
    hip: list[Line] = []
    legs: list[Line] = []
    for s in (-wide, wide):
        crest = curve(
            [
                (s * 44, 66, -100), (s * 52, 62, -72), (s * 88, 38, -44),
                (s * 118, -8, -46), (s * 124, -46, -76), (s * 114, -56, -105),
            ],
            2,
        )  # fmt: skip
        root = curve([(s * 50, 42, -118), (s * 72, 20, -130), (s * 90, -24, -140)], 1)
        for place in np.linspace(0, 1, 64):
            top = crest[round(place * (len(crest) - 1))]
            foot = root[round(place * (len(root) - 1))]
            middle = (top + foot) / 2 + (s * 4, 4, 0)
            hip.append(curve([(*top, 5.5), (*middle, 3.6), (*foot, 6.5)], 16))
        hip += [
            curve([(s * 60, 30, -122, 9), (s * 84, 4, -140, 14)], 6),
            curve([(s * 92, -34, -150, 10), (s * 50, -54, -178, 7), (s * 9, -58, -196, 8)], 7),
            curve([(s * 9, -56, -202, 7), (s * 38, -30, -226, 5.5), (s * 62, 16, -232, 9)], 7),
            curve([(s * 84, 22, -160, 14), (s * 74, 34, -200, 12), (s * 66, 26, -230, 13)], 7),
        ]
        legs += [
            curve([(s * 96, -6, -174, 14), (s * 122, 6, -190, 15), (s * 138, 12, -206, 17)], 6),
            curve([(s * 134, 10, -200, 17), (s * 130, 6, -260, 15)], 8),
        ]
    heads = [Ellipsoid((s * 90, -8, -170), (24, 24, 24)) for s in (-wide, wide)]

    def sacrum(canvas: Canvas) -> None:
        box = canvas.box((-65, -20, -215), (65, 85, -84))
        if box is None:
            return
        x, y, z = canvas.points(box)
        heights = (-215, -195, -165, -130, -105, -84)
        middle = table(z, heights, (36, 46, 58, 42, 22, 6))
        width = table(z, heights, (6, 11, 26, 46, 56, 50))
        depth = table(z, heights, (5, 7, 11, 17, 21, 19))
        lateral = np.abs(x)
        u = lateral / width
        v = (y - middle - np.float32(0.25) * lateral) / (depth * (1 - np.float32(0.35) * u * u))
        distance = (np.sqrt(u * u + v * v) - 1) * depth
        distance = smooth_max(distance, np.maximum(z + 88, -212 - z), 3)
        paint_bone(canvas, box, distance, person, "sacrum", 1.6)

    def sockets(canvas: Canvas) -> None:
        for head in heads:
            low, high = head.reach()
            box = canvas.box(low - 12, high + 12)
            if box is None:
                continue
            distance = head.distance(*canvas.points(box))
            x, y, z = canvas.points(box)
            side = np.sign(head.center[0])
            # The socket opens to the side, down and forward.
            out = side * (x - head.center[0]) - 0.5 * (z + 170) - 0.3 * (y + 8)
            shell = np.maximum(np.abs(distance - 8) - 5, out * np.float32(0.8) - 4)
            paint_bone(canvas, box, shell, person, "hip_bone", 1.4)

    def femurs(canvas: Canvas) -> None:
        for head in heads:
            box = canvas.box(*head.reach())
            if box is not None:
                distance = head.distance(*canvas.points(box))
                canvas.paint(box, distance - 2.5, 80.0)
                paint_bone(canvas, box, distance, person, "limb_bones", 1.4)

    return [
        sacrum,
        bone_tubes(person, "hip_bone", hip),
        sockets,
        bone_tubes(person, "limb_bones", legs, 3.0),
        femurs,
    ]
