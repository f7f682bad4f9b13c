"""What a feature is painted on, and what all features have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from PASTAGenLib.tensors import normal_cdf

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Canvas:
    """The voxels around a lesion, ``[z, y, x]``, all on one device.

    Attributes:
        offsets: LPS mm from the lesion's center, ``[z, y, x, 3]``.
        away: distance in mm from the lesion's surface, negative inside.
        hu: HU before the lesion, without noise.
        blur_mm: sigma of the blur that scanner and voxels give to every edge.
    """

    offsets: Tensor
    away: Tensor
    hu: Tensor
    blur_mm: float

    def inside(self, distance: Tensor, edge_mm: float = 0.0) -> Tensor:
        """Share of each voxel that is inside of a surface, by the distance to it in mm.

        Args:
            distance: mm, negative inside.
            edge_mm: sigma of the surface's own softness.
        """
        return normal_cdf(-distance / (self.blur_mm**2 + edge_mm**2) ** 0.5)


class Feature(Protocol):
    """Something that is seen in or around a lesion besides its own tissue.

    Attributes:
        name: as radiologists call it and requests ask for it, such as ``capsule``; several are
            drawn by the same kind.
        hu: HU that it has or, where `relative`, that it adds.
        relative: see `hu`.
        outside: whether it lies around the lesion, on the patient's own tissue.
        ground: where it may be seen: in the lesion's organ, or in unlabelled fat.
    """

    kind: ClassVar[str]
    outside: ClassVar[bool]
    ground: ClassVar[Literal["organ", "fat"]]

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def hu(self) -> float: ...  # noqa: D102

    @property
    def relative(self) -> bool: ...  # noqa: D102

    @property
    def reach_mm(self) -> float:
        """How far from the lesion's surface it can reach."""

    def cover(self, canvas: Canvas) -> Tensor:
        """Share of it in each voxel, 0 to 1 (-1 to 1 where it swings about the tissue's HU)."""


def paint(feature: Feature, canvas: Canvas, tissue: Tensor, cover: Tensor) -> Tensor:
    """Tissue with a feature over it."""
    if feature.relative:
        return tissue + cover * feature.hu
    return tissue + cover * (feature.hu - tissue)
