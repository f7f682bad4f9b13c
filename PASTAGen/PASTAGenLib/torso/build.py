"""From a spec to the CT and its organ labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTAGenLib.torso import abdomen, bowel, chest, skeleton
from PASTAGenLib.torso.body_wall import Painter, back_muscles, body_wall, breasts
from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.fields import Array, SmoothField
from PASTAGenLib.torso.pelvic_organs import pelvic_organs
from PASTAGenLib.torso.person import Person, draw_person
from PASTAGenLib.torso.spec import TorsoSpec
from PASTAGenLib.torso.vessels import crura, great_vessels, mesentery

# Voxels of one slab: small enough to keep the working arrays of a large picture under 1 GB.
_SLAB = 5_000_000
# Distance of the knots in mm, of the noise fields that organs use, from coarse to fine.
_NOISE_STEPS = (45.0, 16.0, 7.0, 3.5)
_LOWER, _UPPER = (-330.0, -260.0, -330.0), (330.0, 200.0, 520.0)


@dataclass(frozen=True)
class Torso:
    """A CT made by rule.

    Attributes:
        image: int16 HU, identity direction (LPS).
        organs: uint8 catalogue labels in the same geometry.
        spec: what it was made from.
    """

    image: sitk.Image
    organs: sitk.Image
    spec: TorsoSpec


@dataclass(frozen=True)
class Axes:
    """Centers of the voxels along each axis, mm from the third lumbar vertebra."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]


def _painters(person: Person, streams: Sequence[np.random.Generator]) -> list[Painter]:
    """Everything that is painted, from back to front."""
    return [
        *skeleton.arms(person),
        *body_wall(person, streams[0]),
        *breasts(person, streams[16]),
        *back_muscles(person, streams[1]),
        *skeleton.shoulders(person),
        *chest.lungs(person),
        *chest.lung_vessels(person, streams[2]),
        *chest.mediastinum(person),
        *skeleton.spine(person),
        *skeleton.ribs(person, streams[3]),
        *skeleton.pelvis(person),
        *abdomen.liver(person, streams[4]),
        *abdomen.spleen(person, streams[5]),
        *bowel.colon(person, streams[6]),
        *mesentery(person, streams[15]),
        *bowel.small_bowel(person, streams[7]),
        *abdomen.kidneys(person, streams[8]),
        *bowel.stomach(person, streams[9]),
        *bowel.duodenum(person),
        *chest.heart(person),
        *abdomen.gallbladder(person, streams[10]),
        *pelvic_organs(person, streams[11]),
        *abdomen.pancreas(person, streams[12]),
        *crura(person),
        *great_vessels(person, streams[13]),
        *abdomen.adrenals(person),
        *chest.esophagus(person, streams[14]),
        *chest.airways(person),
    ]


def _axes(spec: TorsoSpec, person: Person) -> Axes:
    """The grid: the body with its fat, a margin and the table."""
    sx, front, back, sz = person.scale
    arms = 1.0 if spec.arms_up else 1.25
    half = (172 + 1.25 * person.fat) * sx * arms + 22
    y_range = (-(116 + person.fat * 1.1) * front - 20, (112 + person.fat) * back + 48)
    low, high = (h * sz for h in spec.height_range)
    ranges = ((-half, half), y_range, (low, high))
    return Axes(
        *(
            a + spacing / 2 + spacing * np.arange(max(1, round((b - a) / spacing)))
            for (a, b), spacing in zip(ranges, spec.spacing, strict=True)
        )
    )


def build_torso(spec: TorsoSpec) -> Torso:
    """Build the CT and its labels; the same spec gives the same bytes."""
    root = np.random.default_rng(spec.seed)
    streams = root.spawn(24)
    person = draw_person(spec, streams[0])
    painters = _painters(person, streams[1:18])
    warp = [SmoothField.draw(streams[18], _LOWER, _UPPER, 75) for _ in range(3)]
    noise = [SmoothField.draw(streams[19], _LOWER, _UPPER, step) for step in _NOISE_STEPS]
    axes = _axes(spec, person)
    shape = (len(axes.z), len(axes.y), len(axes.x))
    hu = np.empty(shape, np.float32)
    labels = np.zeros(shape, np.uint8)
    step = max(1, _SLAB // (shape[1] * shape[2]))
    for start in range(0, shape[0], step):
        part = slice(start, min(start + step, shape[0]))
        slab = Axes(axes.x, axes.y, axes.z[part])
        canvas = _canvas(spec, person, slab, warp, noise)
        for paint in painters:
            paint(canvas)
        hu[part], labels[part] = canvas.hu, canvas.label
    image = _scan(hu, axes, spec, person, streams[20])
    return Torso(*(_to_image(a, axes, spec) for a in (image, labels)), spec)


def _canvas(
    spec: TorsoSpec,
    person: Person,
    axes: Axes,
    warp: Sequence[SmoothField],
    noise: Sequence[SmoothField],
) -> Canvas:
    sx, front, back, sz = person.scale
    strength = np.float32(4.5 * spec.deformation)
    dx, dy, dz = (strength * field.on_axes(axes.x, axes.y, axes.z) for field in warp)
    y = np.where(axes.y < 0, axes.y / front, axes.y / back).astype(np.float32)
    x = (axes.x / sx).astype(np.float32)
    z = (axes.z / sz).astype(np.float32)
    dx += x
    dy += y[:, None]
    dz += z[:, None, None]
    shape = dx.shape
    return Canvas(
        x=dx,
        y=dy,
        z=dz,
        noise=tuple(field.on_axes(axes.x, axes.y, axes.z) for field in noise),
        hu=np.full(shape, -1000, np.float32),
        label=np.zeros(shape, np.uint8),
        softness=max(float(np.cbrt(np.prod(spec.spacing))), 0.9),
    )


def _scan(
    hu: Array, axes: Axes, spec: TorsoSpec, person: Person, rng: np.random.Generator
) -> NDArray[np.int16]:
    """What the scanner adds: table, point spread, and noise that is correlated in the plane."""
    if spec.table:
        _, _, back, _ = person.scale
        top = (104 + 0.8 * person.fat) * back + 6
        y, x = axes.y[:, None], axes.x[None, :]
        bed = y - top - 22 * (1 - np.clip(x / 240, -1, 1) ** 2) + 18
        shell = np.clip(2.2 - np.abs(np.abs(bed - 12) - 10), 0, 1) * (np.abs(x) < 235)
        air = hu < -900
        hu += air * (shell * 850).astype(np.float32)
        hu += air * ((np.abs(bed - 12) < 9) * (np.abs(x) < 235) * 60).astype(np.float32)
    sx, sy, sz = spec.spacing
    sigma = spec.kernel / 2.355
    hu = ndimage.gaussian_filter(hu, (0, sigma / sy, sigma / sx), truncate=3)
    grain = rng.standard_normal(hu.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(grain, (0.35, 0.75 / sy, 0.75 / sx), truncate=2.5)
    grain *= np.float32(spec.noise_sd) / grain.std()
    hu += grain
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _to_image(
    array: NDArray[np.int16] | NDArray[np.uint8], axes: Axes, spec: TorsoSpec
) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(s) for s in spec.spacing])
    image.SetOrigin([float(axes.x[0]), float(axes.y[0]), float(axes.z[0])])
    return image
