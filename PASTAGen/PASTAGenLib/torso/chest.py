"""Lungs with their vessels, mediastinum, heart, airways and esophagus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import Ellipsoid, curve, smooth_max, smooth_min, table, tube
from PASTALib.catalog import catalog

HILUM = {-1: (-38.0, 2.0, 250.0), 1: (42.0, 6.0, 252.0)}


def lungs(person: Person) -> list[Painter]:
    """Aerated lung on both sides, with the gradient of density from front to back."""
    hu = person.hu
    left, right = catalog().label("lung_left"), catalog().label("lung_right")

    def paint(canvas: Canvas) -> None:
        box = canvas.box((-140, -110, 55), (140, 100, 362))
        if box is None:
            return
        x, y, z = canvas.points(box)
        above = frame.diaphragm(canvas, person.domes)[box]
        distance = smooth_max(frame.cage(canvas)[box] + 7, 2 - above, 4)
        # Fat fills the chest wherever there is no lung.
        canvas.paint(box, distance - 1, hu["fat"] + 10)
        gap = table(z, (50, 150, 250, 300, 340, 365), (10, 6, 2.5, 3, 14, 24))
        distance = smooth_max(distance, gap - np.abs(x - 2), 3)
        density = hu["lung"] + np.float32(0.35) * (y - 0) + 18 * canvas.noise[1][box]
        canvas.paint(box, distance, density + 12 * canvas.noise[2][box])
        label = canvas.label[box]
        label[(distance < 0) & (x > 2)] = left
        label[(distance < 0) & (x <= 2)] = right

    return [paint]


def lung_vessels(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Branching arteries and veins from each hilum to the periphery."""
    lines: list[NDArray[np.float64]] = []
    for side in (-1, 1):
        for _ in range(2):
            _branch(lines, rng, side, np.array(HILUM[side]), 5.5)
    blood = 0.5 * (person.hu["blood"] + person.hu["vein"])
    labels = [catalog().label("lung_left"), catalog().label("lung_right")]

    def paint(canvas: Canvas) -> None:
        found = tube(canvas, lines)
        if found is None:
            return
        box, distance, _ = found
        inside = np.isin(canvas.label[box], labels)
        canvas.paint(box, np.where(inside, distance, 1e3).astype(np.float32), blood)

    return [paint]


