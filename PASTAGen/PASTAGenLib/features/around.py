"""What is seen around lesions: spicules, ground-glass halo, stranding of fat, a dilated duct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from PASTAGenLib.features.canvas import Canvas
from PASTAGenLib.features.paths import nearest_on
from PASTALib.geometry import Vector

if TYPE_CHECKING:
    from torch import Tensor

FAT_RANGE_HU = (-140.0, -30.0)


@dataclass(frozen=True)
class Rays:
    """Thin strands that run outward from the surface.

    Attributes:
        directions: unit vectors in LPS.
        lengths: mm beyond the surface.
        width_mm: diameter at the surface; they taper.
    """

    directions: tuple[Vector, ...]
    lengths: tuple[float, ...]
    width_mm: float
    hu: float
    relative: bool = False
    name: str = ""
    kind: ClassVar[str] = "rays"
    outside: ClassVar[bool] = True
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    @property
    def reach_mm(self) -> float:
        """Up to the longest tip."""
        return max(self.lengths)

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the strands in each voxel."""
        near = (canvas.away > -canvas.blur_mm) & (canvas.away < self.reach_mm)
        offsets, away = canvas.offsets[near], canvas.away[near]
        total = away.new_zeros(away.shape)
        along_all = offsets @ offsets.new_tensor(self.directions).T
        square = offsets.square().sum(dim=-1)
        for number, length in enumerate(self.lengths):
            along = along_all[..., number]
            across = (square - along.square()).clamp(min=0).sqrt()
            left = (1 - away / length).clamp(0, 1) * (along > 0)
            radius = 0.5 * self.width_mm * left
            # A strand thinner than the blur keeps its amount and loses its height.
            spread = (radius.square() + canvas.blur_mm**2).sqrt()
            height = (radius / spread).square()
            total = total.maximum(height * (-0.5 * (across / spread).square()).exp())
        return canvas.away.new_zeros(canvas.away.shape).masked_scatter(near, total.clamp(max=1))


@dataclass(frozen=True)
class Halo:
    """A layer around the lesion that fades outward: ground glass, edema, perfusion.

    Attributes:
        width_mm: where it has fallen to a third.
        strength: share at the surface.
    """

    width_mm: float
    strength: float
    hu: float
    relative: bool = False
    name: str = ""
    kind: ClassVar[str] = "halo"
    outside: ClassVar[bool] = True
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    @property
    def reach_mm(self) -> float:
        """Nothing is left beyond two and a half widths."""
        return 2.5 * self.width_mm

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the halo in each voxel."""
        depth = canvas.away.clamp(min=0) / self.width_mm
        return self.strength * (-depth.square()).exp()


@dataclass(frozen=True)
class Stranding:
    """Fat near the lesion that is streaked with fluid and fibers; other tissue is left alone.

    Attributes:
        width_mm: where it has fallen to a third.
        strength: share at the surface.
        streaks: wave vector in LPS (radians per mm) and phase of each streak pattern.
    """

    width_mm: float
    strength: float
    streaks: tuple[tuple[float, float, float, float], ...]
    hu: float = 10.0
    relative: bool = False
    name: str = ""
    kind: ClassVar[str] = "stranding"
    outside: ClassVar[bool] = True
    ground: ClassVar[Literal["organ", "fat"]] = "fat"

    @property
    def reach_mm(self) -> float:
        """Nothing is left beyond two and a half widths."""
        return 2.5 * self.width_mm

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of fluid in each voxel of fat."""
        low, high = FAT_RANGE_HU
        fat = ((canvas.hu - low) / 20).clamp(0, 1) * ((high - canvas.hu) / 20).clamp(0, 1)
        depth = canvas.away.clamp(min=0) / self.width_mm
        streaks = canvas.offsets.new_tensor(self.streaks)
        waves = (canvas.offsets @ streaks[:, :3].T + streaks[:, 3]).cos().mean(dim=-1)
        pattern = (0.5 + 1.2 * waves).clamp(0, 1)
        return self.strength * fat * pattern * (-depth.square()).exp()


@dataclass(frozen=True)
class Duct:
    """A dilated duct upstream of the lesion.

    Attributes:
        path: LPS mm from the lesion's center, from the lesion on.
        radius_mm: of the duct.
    """

    path: tuple[Vector, ...]
    radius_mm: float
    hu: float
    relative: bool = False
    name: str = ""
    kind: ClassVar[str] = "duct"
    outside: ClassVar[bool] = True
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    @property
    def around_mm(self) -> float:
        """How far from its path anything changes."""
        return 3 * self.radius_mm

    @property
    def reach_mm(self) -> float:
        """As far as the path goes, counted from the center."""
        return max(sum(x * x for x in point) ** 0.5 for point in self.path) + 2 * self.radius_mm

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the duct in each voxel."""
        points = canvas.offsets.new_tensor(self.path)
        wide = 2 * self.radius_mm + 3 * canvas.blur_mm
        low, high = points.amin(dim=0) - wide, points.amax(dim=0) + wide
        near = ((canvas.offsets > low) & (canvas.offsets < high)).all(dim=-1)
        away, _, _ = nearest_on(self.path, canvas.offsets[near])
        cover = canvas.inside(away - self.radius_mm)
        return canvas.away.new_zeros(canvas.away.shape).masked_scatter(near, cover)
