"""Mass effect: a growing lesion pushes its surroundings aside.

Tissue that lay just outside of where the lesion begins is moved outward along the surface's
normal, by the whole push at the surface and by nothing from the end of the warp on:
``u = push (1 - t)^2 (1 + 2 t)`` with t from 0 at the surface to 1 at the end. Its slope is at most
1.5 push / width, so with a width of at least `WIDTH_PER_PUSH` pushes the map is invertible. Bone
stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.tensors import gaussian, on, sampled
from PASTALib.geometry import Geometry

if TYPE_CHECKING:
    from torch import Tensor

WIDTH_PER_PUSH = 2.5
"""Slope of at most 0.6: no voxel is squeezed to less than 0.4 of its width."""
LEAST_MM = 0.05
"""A smaller displacement is none; those voxels keep their values to the bit."""
BONE_HU = 250.0
STIFF_MM = 4.0
"""Bone holds what is within this distance, less and less."""


@dataclass(frozen=True, eq=False)
class Shift:
    """Tissue that has been moved.

    Attributes:
        moving: bool ``[z, y, x]``, voxels that get tissue from elsewhere.
        steps: where that tissue comes from, for each of them as index steps ``(n, 3)`` from it.
    """

    moving: Tensor
    steps: Tensor

    @classmethod
    def of(cls, near: Tensor, steps: Tensor) -> Shift:
        """From the steps ``(n, 3)`` of the voxels in a mask ``[z, y, x]``; some may be zero."""
        moves = (steps != 0).any(dim=-1)
        return cls(near.masked_scatter(near, moves), steps[moves])

    @cached_property
    def sources(self) -> Tensor:
        """Fractional indices ``(n, 3)`` at which the tissue was before."""
        return self.moving.nonzero() + self.steps

    def brought(self, field: Tensor) -> Tensor:
        """What comes to each moving voxel of a field ``[z, y, x]``, by linear interpolation."""
        return sampled(field, self.sources)


@dataclass(frozen=True)
class MassEffect:
    """How far the surroundings are moved.

    Attributes:
        push_mm: displacement at the lesion's surface.
        width_mm: distance from the surface at which nothing moves any more.
    """

    push_mm: float
    width_mm: float


def displacement(
    effect: MassEffect, away: Tensor, normal: Tensor, stiff: Tensor, geometry: Geometry
) -> Tensor:
    """Where the tissue of each voxel comes from, as index steps ``(..., 3)`` from the voxel.

    Args:
        effect: push and width.
        away: distance in mm from the lesion's surface.
        normal: outward normals in LPS.
        stiff: 0 where tissue moves freely, 1 where it cannot, smooth.
        geometry: of the scan.
    """
    t = (away / effect.width_mm).clamp(0, 1)
    length = effect.push_mm * (1 - t).square() * (1 + 2 * t)
    return index_steps(-length[..., None] * normal, stiff, geometry)


def index_steps(vectors: Tensor, stiff: Tensor, geometry: Geometry) -> Tensor:
    """Displacements in LPS mm ``(..., 3)`` as index steps, less where tissue is stiff."""
    vectors = vectors * (1 - stiff)[..., None]
    vectors = vectors * (vectors.square().sum(dim=-1, keepdim=True) > LEAST_MM**2)
    return vectors @ on(geometry.inverse_zyx.T, str(vectors.device))


def stiffness(hu: Tensor, fixed: Tensor, geometry: Geometry) -> Tensor:
    """1 in bone and where else nothing may move, falling smoothly to 0 around it."""
    hard = (fixed | (hu > BONE_HU)).to(hu.dtype)
    if not bool(hard.any()):
        return hard
    near = gaussian(hard, (STIFF_MM / 2 / geometry.spacing_zyx).tolist())
    return (4 * near).clamp(0, 1)


def moved(field: Tensor, shift: Shift) -> Tensor:
    """A field ``[z, y, x]`` after the displacement, by linear interpolation."""
    return field.masked_scatter(shift.moving, shift.brought(field))


def moved_labels(labels: NDArray[np.uint8], shift: Shift) -> NDArray[np.uint8]:
    """Labels after the displacement: each voxel takes that of the nearest place."""
    source = (shift.moving.nonzero() + shift.steps.round()).long().cpu().numpy()
    z, y, x = np.clip(source, 0, np.array(labels.shape) - 1).T
    after = labels.copy()
    after[shift.moving.cpu().numpy()] = labels[z, y, x]
    return after
