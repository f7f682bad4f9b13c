"""Vertebral bodies, discs, arches and the spinal canal."""

from __future__ import annotations

import numpy as np

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.bone import paint_bone
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import SIDES, curve, smooth_max, tube


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
