"""Stomach, duodenum, small bowel, colon and rectum with wall, fluid, stool and gas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.torso import frame
from PASTAGenLib.torso.body_wall import Painter
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.fields import Array
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.shapes import curve, tube
from PASTALib.catalog import catalog

Line = NDArray[np.float64]
Filling = Callable[[Canvas, tuple[slice, slice, slice], Array], Array]


def _hollow(
    person: Person,
    key: str,
    lines: Sequence[Line],
    wall: float,
    filling: Filling,
    folds: tuple[float, float] = (0, 1),
    inside: float = 3.0,
) -> Painter:
    """A hollow organ along a line: wall, and contents that `filling` gives as HU.

    Args:
        person: whose organ it is.
        key: catalogue key.
        lines: rows of x, y, z, radius.
        wall: thickness of the wall in mm.
        filling: HU of the contents from canvas, box and place along the line.
        folds: depth and distance in mm of haustra or folds.
        inside: least distance in mm to the wall of the abdomen.
    """
    label = catalog().label(key)
    depth, period = folds

    def paint(canvas: Canvas) -> None:
        found = tube(canvas, lines, depth + 3)
        if found is None:
            return
        box, distance, along = found
        if depth:
            ripple = np.abs(np.sin(along * np.float32(np.pi / period)))
            distance = distance + np.float32(depth) * (1 - ripple) ** 2
        distance = distance + canvas.noise[2][box]
        distance = np.maximum(distance, frame.cavity(canvas)[box] + np.float32(inside))
        canvas.paint(box, distance, person.hu["hollow_wall"], label)
        lumen = distance + np.float32(wall)
        canvas.paint(box, lumen, filling(canvas, box, along))

    return paint


def _level(y: Array, surface: Array | float, below: Array | float, gas: float) -> Array:
    """Gas in front of a fluid level at `surface` (the patient lies on the back)."""
    share = np.clip((y - surface) + 0.5, 0, 1)
    return (gas + (below - gas) * share).astype(np.float32)


def stomach(person: Person, rng: np.random.Generator) -> list[Painter]:
    """From the fundus under the left dome to the pylorus; fluid, food and a gas bubble."""
    hu = person.hu
    full = rng.uniform(0.65, 1.3)
    low = rng.normal(0, 12)
    line = curve(
        [(62, 12, 140, 20 * full), (66, 4, 124, 32 * full), (70, -26, 104, 30 * full),
         (64, -58, 76 + low, 27 * full), (42, -74, 50 + low, 22 * full),
         (12, -74, 42 + low * 0.6, 17 * full), (-14, -66, 44, 12)], 8)  # fmt: skip
    surface = rng.uniform(-80, -35)
    food = rng.uniform(0, 50)

    def filling(canvas: Canvas, box: tuple[slice, slice, slice], along: Array) -> Array:
        below = hu["bowel_content"] + np.float32(food) * np.clip(canvas.noise[2][box], -0.4, 2)
        return _level(canvas.y[box], surface, below, hu["gas"])

    return [_hollow(person, "stomach", [line], 4.0, filling, (2.0, 14))]


def duodenum(person: Person) -> list[Painter]:
    """C-loop around the head of the pancreas."""
    line = curve(
        [(-20, -64, 44, 11), (-36, -54, 48, 13), (-48, -34, 40, 13), (-50, -26, 12, 13),
         (-42, -28, -10, 13), (-18, -44, -18, 12), (10, -46, -14, 12), (30, -44, 4, 12),
         (36, -48, 24, 11)], 7)  # fmt: skip

    def filling(canvas: Canvas, box: tuple[slice, slice, slice], along: Array) -> Array:
        gas = (canvas.noise[1][box] > 1.6) & (canvas.noise[2][box] > -0.5)
        return np.where(gas, person.hu["gas"], person.hu["bowel_content"] + 12).astype(np.float32)

    return [_hollow(person, "duodenum", [line], 3.0, filling, (1.5, 9))]


def small_bowel(person: Person, rng: np.random.Generator) -> list[Painter]:
    """One long winding loop that fills the middle of the abdomen."""
    hu = person.hu
    lines = _loops(rng)
    gassy = rng.uniform(1.3, 2.2)

    def filling(canvas: Canvas, box: tuple[slice, slice, slice], along: Array) -> Array:
        fluid = hu["bowel_content"] + (hu["hollow_wall"] - hu["bowel_content"]) * (
            0.5 + 0.5 * np.sin(along / 60)
        )
        gas = (np.sin(along / 90) + canvas.noise[1][box]) > gassy
        return np.where(gas, hu["gas"], fluid + 10 * canvas.noise[2][box]).astype(np.float32)

    return [_hollow(person, "small_bowel", lines, 2.4, filling, (1.2, 7))]


def _loops(rng: np.random.Generator) -> list[Line]:
    """Lines that fill the middle of the abdomen: from one free place to the nearest next."""
    pitch = rng.uniform(23, 28)
    places = np.meshgrid(
        np.arange(-90, 100, pitch), np.arange(-85, 20, pitch), np.arange(-140, 70, pitch)
    )
    free = np.stack([axis.ravel() for axis in places], axis=1)
    free += rng.normal(0, 0.22 * pitch, free.shape)
    x, y, z = free.T
    left = np.interp(z, (-140, -110, -60, 30, 65), (36, 52, 88, 84, 78))
    right = np.interp(z, (-140, -110, -60, -10, 20, 65), (36, 50, 68, 62, 0, -45))
    back = np.interp(z, (-140, -110, -70, 0, 65), (-5, -18, -16, -38, -40))
    # In front of the left kidney and beside the spine there is more room.
    back = back + np.where((x > 40) & (z > -70), 22, 0)
    free = free[(x < left) & (x > -right) & (y < back) & (y > -84)]
    lines: list[list[NDArray[np.float64]]] = [[]]
    here = free[np.argmax(free[:, 2])]
    while len(free):
        gap = np.linalg.norm((free - here) * (1, 1, 1.25), axis=1)
        nearest = int(np.argmin(gap))
        if gap[nearest] > 2.4 * pitch:
            lines.append([])
        here = free[nearest]
        lines[-1].append(here)
        free = np.delete(free, nearest, axis=0)
    return [
        curve(np.c_[line, pitch * 0.5 * rng.uniform(0.7, 1.05, len(line))], 6)
        for line in map(np.array, lines)
        if len(line) > 2
    ]


def colon(person: Person, rng: np.random.Generator) -> list[Painter]:
    """Cecum to rectum with haustra; stool on the right and in the rectum, gas in front."""
    hu = person.hu
    w = rng.uniform(0.8, 1.2)
    sag = rng.uniform(-45, 12)
    turn = rng.normal(0, 8)
    line = curve(
        [(-80, -50, -92, 20 * w), (-88, -42, -66, 27 * w), (-96, -22, -36, 24 * w),
         (-100, -6, -4, 23 * w), (-92, -24, 20, 22 * w), (-74, -62, 18, 20 * w),
         (-36, -78, 2 + sag, 20 * w), (8, -80, 2 + sag, 19 * w), (52, -78, 20 + sag * 0.5, 18 * w),
         (86, -48, 58, 18 * w), (108, 2, 72, 18 * w), (112, 22, 40, 16 * w),
         (110, 20, 0, 15 * w), (104, 6, -50, 14 * w), (90, -18, -88, 14 * w),
         (60, -40, -108 + turn, 15 * w), (20, -34, -100 + turn, 16 * w),
         (-18, -8, -112 + turn, 16 * w), (-8, 22, -122, 15 * w), (2, 40, -145, 17 * w),
         (0, 40, -178, 19 * w), (0, 32, -205, 14 * w), (0, 30, -226, 9)], 8)  # fmt: skip
    gassy = rng.uniform(0.2, 1.4)
    dry = rng.uniform(0.2, 1.0)

    def filling(canvas: Canvas, box: tuple[slice, slice, slice], along: Array) -> Array:
        bubbles = np.clip(canvas.noise[3][box] - 0.9, 0, 2) * 350 * dry
        stool = hu["stool"] + 35 + 30 * canvas.noise[2][box] - bubbles
        part = np.sin(along / 75 + 4 * dry) + 0.5 * canvas.noise[1][box]
        gas = part > gassy
        return np.where(gas, hu["gas"], np.maximum(stool, -950)).astype(np.float32)

    return [_hollow(person, "colorectum", [line], 2.6, filling, (6.0 * w, 24))]
