"""Skin, fat, muscle and the cavities: the ground that everything else is painted on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.canvas import FAR, Canvas
from PASTAGenLib.torso.fields import Array
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import Ellipsoid, curve, ridge, smooth_max, table, tube
from PASTALib.catalog import catalog

Painter = Callable[[Canvas], None]
EVERYWHERE = (slice(None), slice(None), slice(None))


def body_wall(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Painters of skin, subcutaneous fat, muscle, and of the cavity of abdomen and pelvis."""
    hu = person.hu
    # Fat is thicker in front than behind, on the hips than on the chest.
    behind = np.float32(rng.uniform(0.55, 0.95))
    hips = tuple(np.array((1.4, 1.35, 1.15, 1.0, 0.75, 0.6, 0.5)) * rng.uniform(0.85, 1.15))
    layers = rng.uniform(5.5, 7.5)

    def ground(canvas: Canvas) -> None:
        wall = frame.wall(canvas)
        share = 1 + (behind - 1) * np.clip(canvas.y * np.float32(0.02), 0, 1)
        share += np.float32(0.12) * canvas.noise[0]
        share *= table(canvas.z, (-260, -200, -100, 0, 120, 220, 420), hips)
        skin = wall - np.float32(person.fat) * np.maximum(share, np.float32(0.25))
        canvas.paint(EVERYWHERE, skin, 10.0)
        # Fibrous strands in the fat.
        strands = 45 * ridge(canvas.noise[2] * 9) * np.clip(canvas.noise[1] - 0.2, 0, 1)
        canvas.paint(EVERYWHERE, skin + np.float32(1.8), hu["fat"] + strands)
        lean = _lean(canvas, wall, layers, person.spec.habitus)
        muscle = hu["fat"] + (hu["muscle"] - hu["fat"]) * lean + 3 * canvas.noise[2]
        canvas.paint(EVERYWHERE, wall + canvas.noise[2], muscle)

    def cavities(canvas: Canvas) -> None:
        above = frame.diaphragm(canvas, person.domes)
        belly = smooth_max(frame.cavity(canvas), above, 4)
        canvas.paint(EVERYWHERE, belly, hu["fat"] + 4 * canvas.noise[2] + 3)

    return [ground, cavities]


def _lean(canvas: Canvas, wall: Array, layers: float, habitus: float) -> Array:
    """Share of muscle against fat between the muscles, from 0 to 1, inside the wall."""
    y, z, coarse, middle = canvas.y, canvas.z, canvas.noise[0], canvas.noise[1]
    # Fat planes between muscle bellies: where a smooth field changes sign, in some places only.
    width = np.float32(0.07 + 0.1 * habitus)
    plane = np.clip(coarse * np.float32(0.5) + np.float32(0.55), 0, 1)
    plane *= ridge(middle / width)
    # The three flat muscles of the flank lie on each other.
    flank = np.clip(1 - np.abs(z - 20) / 95, 0, 1) * np.clip((55 - y) * np.float32(0.05), 0, 1)
    flank = np.minimum(flank * 3, 1) * np.clip(np.abs(canvas.x) * np.float32(0.08) - 4, 0, 1)
    phase = wall / np.float32(layers)
    phase -= np.floor(phase) + np.float32(0.5)
    lean = 1 - np.maximum(plane * (1 - flank), flank * np.float32(0.4) * ridge(phase * 8))
    # On the chest, fat lies between the muscles outside the ribs, least over breast and back.
    outside = np.clip((frame.cage(canvas) - 4) * np.float32(0.4), 0, 1)
    outside *= np.clip((z - 95) * np.float32(0.05), 0, 1)
    bulk = table(z, (60, 120, 200, 240, 290, 400), (0.2, -0.7, -0.7, 0.3, 1.2, 2.0))
    bulk += np.clip((y - 20) * np.float32(0.03), -0.7, 1.6)
    bulk += middle * np.float32(0.9) - np.float32(habitus) * np.float32(0.6)
    return lean * (1 - outside * (1 - np.clip(bulk + np.float32(0.35), 0, 1)))


