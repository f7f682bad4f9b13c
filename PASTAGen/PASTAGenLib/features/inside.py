"""What is seen inside of lesions: necrosis, cavities, solid parts, septa, calcification, layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from PASTAGenLib.features.canvas import Canvas
from PASTAGenLib.shape import Blob
from PASTALib.geometry import Vector

if TYPE_CHECKING:
    from torch import Tensor


ENDS_SD = 6.0
"""So many sigma beyond its surface nothing is left of a body, to the last digit."""


@dataclass(frozen=True)
class Core:
    """A body inside of the lesion: necrosis, cavity, the solid part of a part-solid nodule.

    Attributes:
        body: its shape; the center counts from the lesion's.
        hu: HU that it has.
        edge_mm: sigma of its own edge.
        wall_mm: it keeps this far from the lesion's surface.
    """

    body: Blob
    hu: float
    edge_mm: float
    wall_mm: float
    relative: bool = False
    reach_mm: float = 0.0
    name: str = ""
    kind: ClassVar[str] = "core"
    outside: ClassVar[bool] = False
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the body in each voxel."""
        near = canvas.away < ENDS_SD * (canvas.blur_mm**2 + self.edge_mm**2) ** 0.5 - self.wall_mm
        center = canvas.offsets.new_tensor(self.body.center)
        away, _ = self.body.distance(canvas.offsets[near] - center)
        cover = canvas.inside(away.maximum(canvas.away[near] + self.wall_mm), self.edge_mm)
        return canvas.away.new_zeros(canvas.away.shape).masked_scatter(near, cover)


@dataclass(frozen=True)
class Shell:
    """A layer along the lesion's surface: capsule, enhancing rim, wall, sclerotic margin.

    Attributes:
        inner_mm, outer_mm: where it begins and ends, by the distance from the surface.
        hu: see `Feature`.
        edge_mm: sigma of its own edges.
    """

    inner_mm: float
    outer_mm: float
    hu: float
    relative: bool
    edge_mm: float = 0.2
    name: str = ""
    kind: ClassVar[str] = "shell"
    outside: ClassVar[bool] = False
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    @property
    def reach_mm(self) -> float:
        """Up to its outer edge."""
        return max(self.outer_mm, 0.0)

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the layer in each voxel."""
        outer = canvas.inside(canvas.away - self.outer_mm, self.edge_mm)
        return outer - canvas.inside(canvas.away - self.inner_mm, self.edge_mm)


@dataclass(frozen=True)
class Laminae:
    """Layers one in the other, as in laminated stones: HU swing about the mean by depth."""

    period_mm: float
    hu: float
    relative: bool = True
    reach_mm: float = 0.0
    name: str = ""
    kind: ClassVar[str] = "laminae"
    outside: ClassVar[bool] = False
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    def cover(self, canvas: Canvas) -> Tensor:
        """Cosine of the depth, weaker where the scan cannot show the layers."""
        number = 6.2832 / self.period_mm
        seen = 2.718281828 ** (-0.5 * (number * canvas.blur_mm) ** 2)
        return (canvas.away * number).cos() * seen


@dataclass(frozen=True)
class Septa:
    """Thin sheets through a cyst.

    Attributes:
        planes: unit normal in LPS and distance in mm from the lesion's center.
        thickness_mm: of each sheet.
        bend_mm: how far they are bent from planes.
    """

    planes: tuple[tuple[float, float, float, float], ...]
    thickness_mm: float
    bend_mm: float
    hu: float
    relative: bool = True
    reach_mm: float = 0.0
    name: str = ""
    kind: ClassVar[str] = "septa"
    outside: ClassVar[bool] = False
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the sheets in each voxel."""
        planes = canvas.offsets.new_tensor(self.planes)
        total = canvas.away.new_zeros(canvas.away.shape)
        for plane in planes:
            across = canvas.offsets @ plane[:3] - plane[3]
            bent = across + self.bend_mm * (canvas.offsets @ plane[:3].roll(1) / 6).sin()
            half = 0.5 * self.thickness_mm
            total = total.maximum(canvas.inside(bent - half) - canvas.inside(bent + half))
        return total


@dataclass(frozen=True)
class Specks:
    """Grains of calcium.

    Attributes:
        centers: LPS mm from the lesion's center.
        radii: mm.
    """

    centers: tuple[Vector, ...]
    radii: tuple[float, ...]
    hu: float
    relative: bool = False
    reach_mm: float = 0.0
    name: str = ""
    kind: ClassVar[str] = "specks"
    outside: ClassVar[bool] = False
    ground: ClassVar[Literal["organ", "fat"]] = "organ"

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of the grains in each voxel; a grain smaller than the blur is fainter."""
        total = canvas.away.new_zeros(canvas.away.shape)
        for center, radius in zip(self.centers, self.radii, strict=True):
            away = (canvas.offsets - canvas.offsets.new_tensor(center)).norm(dim=-1) - radius
            fainter = radius**3 / (radius**2 + canvas.blur_mm**2) ** 1.5
            total = total.maximum(canvas.inside(away) * fainter)
        return total
