"""Shapes as implicit functions in physical space, so that any voxel grid can be asked.

A lesion is a body that is star-shaped about its center: an ellipsoid whose radius is changed by a
sum of waves over the sphere of directions. One wave ``a cos(k . d + p)`` of wave number ``|k|``
behaves as spherical harmonics of about that degree do, takes five numbers, and needs no special
functions. Low wave numbers deform the body, middle ones make lobules, high ones roughness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.tensors import on
from PASTALib.geometry import Vector, as_vector

if TYPE_CHECKING:
    from torch import Tensor

Wave = tuple[float, float, float, float, float]
Rows = tuple[Vector, Vector, Vector]

DIRECTIONS = 64
"""Directions that are looked at to fit a shape into an organ."""
SURFACE_POINTS = 400
BETWEEN_POINTS = 0.06
"""Between the points of `surface` the radius is not larger by more than this share."""
FIT_DIRECTIONS, FIT_SHELLS, GOLDEN = 512, 6, 0.6180339887
LEAST_RADIUS = 0.3
"""No wave takes more than the rest of the radius."""


def sphere_directions(count: int = DIRECTIONS) -> NDArray[np.float32]:
    """Unit vectors that cover the sphere evenly (Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    angle = np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Blob:
    """An ellipsoid whose radius is changed by waves over its surface.

    Attributes:
        center: LPS mm.
        semi_axes: mm, before the waves.
        rotation: rows are the axes of the ellipsoid in LPS.
        waves: each a wave vector, phase and amplitude; the radius along the unit vector d of the
            ellipsoid's own frame is ``1 + sum of amplitude * cos(wave . d + phase)``.
    """

    center: Vector
    semi_axes: Vector
    rotation: Rows
    waves: tuple[Wave, ...]

    def surface(self) -> NDArray[np.float64]:
        """Points on the surface in LPS mm, as dense as the shortest waves ask for."""
        directions = sphere_directions(SURFACE_POINTS)
        return np.asarray(self.center) + directions * self.radii(directions)[:, None]

    def _unit_radius(self, directions: Tensor) -> Tensor:
        """Radius factor along unit vectors ``(3, n)`` of the ellipsoid's own frame."""
        if not self.waves:
            return directions.new_ones(directions.shape[1])
        waves = directions.new_tensor(self.waves)
        heights = waves[:, 3:4].addmm(waves[:, :3], directions).cos_()
        return (waves[:, 4] @ heights).add_(1).clamp_(min=LEAST_RADIUS)

    def radii(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance in mm from the center to the surface along unit vectors in LPS."""
        semi_axes = np.array(self.semi_axes, "f4")[:, None]
        own = np.array(self.rotation, np.float32) @ directions.T / semi_axes
        length = np.linalg.norm(own, axis=0)
        return np.asarray(self._unit_radius(on(own / length, "cpu")).numpy() / length)

    def distance(self, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """Distance to the surface in mm, negative inside, and the outward normal in LPS.

        To first order: exact at the surface but for the slope of the waves, which widens the
        steepest flanks of a lobulated shape by about a tenth. Each component lies by itself in
        memory: with vectors of three it would take twice as long.

        Args:
            offsets: vectors in LPS mm from the center, ``(..., 3)``.
        """
        rotation, semi = offsets.new_tensor(self.rotation), offsets.new_tensor(self.semi_axes)
        semi = semi[:, None]
        own = (rotation / semi) @ offsets.reshape(-1, 3).T
        radius = own.square().sum(dim=0).sqrt_().add_(1e-6)
        own /= radius
        radius -= self._unit_radius(own)
        own /= semi
        steepness = own.square().sum(dim=0).sqrt_().add_(1e-6)
        radius /= steepness
        own /= steepness
        normal = (rotation.T @ own).T
        return radius.reshape(offsets.shape[:-1]), normal.reshape(offsets.shape)

    def near(self, offsets: Tensor, reach_mm: float) -> Tensor:
        """Which vectors may end within a reach of the surface, or inside; the rest is farther.

        An ellipsoid about it all, which is many times quicker than the distance.

        Args:
            offsets: vectors in LPS mm from the center, ``(..., 3)``.
            reach_mm: distance from the surface.
        """
        directions = on(sphere_directions(SURFACE_POINTS).T, str(offsets.device))
        longest = float(self._unit_radius(directions).max()) * (1 + BETWEEN_POINTS)
        semi = offsets.new_tensor(self.semi_axes) * longest + reach_mm
        to_ball = offsets.new_tensor(self.rotation) / semi[:, None]
        own = to_ball @ offsets.reshape(-1, 3).T
        return (own.square().sum(dim=0) <= 1).reshape(offsets.shape[:-1])

    def ellipsoid_share(self) -> float:
        """Share in the ellipsoid of the same center, moments and volume, to about half a percent.

        Summed over points that each stand for as much of the volume along their direction; what is
        measured on a mask is `PASTALib.attributes.ellipsoid_fit`.
        """
        directions = sphere_directions(FIT_DIRECTIONS)
        radii = self.radii(directions)
        shift = np.modf(np.arange(FIT_DIRECTIONS) * GOLDEN)[0][:, None]
        depth = ((np.arange(FIT_SHELLS) + shift) / FIT_SHELLS) ** (1 / 3)
        points = (directions[:, None] * (radii[:, None] * depth)[..., None]).reshape(-1, 3)
        weight = np.repeat(radii**3, FIT_SHELLS)
        weight /= weight.sum()
        points -= weight @ points
        moments = (points.T * weight) @ points
        volume = np.mean(radii**3)  # of a ball of radius 1 it is 1
        limit = (volume / np.linalg.det(moments) ** 0.5) ** (2 / 3)
        distance = np.einsum("ni,ni->n", points @ np.linalg.inv(moments), points)
        return float(weight[distance <= limit].sum())

    def volume(self) -> float:
        """Volume in cubic mm, to about a percent."""
        return float(np.mean(self.radii(sphere_directions(256)) ** 3) * 4 / 3 * np.pi)


@dataclass(frozen=True)
class Family:
    """How far shapes of one kind differ from ellipsoids.

    Attributes:
        ratio: range of the middle axis relative to the longest; the shortest has the same relative
            to the middle one.
        layers: number of waves, their wave number, and the root of the summed squared amplitudes.
    """

    ratio: tuple[float, float]
    layers: tuple[tuple[int, float, float], ...]


ROUND = Family((0.76, 0.99), ((4, 2.2, 0.08), (8, 4.5, 0.075), (12, 9.0, 0.045)))
IRREGULAR = Family((0.68, 0.97), ((4, 2.4, 0.17), (10, 5.0, 0.15), (14, 9.0, 0.09)))
"""Fitted to real masks: of 50 kidney tumors (KiTS19) the sphericity is 0.82, 0.89, 0.94 (10th, 50th
and 90th percentile), the share in the ellipsoid of their moments 0.85, 0.91, 0.94, the axis ratios
0.85 and 0.76 in the median. At 30 mm and 1 mm voxels the round family has 0.94 to 0.96 and 0.93 to
0.95, the irregular one 0.84 to 0.88 and 0.84 to 0.88."""
SMOOTH = Family((0.85, 1.0), ((3, 2.0, 0.025),))
FACETED = Family((0.62, 0.95), ((3, 2.2, 0.07), (6, 4.0, 0.09)))
"""Stones are longer than thick and worn to facets."""


def draw_blob(long_axis_mm: float, family: Family, rng: np.random.Generator) -> Blob:
    """A blob about zero with the given long axis in the axial plane.

    Args:
        long_axis_mm: longest diameter in the plane ``z = 0``.
        family: how it may look.
        rng: source of all randomness.
    """
    turn, tilt = rng.uniform(0, np.pi), rng.normal(0, 0.5)
    c, s = np.cos(turn), np.sin(turn)
    about_z = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    c, s = np.cos(tilt), np.sin(tilt)
    rotation = np.array([[1, 0, 0], [0, c, s], [0, -s, c]]) @ about_z
    middle = rng.uniform(*family.ratio)
    ratios = np.array([1.0, middle, middle * rng.uniform(*family.ratio)])
    if rng.random() < 1 / 3:  # as often longest along the body as across it
        ratios = ratios[::-1]
    waves: list[Wave] = []
    for count, number, amplitude in family.layers:
        heights = rng.uniform(0.4, 1.3, count)
        heights *= amplitude * rng.uniform(0.7, 1.3) / np.linalg.norm(heights)
        for height in heights:
            vector = rng.normal(size=3)
            vector *= number * rng.uniform(0.8, 1.2) / np.linalg.norm(vector)
            x, y, z = vector.tolist()
            waves.append((x, y, z, float(rng.uniform(0, 2 * np.pi)), float(height)))
    raw = Blob((0.0, 0.0, 0.0), as_vector(ratios), rows(rotation), tuple(waves))
    angles = np.linspace(0, np.pi, 60, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles), np.zeros(60)], axis=1).astype(np.float32)
    edge = np.concatenate([around, -around])
    width = np.ptp((edge * raw.radii(edge)[:, None]) @ around.T, axis=0).max()
    return Blob(raw.center, as_vector(ratios * long_axis_mm / width), raw.rotation, raw.waves)


def rows(matrix: NDArray) -> Rows:
    """A 3 x 3 matrix as tuples."""
    return as_vector(matrix[0]), as_vector(matrix[1]), as_vector(matrix[2])
