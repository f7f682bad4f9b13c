"""Arms and shoulder girdle."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.bone import bone_tubes
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import SIDES, Line, curve, tube


def _arm_bones(person: Person) -> list[Line]:
    arms: list[Line] = []
    for s in SIDES:
        top = (s * 156, 20, 340)
        arm = [(*top, 22), (s * 166, 14, 366, 13), (s * 176, 4, 420, 12)]
        if not person.spec.arms_up:
            arm = [
                (*top, 22),
                (s * 178, 18, 310, 12),
                (s * 202, 24, 200, 11),
                (s * 212, 26, 80, 14),
            ]
            arms.append(
                curve([(s * 206, 20, 70, 10), (s * 206, -6, -60, 7), (s * 200, -30, -170, 10)])
            )
            arms.append(
                curve([(s * 220, 26, 80, 10), (s * 222, 4, -60, 7), (s * 216, -24, -165, 8)])
            )
        arms.append(curve(arm, 8))
    return arms


def arms(person: Person) -> list[Painter]:
    """Flesh of the arms, painted before the trunk, which covers the shoulder."""
    bones = _arm_bones(person)
    thick = 30 + 0.5 * person.fat
    flesh = [np.c_[line[:, :3], np.linspace(thick + 12, thick, len(line))] for line in bones]
    skin = [line + np.array([0, 0, 0, 2 + 0.4 * person.fat]) for line in flesh]

    def paint(canvas: Canvas) -> None:
        for lines, hu in ((skin, person.hu["fat"]), (flesh, person.hu["muscle"])):
            found = tube(canvas, lines)
            if found is not None:
                box, distance, _ = found
                if lines is skin:
                    canvas.paint(box, distance - 2, 10.0)
                canvas.paint(box, distance + canvas.noise[1][box], hu)

    return [paint]


def shoulders(person: Person) -> list[Painter]:
    """Clavicles, scapulae and the bones of the arms, above the head or along the body."""
    lines: list[Line] = []
    for s in SIDES:
        lines.append(
            curve(
                [(s * 22, -52, 328, 7), (s * 70, -38, 346, 5.5), (s * 112, 6, 352, 5),
                 (s * 140, 26, 350, 5)], 7)
        )  # fmt: skip
        medial = curve([(s * 78, 86, 335), (s * 86, 100, 280), (s * 112, 96, 215)], 6)
        outer = curve([(s * 128, 46, 338), (s * 126, 62, 300), (s * 116, 92, 220)], 6)
        for place in np.linspace(0, 1, 22):
            a = medial[round(place * (len(medial) - 1))]
            b = outer[round(place * (len(outer) - 1))]
            lines.append(curve([(*a, 3.2), (*((a + b) / 2 + (0, 5, 0)), 2.4), (*b, 4.2)], 9))
        lines.append(
            curve([(s * 84, 92, 322, 3.5), (s * 118, 74, 340, 4), (s * 146, 44, 352, 5)], 7)
        )
        lines.append(curve([(s * 130, 44, 336, 11), (s * 134, 36, 326, 10)], 5))
    return [
        bone_tubes(person, "limb_bones", lines, 1.6),
        bone_tubes(person, "limb_bones", _arm_bones(person), 3.5),
    ]
