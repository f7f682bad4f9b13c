"""What is in the picture: measured on the mask, and as it was planned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.insertion import Inserted
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTALib.attributes import CORE_VOXELS, core_of, usual_surface
from PASTALib.catalog import Phase, catalog
from PASTALib.lesions import Lesion
from PASTALib.margin import OWN_SURFACE


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
        planned_long_axis_mm: long axis in the axial plane as planned; the organ may cut it.
        long_axis_mm: long axis in the axial plane, measured on the mask.
        volume_mm3: volume of the mask.
        voxels: voxels of the mask.
        voxel_mm: spacing of the scan, the middle one of three.
        wall_bound: whether it is a layer on a wall, whose size is its longest diameter.
        longest_mm: longest diameter in space, measured on the mask.
        planned_hu: mean HU as planned, features included, without partial volume: of the core
            where the lesion has one.
        mean_hu: mean over the mask.
        sd_hu: standard deviation over the mask.
        core_hu, core_sd_hu, core_voxels: the same over its core, see `attributes.core_of`.
        organ_hu: median of the structure before.
        contacts: structures of other organs within 2 mm.
        features: names of what else is seen in and around it.
        attributes: PASTA's five attributes with its strings: shape, density, heterogeneity and
            surface as planned, invasion from the contacts. Where the picture cannot hold what was
            planned they say what it holds: fewer than ten voxels have no texture, a lesion that
            is all partial volume has the margin that is usual for its type, and a soft edge that
            the organ's own border cuts off on most of the surface is well-defined.
        measured: the same attributes as an independent measurement of image and mask finds them.
    """

    type: str
    subtype: str
    organ: str
    structure: str
    phase: Phase
    center: tuple[float, float, float]
    planned_long_axis_mm: float
    long_axis_mm: float
    volume_mm3: float
    voxels: int
    voxel_mm: float
    wall_bound: bool
    longest_mm: float
    planned_hu: float
    mean_hu: float
    sd_hu: float
    core_hu: float
    core_sd_hu: float
    core_voxels: int
    organ_hu: float
    contacts: tuple[str, ...]
    features: tuple[str, ...]
    attributes: dict[str, str]
    measured: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """All facts as plain values for JSON."""
        return asdict(self)


def truth_of(plan: InsertionPlan, lesion: Lesion, inserted: Inserted) -> Truth:
    """The facts of an inserted lesion.

    Args:
        plan: its plan.
        lesion: what a measurement of the picture found.
        inserted: its box after insertion.
    """
    size = lesion.measurements
    density = plan.density
    even, _ = catalog().attributes["heterogeneity"].values
    geometry = lesion.region.geometry
    inner = core_of(inserted.mask, geometry.spacing_zyx)
    core = np.zeros(0) if inner is None else inserted.hu[inner].astype(np.float64)
    return Truth(
        type=plan.type,
        subtype=density.subtype,
        organ=lesion.organ,
        structure=plan.host,
        phase=plan.phase,
        center=size.centroid,
        planned_long_axis_mm=plan.long_axis_mm,
        long_axis_mm=size.long_axis.length_mm,
        volume_mm3=size.volume_mm3,
        voxels=size.voxels,
        voxel_mm=float(np.median(geometry.spacing_zyx)),
        wall_bound=plan.thickness_mm is not None,
        longest_mm=size.diameter_3d.length_mm,
        planned_hu=inserted.planned_hu,
        mean_hu=lesion.hu.mean,
        sd_hu=lesion.hu.sd,
        core_hu=float(core.mean()) if core.size else inserted.planned_hu,
        core_sd_hu=float(core.std()) if core.size else 0.0,
        core_voxels=int(core.size),
        organ_hu=density.base_hu,
        contacts=tuple(contact.structure for contact in lesion.contacts),
        features=plan.feature_names,
        attributes={
            "shape": plan.shape,
            "density": density.density,
            "heterogeneity": density.heterogeneity if size.voxels >= CORE_VOXELS else even,
            "surface": _surface(plan, inserted, small=inner is None),
            "invasion": lesion.attributes["invasion"].value,
        },
        measured={key: found.value for key, found in lesion.attributes.items()},
    )


def _surface(plan: InsertionPlan, inserted: Inserted, *, small: bool) -> str:
    """The margin that the picture can show of the one that was planned."""
    sharp, _ = catalog().attributes["surface"].values
    if small:
        return usual_surface(catalog().lesion_types[plan.type])
    own = free_edge(inserted.mask, inserted.share) >= OWN_SURFACE
    return plan.density.surface if own else sharp


def free_edge(mask: NDArray[np.bool_], share: NDArray[np.float32]) -> float:
    """Part of a lesion's voxel faces that its own edge crosses; at the others its organ ends."""
    faces = free = 0
    for axis in range(3):
        inside, beyond = np.moveaxis(mask, axis, 0), np.moveaxis(share, axis, 0)
        for step in (1, -1):
            out = inside[::step][:-1] & ~inside[::step][1:]
            faces += int(np.count_nonzero(out))
            free += int(np.count_nonzero(out & (beyond[::step][1:] > 0)))
    return free / max(faces, 1)
