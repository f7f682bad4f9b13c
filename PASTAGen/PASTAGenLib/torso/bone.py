"""How bone looks: trabecular inside, a cortical shell outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.canvas import Box, Canvas
from PASTAGenLib.torso.fields import Array
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import Line, tube
from PASTALib.catalog import catalog


def paint_bone(
    canvas: Canvas, box: Box, distance: Array, person: Person, key: str, shell: float = 2.0
) -> None:
    """Trabecular bone within a cortical shell of about `shell` mm."""
    inner, outer = person.hu["trabecular_bone"], person.hu["cortical_bone"]
    depth = np.clip(distance / np.float32(-shell), 0, 2)
    cortex = np.exp(-depth * depth)
    inside = inner + 45 * canvas.noise[2][box]
    canvas.paint(box, distance, inside + (outer - inside) * cortex, catalog().label(key))


def bone_tubes(person: Person, key: str, lines: Sequence[Line], shell: float = 2.0) -> Painter:
    """Painter of bones that are round tubes along lines."""

    def paint(canvas: Canvas) -> None:
        found = tube(canvas, lines)
        if found is not None:
            paint_bone(canvas, found[0], found[1], person, key, shell)

    return paint
