"""The voxel grid of a torso, and the slabs that it is painted in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.torso.canvas import Canvas
from PASTAGenLib.torso.fields import SmoothField
from PASTAGenLib.torso.person import Person
from PASTAGenLib.torso.spec import TorsoSpec

# Voxels of one slab: its working arrays take about 250 MB, whatever the size of the picture.
_SLAB = 5_000_000
# Slices thicker than this many pixels are painted as three thin ones and averaged.
_THICK = 2.0


@dataclass(frozen=True)
class Axes:
    """Centers of the voxels along each axis, mm from the third lumbar vertebra, LPS."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size as [z, y, x]."""
        return len(self.z), len(self.y), len(self.x)


def torso_axes(spec: TorsoSpec, person: Person) -> Axes:
    """The grid around the body with its fat, a margin, and the table below."""
    sx, front, back, sz = person.scale
    half = (172 + 1.3 * person.fat) * sx + 16
    if not spec.arms_up:
        half = max(half, (262 + 0.9 * person.fat) * sx + 10)
    breast = 0 if person.male else 34
    low, high = (height * sz for height in spec.height_range)
    front_edge = (114 + 1.1 * person.fat + breast) * front + 18
    ranges = ((-half, half), (-front_edge, (112 + person.fat) * back + 48), (low, high))
    x, y, z = (
        a + step / 2 + step * np.arange(max(1, round((b - a) / step)), dtype=np.float64)
        for (a, b), step in zip(ranges, spec.spacing, strict=True)
    )
    return Axes(x, y, z)


def thin_slices(spec: TorsoSpec) -> int:
    """Into how many slices each slice is divided for painting: one or three."""
    return 3 if spec.spacing[2] > _THICK * max(*spec.spacing[:2], 1.0) else 1


def slabs(axes: Axes, spec: TorsoSpec) -> Iterator[tuple[slice, Axes]]:
    """Ranges of slices with the axes to paint them on."""
    parts = thin_slices(spec)
    count = max(1, _SLAB // (len(axes.x) * len(axes.y) * parts))
    offsets = (np.arange(parts) - (parts - 1) / 2) * spec.spacing[2] / parts
    for start in range(0, len(axes.z), count):
        part = slice(start, min(start + count, len(axes.z)))
        heights = (axes.z[part, None] + offsets).ravel()
        yield part, Axes(axes.x, axes.y, heights)


def blank_canvas(
    spec: TorsoSpec,
    person: Person,
    axes: Axes,
    warp: Sequence[SmoothField],
    noise: Sequence[SmoothField],
) -> Canvas:
    """Air, with the body coordinates of every voxel: scaled to the person and deformed."""
    sx, front, back, sz = person.scale
    strength = np.float32(4.5 * spec.deformation)
    x, y, z = (strength * field.on_axes(axes.x, axes.y, axes.z) for field in warp)
    x += (axes.x / sx).astype(np.float32)
    y += np.where(axes.y < 0, axes.y / front, axes.y / back).astype(np.float32)[:, None]
    z += (axes.z / sz).astype(np.float32)[:, None, None]
    voxel = spec.spacing[0] * spec.spacing[1] * spec.spacing[2] / thin_slices(spec)
    return Canvas(
        x=x,
        y=y,
        z=z,
        noise=tuple(field.on_axes(axes.x, axes.y, axes.z) for field in noise),
        hu=np.full(axes.shape, -1000, np.float32),
        label=np.zeros(axes.shape, np.uint8),
        softness=max(float(np.cbrt(voxel)), 0.9),
    )


def to_image(
    array: NDArray[np.int16] | NDArray[np.uint8], axes: Axes, spec: TorsoSpec
) -> sitk.Image:
    """Image with identity direction at the axes."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(step) for step in spec.spacing])
    image.SetOrigin([float(axis[0]) for axis in (axes.x, axes.y, axes.z)])
    return image
