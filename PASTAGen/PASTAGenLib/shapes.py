"""Shapes as implicit functions in physical space, so that any voxel grid can be asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]

DIRECTIONS = 64
"""Directions that are looked at to fit a shape into an organ."""


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
        waves: each a wave vector, phase and amplitude; the radius along the unit vector d is
            ``1 + sum of amplitude * cos(wave . d + phase)``. Short vectors deform the body,
            long ones make lobules and roughness.
    """

    center: Vector
    semi_axes: Vector
    rotation: tuple[Vector, Vector, Vector]
    waves: tuple[tuple[float, float, float, float, float], ...]

    @property
    def reach_mm(self) -> float:
        """No point of the blob is farther from its center."""
        return max(self.semi_axes) * (1 + sum(abs(wave[4]) for wave in self.waves))

    def _unit_radius(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Radius factor along unit vectors of the ellipsoid's own frame."""
        radius = np.ones(directions.shape[:-1], np.float32)
        for x, y, z, phase, amplitude in self.waves:
            radius += np.float32(amplitude) * np.cos(
                directions @ np.array([x, y, z], np.float32) + np.float32(phase)
            )
        return np.maximum(radius, np.float32(0.3))

    def radii(self, directions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance in mm from the center to the surface along unit vectors in LPS."""
        own = directions @ np.array(self.rotation, np.float32).T / np.array(self.semi_axes, "f4")
        length = np.linalg.norm(own, axis=-1)
        return np.asarray(self._unit_radius(own / length[..., None]) / length)

    def distance(
        self, offsets: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Distance to the surface in mm, negative inside, and the outward normal.

        Args:
            offsets: vectors in mm from the center, ``(..., 3)``.
        """
        rotation = np.array(self.rotation, np.float32)
        semi = np.array(self.semi_axes, np.float32)
        own = offsets @ rotation.T / semi
        radius = np.sqrt(np.einsum("...k,...k->...", own, own)) + np.float32(1e-6)
        own /= radius[..., None]
        gradient = own / semi
        steepness = np.sqrt(np.einsum("...k,...k->...", gradient, gradient)) + np.float32(1e-6)
        away = (radius - self._unit_radius(own)) / steepness
        return away, (gradient / steepness[..., None]) @ rotation

    def volume(self) -> float:
        """Volume in cubic mm, to about a percent."""
        return float(np.mean(self.radii(sphere_directions(256)) ** 3) * 4 / 3 * np.pi)


def draw_blob(
    long_axis_mm: float, shape: str, roundness: tuple[float, float], rng: np.random.Generator
) -> Blob:
    """A blob about zero with the given long axis in the axial plane.

    Args:
        long_axis_mm: longest chord through the center in the plane ``z = 0``.
        shape: one of PASTA's shapes; ``Irregular`` gets more and shorter waves.
        roundness: range of the shorter axes relative to the longest.
        rng: source of all randomness.
    """
    turn, tilt = rng.uniform(0, np.pi), rng.normal(0, 0.35)
    c, s = np.cos(turn), np.sin(turn)
    about_z = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    c, s = np.cos(tilt), np.sin(tilt)
    rotation = np.array([[1, 0, 0], [0, c, s], [0, -s, c]]) @ about_z
    ratios = np.array([1.0, rng.uniform(*roundness), rng.uniform(*roundness)])
    irregular = shape in ("Irregular", "Wall thickening")
    # Low waves for all (amplitude falls with frequency); irregular shapes add lobules.
    layers = [(3, 2.0, 0.05)] if not irregular else [(3, 2.4, 0.13), (6, 5.0, 0.09)]
    waves = []
    for count, frequency, amplitude in layers:
        for _ in range(count):
            vector = rng.normal(size=3)
            vector *= frequency * rng.uniform(0.7, 1.3) / np.linalg.norm(vector)
            phase, height = rng.uniform(0, 2 * np.pi), amplitude * rng.uniform(0.4, 1.3)
            waves.append((*vector.tolist(), float(phase), float(height)))
    raw = Blob((0.0, 0.0, 0.0), _vector(ratios), _rows(rotation), tuple(waves))
    angles = np.linspace(0, np.pi, 90, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles), np.zeros(90)], axis=1).astype(np.float32)
    chord = float((raw.radii(around) + raw.radii(-around)).max())
    return Blob(raw.center, _vector(ratios * long_axis_mm / chord), raw.rotation, raw.waves)


def _vector(values: NDArray) -> Vector:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _rows(matrix: NDArray) -> tuple[Vector, Vector, Vector]:
    return _vector(matrix[0]), _vector(matrix[1]), _vector(matrix[2])
