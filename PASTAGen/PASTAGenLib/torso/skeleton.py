"""Spine, ribs, sternum, pelvis, shoulder and hip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.canvas import FAR, Box, Canvas
from PASTAGenLib.torso.fields import Array
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import Ellipsoid, curve, smooth_max, table, tube
from PASTALib.catalog import catalog

Line = NDArray[np.float64]
SIDES = (-1, 1)


def paint_bone(
    canvas: Canvas, box: Box, distance: Array, person: Person, key: str, shell: float = 2.0
) -> None:
    """Trabecular bone within a cortical shell of about `shell` mm."""
    inner, outer = person.hu["trabecular_bone"], person.hu["cortical_bone"]
    depth = np.clip(distance / np.float32(-shell), 0, 2)
    cortex = np.exp(-depth * depth)
    inside = inner + 45 * canvas.noise[2][box]
    canvas.paint(box, distance, inside + (outer - inside) * cortex, catalog().label(key))


def _tubes(person: Person, key: str, lines: Sequence[Line], shell: float = 2.0) -> Painter:
    def paint(canvas: Canvas) -> None:
        found = tube(canvas, lines)
        if found is not None:
            paint_bone(canvas, found[0], found[1], person, key, shell)

    return paint


def spine(person: Person) -> list[Painter]:
    """Vertebral bodies, discs, arches with processes, and the canal."""
    keys = list(frame.VERTEBRAE)
    heights = np.array([frame.VERTEBRAE[k] for k in keys])
    below = np.r_[heights[0] - 36, heights[:-1]]
    above = np.r_[heights[1:], heights[-1] + 16]
    return [
        _vertebra(person, key, z, (z - low) / 2, (high - z) / 2)
        for key, z, low, high in zip(keys, heights, below, above, strict=True)
    ]


def _vertebra(person: Person, key: str, z0: float, down: float, up: float) -> Painter:
    half_width = float(np.interp(z0, (-70, 0, 98, 274, 352, 400), (27, 26, 22.5, 17, 16, 13)))
    half_depth = float(np.interp(z0, (-70, 0, 98, 274, 352, 400), (18.5, 18, 17, 15, 11, 9.5)))
    disc = float(np.interp(z0, (-70, 0, 98, 274, 400), (5.5, 5, 3, 2, 2.5)))
    lumbar = key.startswith("L")
    y0 = frame.spine_at(z0)
    canal = y0 + half_depth + 8
    reach = 40 if lumbar else (32 if key.startswith("T") else 22)
    drop = 6 if lumbar else 22
    tip = canal + 34
    joint = 17 if lumbar else 14
    arch = [
        curve([(0, canal + 11, z0 - 4, 4), (0, tip, z0 - 4 - drop, 4.5)], 6),
        *(
            curve([(s * 12, canal, z0 + 3, 4.5), (s * reach, canal + 5, z0 + 4, 3.5)], 6)
            for s in SIDES
        ),
        *(
            curve(
                [(s * joint, canal + 5, z0 + up * 0.9, 5), (s * joint, canal + 8, z0 - down, 5)], 6
            )
            for s in SIDES
        ),
    ]

    def paint(canvas: Canvas) -> None:
        box = canvas.box(
            (-half_width - 4, y0 - half_depth - 8, z0 - down - 1),
            (half_width + 4, canal + 10, z0 + up + 1),
        )
        if box is not None:
            x, y, z = canvas.points(box)
            t = np.clip((z - z0) / np.float32((up + down) / 2), -1, 1)
            waist = 1 - np.float32(0.1) * (1 - t * t)
            yc = frame.spine_y(z)
            u = np.abs(x) / (half_width * waist)
            v = (y - yc) / (half_depth * waist)
            v = np.where(v > 0, v * np.float32(1.15), v)
            round_ = (np.sqrt(u * u + v * v + np.float32(0.15) * (u * v) ** 2) - 1) * half_depth
            inside = np.maximum(z - (z0 + up), (z0 - down) - z)
            canvas.paint(box, np.maximum(round_ + 1.5, inside), 85.0 + 5 * canvas.noise[2][box], 0)
            body = smooth_max(round_, inside + np.float32(disc), 2)
            paint_bone(canvas, box, body, person, "vertebrae", 1.6)
        found = tube(canvas, arch)
        if found is not None:
            paint_bone(canvas, found[0], found[1], person, "vertebrae")
        box = canvas.box((-22, canal - 16, z0 - down), (22, canal + 20, z0 + up))
        if box is None:
            return
        x, y, z = canvas.points(box)
        ahead = y - frame.spine_y(z) - np.float32(half_depth + 8)
        ring = (np.sqrt((x / 12) ** 2 + (ahead / 9) ** 2) - 1) * 10
        inside = np.maximum(z - (z0 + up), (z0 - down) - z)
        # Laminae slope down to the back; pedicles leave the upper half of the body.
        lamina = np.maximum(
            np.abs(z - np.float32(z0 - 3) + ahead * np.float32(0.25)) - 11, -ahead - 2
        )
        pedicle = np.maximum(np.abs(z - np.float32(z0 + 4)) - 7, ahead - 4)
        bone = np.maximum(np.abs(ring - 3) - 3, np.minimum(lamina, pedicle))
        paint_bone(canvas, box, bone, person, "vertebrae", 1.6)
        canvas.paint(box, np.maximum(ring, inside), 15.0, 0)
        cord = (np.sqrt((x / 7) ** 2 + (ahead / 5.5) ** 2) - 1) * 6
        canvas.paint(box, np.maximum(cord, inside), 38.0)

    return paint


def ribs(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Twelve pairs of ribs, the costal cartilages and the sternum."""
    lines: list[Line] = []
    cartilage: list[Line] = []
    drops = (32, 48, 64, 78, 92, 102, 110, 114, 112, 104, 76, 42)
    ends = (150, 152, 152, 150, 148, 144, 138, 130, 120, 108, 82, 54)
    joins = (318, 300, 282, 264, 247, 232, 220, 206, 194, 184)
    tilt = rng.normal(0, 5)
    for index in range(12):
        root = frame.VERTEBRAE[f"T{index + 1}"] + 5
        for side in (-1, 1):
            points = [(side * 19, frame.spine_at(root) + 8, root, 4.5)]
            for angle in np.linspace(20, ends[index], 12):
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

    return [_tubes(person, "ribs", lines), gristle, sternum]


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
        _tubes(person, "hip_bone", hip),
        sockets,
        _tubes(person, "limb_bones", legs, 3.0),
        femurs,
    ]


def _arm_bones(person: Person) -> list[Line]:
    arms: list[Line] = []
    for s in (-1, 1):
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
    skin = [line + (0, 0, 0, 2 + 0.4 * person.fat) for line in flesh]

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
    for s in (-1, 1):
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
        _tubes(person, "limb_bones", lines, 1.6),
        _tubes(person, "limb_bones", _arm_bones(person), 3.5),
    ]
