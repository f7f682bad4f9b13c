"""Skin, fat, muscle and the cavities: the ground that everything else is painted on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import curve, smooth_max, tube
from PASTALib.catalog import catalog

Painter = Callable[[Canvas], None]
EVERYWHERE = (slice(None), slice(None), slice(None))


def body_wall(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Painters of skin, subcutaneous fat, muscle, abdominal and chest cavity, and diaphragm."""
    hu = person.hu
    back_fat = rng.uniform(0.5, 0.9)
    marbling = rng.uniform(0.02, 0.1) + 0.12 * person.spec.habitus

    def ground(canvas: Canvas) -> None:
        x, y, z = canvas.x, canvas.y, canvas.z
        wall = frame.wall(x, y, z)
        share = np.where(y > 40, np.float32(back_fat), np.float32(1)) + 0.12 * canvas.noise[0]
        hip = np.interp(z, (-200, -100, 0, 120, 220), (1.25, 1.15, 1.0, 0.7, 0.55))
        skin = wall - np.float32(person.fat) * np.clip(share, 0.3, 2) * hip.astype(np.float32)
        canvas.paint(EVERYWHERE, skin, 15.0)
        canvas.paint(EVERYWHERE, skin + 2, hu["fat"] + 4 * canvas.noise[2])
        planes = np.exp(-((canvas.noise[1] / np.float32(marbling)) ** 2))
        muscle = hu["muscle"] + (hu["fat"] - hu["muscle"]) * np.float32(0.8) * planes
        canvas.paint(EVERYWHERE, wall + canvas.noise[2], muscle + 3 * canvas.noise[2])

    def cavities(canvas: Canvas) -> None:
        x, y, z = canvas.x, canvas.y, canvas.z
        dome = frame.diaphragm(x, y, *person.domes)
        belly = smooth_max(frame.cavity(x, y, z), z - dome, 4)
        canvas.paint(EVERYWHERE, belly, hu["fat"] + 5 * canvas.noise[2])

    return [ground, cavities]


def back_muscles(person: Person, rng: np.random.Generator) -> list[Painter]:
    """The deep back muscles (labelled) and the psoas (not labelled)."""
    hu = person.hu
    label = catalog().label("back_muscle")
    bulk = rng.uniform(0.85, 1.15)
    heights = (-150, -120, -70, -30, 30, 90, 150, 220, 300, 360, 395)
    offset = (20, 28, 36, 38, 38, 34, 28, 25, 23, 26, 28)
    behind = (30, 42, 52, 54, 54, 52, 46, 43, 42, 36, 30)
    width = (12, 22, 32, 34, 33, 30, 26, 22, 20, 20, 18)
    depth = (8, 14, 20, 22, 21, 18, 14, 12, 12, 14, 14)
    psoas = [
        curve(
            [
                (side * 26, 2, 70, 7),
                (side * 38, 2, 10, 15),
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
            dx = (np.abs(x) - frame.table(z, heights, offset)) / (
                frame.table(z, heights, width) * np.float32(bulk)
            )
            size = frame.table(z, heights, depth) * np.float32(bulk)
            dy = (y - frame.spine_y(z) - frame.table(z, heights, behind)) / size
            distance = (np.sqrt(dx * dx + dy * dy) - 1) * size
            distance = np.maximum(distance, np.maximum(-150 - z, z - 395))
            distance += canvas.noise[2][box]
            streaks = np.exp(-((canvas.noise[1][box] / np.float32(0.15)) ** 2)) * 40
            canvas.paint(box, distance, hu["muscle"] - streaks, label)
        found = tube(canvas, psoas)
        if found is not None:
            box, distance, _ = found
            canvas.paint(box, distance + canvas.noise[2][box], hu["muscle"])

    return [paint]
