"""Distances from a path, for what is drawn along one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PASTALib.geometry import Vector

if TYPE_CHECKING:
    from torch import Tensor

FAR_MM = 1e6


def nearest_on(path: Sequence[Vector], offsets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest place on a path for each of some vectors.

    Args:
        path: corners, mm.
        offsets: vectors ``(n, 3)``, mm.

    Returns:
        Distance in mm, unit vector from the path outward, and where on the path: 0 at its first
        corner, 1 at its last.
    """
    points = offsets.new_tensor(path)
    lengths = (points[1:] - points[:-1]).norm(dim=-1)
    total, before = lengths.sum(), lengths.cumsum(0) - lengths
    square = offsets.new_full(offsets.shape[:1], FAR_MM**2)
    gap, share = offsets.new_zeros(offsets.shape), offsets.new_zeros(offsets.shape[:1])
    for number in range(len(path) - 1):
        first, step = points[number], points[number + 1] - points[number]
        part = ((offsets - first) @ step / step.square().sum()).clamp(0, 1)
        here = offsets - first - part[..., None] * step
        nearer = here.square().sum(dim=-1) < square
        square = here.square().sum(dim=-1).minimum(square)
        gap = here.where(nearer[..., None], gap)
        share = ((before[number] + part * lengths[number]) / total).where(nearer, share)
    away = square.sqrt()
    return away, gap / away.clamp(min=1e-6)[..., None], share
