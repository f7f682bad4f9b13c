"""Solid organs of the upper abdomen, gallbladder, kidneys and adrenal glands."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import Ellipsoid, curve, smooth_max, smooth_min, tube
from PASTALib.catalog import catalog


def liver(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Right and left lobe under the diaphragm, with hepatic and portal veins."""
    hu = person.hu
    label = catalog().label("liver")
    s = person.shrink
    low = rng.normal(0, 9)
    reach = rng.uniform(0.8, 1.2)
    right = Ellipsoid((-74, -10, 82), (80 * s, 94 * s, (104 - low) * s), (0, -8, 0))
    left = Ellipsoid((4, -58, 118), (78 * s * reach, 40 * s, 40 * s), (0, -16, 8))
    bed = Ellipsoid((-58, 40, 24), (40, 46, 66))
    veins = [
        curve([(-26, -14, 146, 5), (-60, -6, 138, 4), (-100, 4, 112, 2.5), (-112, 8, 80, 1.5)], 7),
        curve([(-26, -16, 146, 4.5), (-48, -40, 132, 3.5), (-66, -70, 100, 2)], 7),
        curve([(-24, -18, 146, 4.5), (0, -42, 134, 3.5), (30, -62, 126, 1.8)], 7),
        curve([(-82, -12, 98, 3.2), (-100, -34, 84, 2.2), (-112, -52, 62, 1.5)], 7),
        curve([(-82, -12, 98, 3.2), (-104, 16, 84, 2.2), (-112, 32, 60, 1.5)], 7),
        curve([(-58, -22, 92, 3.5), (-74, -50, 110, 2.2), (-84, -66, 122, 1.4)], 7),
        curve([(-82, -12, 98, 3.0), (-96, 10, 124, 2), (-100, 20, 140, 1.4)], 7),
    ]
    # Hepatic veins fill late: in the arterial phase they look like liver.
    vein_hu = hu["vein"] if person.spec.phase != "arterial" else hu["liver"] + 8

    def paint(canvas: Canvas) -> None:
        box = canvas.box((-140, -115, -45), (110, 90, 195))
        if box is None:
            return
        x, y, z = canvas.points(box)
        noise = canvas.noise[0][box] * 3 + canvas.noise[1][box] * 2
        lobes = smooth_min(right.distance(x, y, z), left.distance(x, y, z), 16) + noise
        under = np.float32(0.55) * (x + 74) + np.float32(0.35) * (y + 10) + np.float32(low - 12) - z
        distance = smooth_max(lobes, under * np.float32(0.8), 14)
        above = frame.diaphragm(canvas, person.domes)[box]
        inside = smooth_max(frame.cavity(canvas)[box] + 0.8, above + 1.2, 4)
        distance = smooth_max(distance, inside, 3)
        # The hollow in front of the spine, where cava, aorta and esophagus pass.
        spine = np.sqrt((x + 2) ** 2 + (y - 22) ** 2) - np.float32(44)
        distance = smooth_max(distance, -spine, 8)
        distance = smooth_max(distance, -bed.distance(x, y, z), 8)
        canvas.paint(box, distance, hu["liver"] + 3 * canvas.noise[1][box], label)
        found = tube(canvas, veins)
        if found is not None:
            box, distance, _ = found
            inside = canvas.label[box] == label
            canvas.paint(box, np.where(inside, distance, 1e3).astype(np.float32), vein_hu)

    return [paint]