def breasts(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Fat and glandular tissue in front of the chest wall of a woman."""
    if person.male:
        return []
    size = rng.uniform(0.55, 0.95) + 0.35 * person.spec.habitus
    gland = rng.uniform(0.0, 1.0)
    front = frame.cage_at(215)[1]
    shapes = [
        Ellipsoid(
            (side * 84, front + 6 - 9 * size, 212),
            (62 * size, 30 * size, 54 * size),
            (0, 0, side * 18),
        )
        for side in (-1, 1)
    ]

    def paint(canvas: Canvas) -> None:
        for shape in shapes:
            low, high = shape.reach()
            box = canvas.box(low - 3, high + 3)
            if box is None:
                continue
            distance = shape.distance(*canvas.points(box)) + canvas.noise[1][box]
            distance = np.maximum(distance, -(frame.wall(canvas)[box]))
            air = canvas.hu[box] < -400
            canvas.paint(box, np.where(air, distance - 1.8, FAR).astype(np.float32), 10.0)
            tissue = np.clip(canvas.noise[2][box] + canvas.noise[1][box] - 1.4 + gland, 0, 1)
            tissue *= np.clip(-distance * np.float32(0.08) - np.float32(0.4), 0, 1)
            canvas.paint(box, distance, person.hu["fat"] + 120 * tissue)

    return [paint]


def back_muscles(person: Person, rng: np.random.Generator) -> list[Painter]:
    """The deep back muscles (labelled) and the psoas (not labelled)."""
    hu = person.hu
    label = catalog().label("back_muscle")
    bulk = rng.uniform(0.85, 1.15)
    fatty = rng.uniform(10, 60)
    heights = (-150, -120, -70, -30, 30, 90, 150, 220, 300, 360, 395)
    offset = (20, 28, 36, 38, 38, 34, 28, 25, 23, 26, 28)
    behind = (30, 42, 52, 54, 54, 52, 47, 44, 43, 37, 30)
    width = (12, 22, 33, 35, 34, 31, 27, 23, 21, 20, 18)
    depth = (8, 14, 21, 23, 22, 19, 16, 14, 14, 15, 14)
    psoas = [
        curve(
            [
                (side * 26, 2, 70, 7),
                (side * 37, 2, 10, 15 * bulk),
                (side * 48, -2, -45, 20 * bulk),
                (side * 62, -20, -110, 20 * bulk),
                (side * 84, -42, -175, 17),
                (side * 100, -25, -230, 15),
            ],
            10,
        )
        for side in (-1, 1)
    ]

    def paint(canvas: Canvas) -> None:
        box = canvas.box((-80, -10, -155), (80, 125, 400))
        if box is not None:
            x, y, z = canvas.points(box)
            size = table(z, heights, depth) * np.float32(bulk)
            dx = (np.abs(x) - table(z, heights, offset)) / (
                table(z, heights, width) * np.float32(bulk)
            )
            dy = (y - frame.spine_y(z) - table(z, heights, behind)) / size
            dx *= dx
            dy *= dy
            both = dx + dy + np.float32(1e-6)
            distance = (np.sqrt(both - np.float32(0.4) * dx * dy / both) - 1) * size
            distance = np.maximum(distance, np.maximum(-150 - z, z - 395))
            distance = np.maximum(distance, frame.wall(canvas)[box] + 1) + canvas.noise[2][box]
            canvas.paint(box, distance - np.float32(2.2), hu["fat"] + 20, 0)
            streak = np.float32(fatty) * ridge(canvas.noise[2][box] * 6)
            streak *= np.clip(canvas.noise[1][box] + np.float32(0.3), 0, 1)
            canvas.paint(box, distance, hu["muscle"] - streak, label)
        found = tube(canvas, psoas, 4)
        if found is not None:
            box, distance, _ = found
            distance = distance + canvas.noise[2][box] + canvas.noise[1][box]
            canvas.paint(box, distance, hu["muscle"])

    return [paint]
