"""What is in the picture: measured on the mask, and as it was planned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.grid import Grid
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTALib.catalog import Phase, catalog


@dataclass(frozen=True)
class Truth:
    """Facts of one inserted lesion.

    Attributes:
        type: lesion type of the catalogue.
        subtype: its subtype.
        organ: one of the ten organs.
        structure: the structure that holds it.
        phase: contrast phase.
        center: LPS mm, centroid of the mask.
        long_axis_mm: long axis in the axial plane as planned; the organ may cut it.
        volume_mm3: volume of the mask.
        voxels: voxels of the mask.
        mean_hu: mean over the mask.
        sd_hu: standard deviation over the mask.
        planned_hu: mean HU as planned, without partial volume.
        organ_hu: median of the organ before.
        attributes: PASTA's five attributes with its strings.
    """

    type: str
    subtype: str
    organ: str
    structure: str
    phase: Phase
    center: tuple[float, float, float]
    long_axis_mm: float
    volume_mm3: float
    voxels: int
    mean_hu: float
    sd_hu: float
    planned_hu: float
    organ_hu: float
    attributes: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """All facts as plain values for JSON."""
        return asdict(self)


def truth_of(
    plan: InsertionPlan, grid: Grid, hu: NDArray[np.int16], mask: NDArray[np.bool_]
) -> Truth:
    """Measure the mask in the box of a plan."""
    inside = hu[mask].astype(np.float64)
    low = np.array([first for first, _ in plan.box])
    x, y, z = (float(v) for v in grid.points(np.argwhere(mask).mean(0) + low))
    return Truth(
        type=plan.type,
        subtype=plan.density.subtype,
        organ=catalog().lesion_types[plan.type].organ,
        structure=plan.host,
        phase=plan.phase,
        center=(x, y, z),
        long_axis_mm=plan.long_axis_mm,
        volume_mm3=float(mask.sum()) * grid.voxel_volume,
        voxels=int(mask.sum()),
        mean_hu=float(inside.mean()),
        sd_hu=float(inside.std()),
        planned_hu=plan.density.mean_hu,
        organ_hu=plan.density.base_hu,
        attributes={
            "shape": plan.shape,
            "density": plan.density.density,
            "heterogeneity": plan.density.heterogeneity,
            "surface": plan.density.surface,
            "invasion": "No close relationship with adjacent structures",
        },
    )