def _branch(
    lines: list[NDArray[np.float64]],
    rng: np.random.Generator,
    side: int,
    start: NDArray[np.float64],
    radius: float,
) -> None:
    """Grow a tree: towards random points of the lung, thinner at every fork."""
    count = 170
    goals = np.column_stack(
        [
            side * rng.uniform(22, 122, count),
            rng.uniform(-85, 80, count),
            rng.uniform(95, 348, count),
        ]
    )
    nodes: list[NDArray[np.float64]] = [start]
    radii: list[float] = [radius]
    goals = goals[np.argsort(np.linalg.norm(goals - start, axis=1))]
    for goal in goals:
        place = np.array(nodes)
        cost = np.linalg.norm(place - goal, axis=1) + 0.3 * np.linalg.norm(place - start, axis=1)
        parent = int(np.argmin(cost))
        away = float(np.linalg.norm(goal - start))
        size = max(0.55, min(radii[parent] * 0.86, radius * (1 - away / 150)))
        bend = (place[parent] + goal) / 2 + rng.normal(0, 4, 3)
        line = curve(
            [(*place[parent], min(radii[parent], size * 1.3)), (*bend, size), (*goal, size * 0.85)],
            10,
        )
        lines.append(line)
        nodes += [line[len(line) // 2, :3], goal]
        radii += [size, size * 0.85]


def mediastinum(person: Person) -> list[Painter]:
    """Fat between the lungs."""
    hu = person.hu

    def paint(canvas: Canvas) -> None:
        box = canvas.box((-75, -100, 140), (85, 80, 372))
        if box is None:
            return
        x, y, z = canvas.points(box)
        core = np.sqrt(
            ((x - 2) / table(z, (140, 200, 250, 300, 340, 372), (18, 30, 40, 33, 30, 28))) ** 2
            + ((y + 4) / table(z, (140, 200, 250, 300, 340, 372), (30, 40, 42, 38, 30, 28))) ** 2
        )
        core = (core - 1) * np.float32(30)
        spine = np.sqrt(x * x + (y - frame.spine_y(z)) ** 2) - np.float32(21)
        sac = Ellipsoid((18, -38, 192), (66, 46, 50), (0, 20, 10)).distance(x, y, z)
        distance = smooth_min(smooth_min(core, spine, 4), sac, 6)
        above = frame.diaphragm(canvas, person.domes)[box]
        distance = np.maximum(distance, -4 - above) + canvas.noise[2][box]
        canvas.paint(box, distance, hu["fat"] + 5 * canvas.noise[2][box], 0)

    return [paint]


def heart(person: Person) -> list[Painter]:
    """Heart muscle with four chambers."""
    hu = person.hu
    label = catalog().label("heart")
    s = person.shrink
    muscle = 0.5 * (hu["muscle"] + hu["hollow_wall"]) + 0.15 * (hu["vein"] - 40)
    right_blood = 0.5 * (hu["blood"] + hu["vein"])
    body = Ellipsoid((17, -40, 192), (60 * s, 40 * s, 44 * s), (0, 22, 12))
    chambers = (
        (Ellipsoid((40, -36, 186), (34 * s, 20 * s, 21 * s), (0, 26, 20)), hu["blood"]),
        (Ellipsoid((12, -62, 184), (36 * s, 13 * s, 24 * s), (0, 25, 15)), right_blood),
        (Ellipsoid((-25, -38, 200), (17 * s, 22 * s, 26 * s)), right_blood),
        (Ellipsoid((8, -12, 214), (30 * s, 15 * s, 20 * s)), hu["blood"]),
    )

    def paint(canvas: Canvas) -> None:
        for part, value, target in (
            (body, muscle, label),
            *((chamber, blood, label) for chamber, blood in chambers),
        ):
            low, high = part.reach()
            box = canvas.box(low - 3, high + 3)
            if box is None:
                continue
            x, y, z = canvas.points(box)
            distance = part.distance(x, y, z) + canvas.noise[1][box]
            above = frame.diaphragm(canvas, person.domes)[box]
            distance = smooth_max(distance, 1 - above, 3)
            canvas.paint(box, distance, value, target)

    return [paint]


def airways(person: Person) -> list[Painter]:
    """Trachea and main bronchi with thin walls."""
    label = catalog().label("trachea")
    y0 = frame.spine_at
    trachea = curve(
        [(0, y0(398) - 30, 398, 8.5), (1, y0(350) - 29, 350, 8.5), (3, y0(310) - 30, 310, 8.5),
         (3, 8, 276, 8.8)], 6)  # fmt: skip
    bronchi = [
        curve([(3, 8, 278, 7.5), (-18, 8, 262, 6.5), (-38, 10, 248, 5), (-56, 16, 228, 3)], 6),
        curve([(3, 8, 278, 7), (24, 12, 260, 6), (44, 16, 250, 4.8), (60, 24, 230, 3)], 6),
        curve([(-28, 9, 256, 4.5), (-52, 4, 268, 3), (-66, 0, 285, 2)], 6),
        curve([(40, 15, 251, 4), (58, 0, 262, 3), (70, -10, 280, 2)], 6),
    ]

    def paint(canvas: Canvas) -> None:
        for lines, key in ((bronchi, None), ([trachea], label)):
            found = tube(canvas, lines, 2)
            if found is not None:
                box, distance, _ = found
                canvas.paint(box, distance - 1.3, 40.0, 0 if key else None)
                canvas.paint(box, distance, person.hu["gas"], key)

    return [paint]


def esophagus(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Muscular tube from the neck through the hiatus, mostly collapsed, now and then with air."""
    label = catalog().label("esophagus")
    y0 = frame.spine_at
    size = rng.uniform(6.5, 9.5)
    line = curve(
        [(2, y0(398) - 18, 398, size), (4, y0(340) - 17, 340, size), (7, y0(290) - 21, 290, size),
         (8, y0(240) - 23, 240, size), (8, y0(195) - 24, 195, size), (14, y0(160) - 26, 160, size),
         (28, -6, 137, size), (44, -4, 124, size)], 6)  # fmt: skip
    air = rng.uniform(0, 1)

    def paint(canvas: Canvas) -> None:
        found = tube(canvas, [line], 2)
        if found is not None:
            box, distance, along = found
            canvas.paint(box, distance, person.hu["hollow_wall"], label)
            lumen = 4.5 + 3.5 * np.clip(1.2 - air - np.sin(along / 23 + 9 * air), 0, 2)
            gas = distance + lumen.astype(np.float32)
            canvas.paint(box, gas, person.hu["gas"])

    return [paint]
