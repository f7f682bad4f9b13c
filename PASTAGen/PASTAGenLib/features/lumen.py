"""A tube that is wider over a piece of its length, with gas or fluid in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from PASTAGenLib.features.canvas import Canvas
from PASTAGenLib.features.paths import nearest_on
from PASTALib.geometry import Vector

if TYPE_CHECKING:
    from torch import Tensor

BEGINS_MM = 10.0
"""So long is the funnel from the narrow place."""
ENDS = 0.45
"""Over this share of its length, at the far end, the tube gets its own width back."""
GAS_HU = (-450.0, -200.0)
"""Below is gas, above is none."""
WIDTH_PER_PUSH = 2.5
"""Around the tube, tissue is moved up to so many widenings away, see `warp`."""


@dataclass(frozen=True)
class Lumen:
    """The dilated piece upstream of a narrow place.

    Tissue inside of the tube is stretched from its midline, what lies around it is pushed aside:
    from the distance r of the midline comes what was at ``r R / (R + p)`` inside, and at
    ``r - p (1 - t)^2 (1 + 2 t)`` outside, with the radius R, the widening p at this place of the
    midline, and t from 0 at the wall to 1 where nothing moves any more. Both grow with r, so the
    map is invertible.

    Attributes:
        path: midline in LPS mm from the lesion's center, from the lesion on.
        radius_mm: of the tube before, wall included.
        push_mm: what its radius grows by where it is widest.
        wall_mm: thickness of its wall after.
        hu: of what is in it.
    """

    path: tuple[Vector, ...]
    radius_mm: float
    push_mm: float
    wall_mm: float
    hu: float
    relative: bool = False
    name: str = ""
    kind: ClassVar[str] = "lumen"
    outside: ClassVar[bool] = True
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    @property
    def around_mm(self) -> float:
        """How far from its midline anything changes."""
        return self.radius_mm + (1 + WIDTH_PER_PUSH) * self.push_mm

    @property
    def reach_mm(self) -> float:
        """As far as the path goes, counted from the center, and around it."""
        return max(sum(x * x for x in point) ** 0.5 for point in self.path) + self.around_mm

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the lumen's content in each voxel; the lesion itself is left out."""
        near = self.near(canvas.offsets)
        away, _, share = nearest_on(self.path, canvas.offsets[near])
        wide = (self.radius_mm + self.push_mm - self.wall_mm) * self._widening(share)
        cover = canvas.inside(away - wide) * (wide > 0.5)
        cover = cover * canvas.inside(-canvas.away[near])
        if self.hu > GAS_HU[1]:  # gas that was found floats in the fluid on
            low, high = GAS_HU
            cover = cover * ((canvas.hu[near] - low) / (high - low)).clamp(0, 1)
        return canvas.away.new_zeros(canvas.away.shape).masked_scatter(near, cover)

    def displacement(self, offsets: Tensor, beyond: Tensor) -> Tensor:
        """Where the tissue of each voxel comes from, as vectors in LPS mm ``(..., 3)``.

        Args:
            offsets: LPS mm from the lesion's center, ``(..., 3)``.
            beyond: distance in mm from the lesion's surface; the lesion itself does not move.
        """
        near = self.near(offsets)
        away, outward, share = nearest_on(self.path, offsets[near])
        push = self.push_mm * self._widening(share) * (beyond[near] / BEGINS_MM).clamp(0, 1)
        t = ((away - self.radius_mm - push) / (WIDTH_PER_PUSH * self.push_mm)).clamp(0, 1)
        outside = push * (1 - t).square() * (1 + 2 * t)
        inside = away * push / (self.radius_mm + push)
        moved = -outside.minimum(inside)[..., None] * outward
        return offsets.new_zeros(offsets.shape).masked_scatter(near[..., None], moved)

    def near(self, offsets: Tensor) -> Tensor:
        """Which vectors ``(..., 3)`` end in the box of the path and its surroundings."""
        points = offsets.new_tensor(self.path)
        low, high = points.amin(dim=0) - self.around_mm, points.amax(dim=0) + self.around_mm
        return ((offsets > low) & (offsets < high)).all(dim=-1)

    def _widening(self, share: Tensor) -> Tensor:
        """0 to 1 by the share of the path: a funnel, the wide piece, and the way back."""
        length = sum(
            sum((b - a) ** 2 for a, b in zip(first, last, strict=True)) ** 0.5
            for first, last in zip(self.path, self.path[1:], strict=False)
        )
        opens = (share * length / BEGINS_MM).clamp(0, 1)
        closes = ((1 - share) / ENDS).clamp(0, 1)
        ramp = opens.minimum(closes)
        return ramp.square() * (3 - 2 * ramp)