def spleen(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Crescent under the left dome; mottled in the arterial phase."""
    hu = person.hu
    label = catalog().label("spleen")
    size = rng.uniform(0.88, 1.3) * person.shrink
    outer = Ellipsoid(
        (98, 26, 88 + rng.normal(0, 6)), (38 * size, 52 * size, 56 * size), (12, 0, 0)
    )
    hollow = Ellipsoid((56, -4, 84), (30, 38, 56))
    mottled = 24.0 if person.spec.phase == "arterial" else 2.0

    def paint(canvas: Canvas) -> None:
        low, high = outer.reach()
        box = canvas.box(low - 8, high + 8)
        if box is None:
            return
        x, y, z = canvas.points(box)
        distance = outer.distance(x, y, z) + 2 * canvas.noise[1][box]
        distance = smooth_max(distance, -hollow.distance(x, y, z), 8)
        above = frame.diaphragm(canvas, person.domes)[box]
        inside = smooth_max(frame.cavity(canvas)[box] + 0.8, above + 1.2, 4)
        distance = smooth_max(distance, inside, 3)
        canvas.paint(box, distance, hu["spleen"] + mottled * canvas.noise[2][box], label)

    return [paint]


def pancreas(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Lobulated; head in the loop of the duodenum, tail at the spleen."""
    label = catalog().label("pancreas")
    s = person.shrink * rng.uniform(0.8, 1.15)
    lift = rng.normal(0, 8)
    line = curve(
        [(-28, -38, 14, 9 * s), (-27, -44, 30, 15 * s), (-12, -55, 42, 11 * s),
         (8, -60, 50, 10 * s), (32, -50, 60 + lift * 0.6, 11 * s), (58, -24, 68 + lift, 11 * s),
         (82, 0, 76 + lift, 10 * s)], 6)  # fmt: skip

    def paint(canvas: Canvas) -> None:
        found = tube(canvas, [line], 4)
        if found is None:
            return
        box, distance, _ = found
        lobules = 1.6 * canvas.noise[2][box] + 1.0 * canvas.noise[1][box]
        fatty = np.clip(canvas.noise[2][box] - 0.9, 0, 1) * 60 * person.spec.habitus
        canvas.paint(box, distance + lobules, person.hu["pancreas"] - fatty, label)

    return [paint]


def gallbladder(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Pear of bile under the liver."""
    label = catalog().label("gallbladder")
    size = rng.uniform(0.7, 1.25)
    pear = Ellipsoid((-56, -58, 42), (14 * size, 17 * size, 31 * size), (-30, 18, 0))

    def paint(canvas: Canvas) -> None:
        low, high = pear.reach()
        box = canvas.box(low - 5, high + 5)
        if box is not None:
            distance = pear.distance(*canvas.points(box))
            distance += np.float32(0.7) * canvas.noise[1][box]
            canvas.paint(box, distance - 0.8, person.hu["hollow_wall"])
            canvas.paint(box, distance + 1.4, person.hu["bile"])
            canvas.label[box][distance < 0.5] = label

    return [paint]


def kidneys(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Cortex, pyramids, sinus fat, pelvis and ureter of both kidneys."""
    return [_kidney(person, rng, side) for side in (-1, 1)]


def _kidney(person: Person, rng: np.random.Generator, side: int) -> Painter:
    hu = person.hu
    label = catalog().label("kidney_left" if side > 0 else "kidney_right")
    size = rng.uniform(0.88, 1.12) * person.shrink
    center = np.array([side * 70, 20, 40 if side > 0 else 30]) + rng.normal(0, (3, 3, 7))
    angles = (14, -side * 14, side * -32)
    body = Ellipsoid(center, (25 * size, 31 * size, 56 * size), angles)
    hilum = center + np.array([-side * 19 * size, -12 * size, 0])
    sinus = Ellipsoid(hilum, (22 * size, 12 * size, 30 * size), angles)
    hx, hy, hz = hilum
    pelvis = [
        curve([(hx + side * 8, hy + 4, hz + 10, 4), (hx - side * 2, hy - 2, hz, 6),
               (hx - side * 10, hy - 2, hz - 14, 4), (side * 40, -2, -20, 2.6),
               (side * 42, -12, -70, 2.2), (side * 48, 0, -110, 2.2), (side * 44, 22, -150, 2.2),
               (side * 18, 2, -182, 2.2)], 7),
        curve([(hx - side * 2, hy - 2, hz, 4.5), (hx + side * 8, hy + 4, hz - 14, 4)], 7),
    ]  # fmt: skip

    def paint(canvas: Canvas) -> None:
        low, high = body.reach()
        box = canvas.box(low - 6, high + 6)
        if box is not None:
            x, y, z = canvas.points(box)
            distance = body.distance(x, y, z) + 1.2 * canvas.noise[1][box]
            notch = sinus.distance(x, y, z) + 1.5 * canvas.noise[2][box]
            # Pyramids: wedges between columns of cortex, in polar and long direction.
            along = (z - np.float32(center[2])) / np.float32(9 * size)
            around = np.arctan2(y - np.float32(hilum[1]), side * (x - np.float32(hilum[0])))
            columns = np.cos(along) * np.float32(0.6) + np.cos(4 * around) * np.float32(0.6)
            pyramid = smooth_max(distance + np.float32(7 * size), -columns * 4 - 3.2, 2)
            # Fat around the kidney keeps it off its neighbors.
            canvas.paint(box, distance - 3, hu["fat"] + 8, 0)
            whole = np.maximum(distance, -notch)
            canvas.paint(box, whole, hu["kidney_cortex"], label)
            canvas.paint(box, np.maximum(pyramid, -notch + 1), hu["kidney_medulla"])
            canvas.paint(box, np.maximum(notch, distance + 1), hu["fat"] + 20, 0)
        found = tube(canvas, pelvis)
        if found is not None:
            canvas.paint(found[0], found[1], hu["urine"])

    return paint


def adrenals(person: Person) -> list[Painter]:
    """Thin limbs above the kidneys."""
    shapes = {
        "adrenal_gland_right": [
            curve([(-30, -2, 92, 3.4), (-36, 10, 84, 3.8), (-40, 22, 74, 3.1)], 4),
            curve([(-34, 6, 87, 3.8), (-32, 20, 76, 3.1)], 4),
            curve([(-31, -1, 98, 3.1), (-33, 4, 86, 3.8)], 4),
        ],
        "adrenal_gland_left": [
            curve([(34, -4, 84, 3.4), (32, 8, 76, 3.8), (27, 20, 66, 3.1)], 4),
            curve([(34, -4, 82, 3.2), (40, 8, 74, 3.8), (44, 18, 64, 3.1)], 4),
            curve([(34, -5, 94, 3.4), (35, -3, 82, 3.2)], 4),
        ],
    }

    def paint(canvas: Canvas) -> None:
        for key, lines in shapes.items():
            found = tube(canvas, lines)
            if found is not None:
                value = 0.6 * person.hu["pancreas"] + 0.4 * person.hu["muscle"]
                canvas.paint(found[0], found[1], value, catalog().label(key))

    return [paint]
