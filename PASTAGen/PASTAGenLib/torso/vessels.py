"""Great vessels of chest and abdomen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import curve, tube
from PASTALib.catalog import catalog


def _vessel(lines: Sequence[NDArray[np.float64]], hu: float, key: str | None) -> Painter:
    label = catalog().label(key) if key else None

    def paint(canvas: Canvas) -> None:
        found = tube(canvas, lines)
        if found is not None:
            # A vessel without a label of its own belongs to the organ that it runs through.
            canvas.paint(found[0], found[1], hu, label)

    return paint


def mesentery(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Small branches that fan out to the bowel, and vessels of the omentum."""
    fan: list[NDArray[np.float64]] = []
    for _ in range(60):
        root = np.array([rng.normal(-2, 4), -50 + rng.normal(0, 3), rng.uniform(-45, 25)])
        goal = root + np.array([rng.uniform(-75, 90), rng.uniform(-28, 22), rng.uniform(-75, 25)])
        middle = (root + goal) / 2 + np.array([0, -8, 0]) + rng.normal(0, 8, 3)
        size = rng.uniform(0.8, 1.9)
        fan.append(curve([(*root, size * 1.3), (*middle, size), (*goal, size * 0.6)], 8))
    for _ in range(16):
        start = np.array([rng.uniform(-80, 90), rng.uniform(-86, -78), rng.uniform(-70, 40)])
        stop = start + rng.normal(0, (14, 3, 30))
        fan.append(curve([(*start, 1.1), (*stop, 0.8)], 8))
    return [_vessel(fan, 0.6 * person.hu["vein"] + 0.4 * person.hu["blood"], None)]


def crura(person: Person) -> list[Painter]:
    """Muscular pillars of the diaphragm beside the aorta."""
    lines = [
        curve([(side * 17 + 3, -10, 30, 3), (side * 17 + 4, -12, 70, 5),
               (side * 14 + 6, -6, 110, 6), (side * 12 + 8, -8, 138, 5)], 8)
        for side in (-1, 1)
    ]  # fmt: skip
    return [_vessel(lines, person.hu["muscle"], None)]


