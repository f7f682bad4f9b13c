"""Urinary bladder, prostate or uterus."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import Ellipsoid
from PASTALib.catalog import catalog


def pelvic_organs(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Bladder of any filling, and the prostate (labelled) or uterus (not labelled)."""
    hu = person.hu
    fill = rng.uniform(0.65, 1.15)
    wall = rng.uniform(2.5, 5)
    height = -190 + 30 * fill
    bladder = Ellipsoid((rng.normal(0, 3), -28, height), (44 * fill, 30 * fill, 30 * fill))
    if person.male:
        gland = Ellipsoid((0, -14, -206), np.array((24, 17, 18)) * rng.uniform(0.85, 1.3))
        key: str | None = "prostate"
    else:
        gland = Ellipsoid((rng.normal(0, 6), 4, -150), (24, 32, 20), (rng.uniform(-50, 10), 0, 0))
        key = None

    def paint(canvas: Canvas) -> None:
        low, high = gland.reach()
        box = canvas.box(low - 4, high + 4)
        if box is not None:
            distance = gland.distance(*canvas.points(box)) + canvas.noise[1][box]
            value = 0.5 * (hu["muscle"] + hu["hollow_wall"]) + 5 * canvas.noise[1][box]
            canvas.paint(box, distance, value, catalog().label(key) if key else None)
        low, high = bladder.reach()
        box = canvas.box(low - 6, high + 6)
        if box is not None:
            distance = bladder.distance(*canvas.points(box)) + 2 * canvas.noise[0][box]
            label = catalog().label("urinary_bladder")
            canvas.paint(box, distance, hu["hollow_wall"], label)
            canvas.paint(box, distance + np.float32(wall), hu["urine"])

    return [paint]