def great_vessels(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Aorta, cavae, pulmonary trunk, portal and splenic vein, and their main branches."""
    hu = person.hu
    a = rng.uniform(0.85, 1.25)
    v = rng.uniform(0.8, 1.2)
    y0 = frame.spine_at
    pulmonary = 0.6 * hu["blood"] + 0.4 * hu["vein"]
    cava = 0.75 * hu["vein"] + 0.25 * hu["muscle"]
    aorta = [
        curve([(4, -24, 222, 15 * a), (-14, -32, 250, 15.5 * a), (-12, -28, 285, 15 * a),
               (2, -14, 303, 13.5 * a), (15, 4, 302, 13 * a), (23, 24, 284, 12.5 * a),
               (25, y0(255) - 14, 255, 12.5 * a), (23, y0(220) - 15, 220, 12 * a),
               (18, y0(180) - 20, 180, 11.5 * a), (10, y0(130) - 25, 130, 11 * a),
               (6, y0(70) - 28, 70, 10 * a), (5, -28, 10, 9 * a), (3, -29, -36, 8.5 * a)], 8)
    ]  # fmt: skip
    iliac = [
        curve([(s * 2 + 3, -29, -37, 6.5 * a), (s * 28, -24, -75, 6 * a),
               (s * 56, -28, -120, 5 * a), (s * 70, -58, -170, 5 * a), (s * 76, -56, -225, 5 * a)],
              8)
        for s in (-1, 1)
    ]  # fmt: skip
    arteries = [
        *iliac,
        curve([(6, -36, 74, 4), (4, -46, 78, 3.5), (-14, -48, 80, 3), (-34, -46, 84, 2.5)], 5),
        curve([(4, -46, 78, 3), (36, -34, 72, 2.8), (70, -4, 78, 2.5), (94, 18, 84, 2)], 6),
        curve([(6, -34, 60, 4.5), (3, -50, 48, 4), (0, -56, 10, 3.8), (-8, -60, -50, 2.5)], 6),
        curve([(-2, -26, 46, 3.2), (-26, -8, 38, 3), (-50, 10, 34, 2.6)], 6),
        curve([(12, -26, 48, 3.2), (30, -4, 46, 3), (50, 10, 42, 2.6)], 6),
        curve([(-10, -20, 300, 6), (-18, -16, 330, 5), (-30, -6, 360, 4)], 6),
        curve([(4, -8, 308, 4), (12, -4, 340, 4), (22, 0, 395, 3.6)], 6),
        curve([(14, 6, 308, 5), (28, 6, 335, 4.5), (62, 4, 352, 4)], 6),
    ]
    inferior = [
        curve([(-15, -24, -56, 9 * v), (-20, -26, -10, 10 * v), (-22, -26, 40, 11 * v),
               (-24, -24, 80, 11.5 * v), (-26, -14, 120, 12 * v), (-26, -18, 150, 12 * v),
               (-25, -26, 178, 12 * v)], 8)
    ]  # fmt: skip
    veins = [
        *(
            curve([(-15, -24, -54, 7), (s * 30 - 4, -18, -85, 6.5), (s * 54, -18, -125, 6),
                   (s * 62, -50, -172, 6), (s * 67, -48, -225, 5.5)], 8)
            for s in (-1, 1)
        ),
        curve([(-22, -26, 34, 4.5), (-38, -8, 30, 4), (-52, 8, 28, 3.5)], 6),
        curve([(-16, -32, 42, 4), (6, -40, 42, 3.5), (30, -20, 42, 4.5), (52, 8, 40, 4)], 6),
        curve([(-25, -30, 225, 9), (-27, -28, 265, 9), (-26, -28, 305, 8.5),
               (-24, -26, 322, 7)], 8),
        curve([(-24, -28, 318, 6.5), (0, -36, 320, 6), (30, -24, 335, 5.5), (70, -4, 350, 5)], 8),
        curve([(-24, -26, 318, 6), (-36, -18, 338, 5.5), (-72, -4, 350, 5)], 8),
    ]  # fmt: skip
    trunk = [
        curve([(12, -58, 215, 13), (18, -48, 240, 13.5), (20, -30, 258, 13)], 8),
        curve([(20, -30, 258, 12), (0, -12, 258, 10.5), (-36, -4, 254, 9)], 8),
        curve([(20, -30, 258, 11), (34, -10, 264, 10.5), (44, 6, 258, 9)], 8),
        curve([(-36, -4, 254, 8), (-46, 4, 236, 7), (-54, 14, 208, 5)], 8),
        curve([(44, 6, 258, 8), (50, 16, 240, 7), (58, 24, 212, 5)], 8),
        curve([(0, -10, 214, 8), (-34, -4, 226, 6.5), (-50, -2, 236, 4.5)], 8),
        curve([(14, -8, 214, 8), (40, 2, 226, 6.5), (54, 4, 234, 4.5)], 8),
    ]
    portal = [
        curve([(-6, -46, -30, 4.5), (-7, -48, 10, 5.5), (-8, -44, 44, 6.5), (-24, -40, 66, 7),
               (-38, -34, 86, 7)], 6),
        curve([(-8, -44, 44, 5), (18, -42, 54, 4.6), (48, -18, 66, 4.4), (74, 6, 74, 4),
               (94, 22, 80, 3.5)], 6),
        curve([(-38, -34, 86, 6), (-58, -22, 92, 4.5), (-82, -12, 98, 3.5)], 6),
        curve([(-36, -36, 86, 5.5), (-22, -54, 100, 4.5), (2, -62, 110, 3.5)], 6),
    ]  # fmt: skip
    return [
        _vessel(trunk, pulmonary, None),
        _vessel(veins, cava, None),
        _vessel(arteries, hu["blood"], None),
        _vessel(inferior, cava, "inferior_vena_cava"),
        _vessel(portal, hu["vein"], "portal_vein"),
        _vessel(aorta, hu["blood"], "aorta"),
    ]
