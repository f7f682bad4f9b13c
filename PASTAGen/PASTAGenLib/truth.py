"""What is in the picture: measured on the mask, and as it was planned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.insertion_plan import InsertionPlan
from PASTALib.attributes import CLOSE_FRACTION, CLOSE_MM2, CORE_VOXELS
from PASTALib.catalog import Phase, catalog
from PASTALib.contacts import find_contacts
from PASTALib.geometry import Geometry
from PASTALib.measure import measure
from PASTALib.region import Region

HALF = 0.5


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
        planned_hu: mean HU as planned, without partial volume.
        mean_hu: mean over the mask.
        sd_hu: standard deviation over the mask.
        organ_hu: median of the structure before.
        contacts: structures of other organs within 2 mm.
        attributes: PASTA's five attributes with its strings: shape, density, heterogeneity and
            surface as planned, invasion from the contacts. Where the picture cannot hold what was
            planned they say what it holds: fewer than ten voxels have no texture, and a soft edge
            that the organ's own border cuts off on most of the surface is well-defined.
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
    planned_hu: float
    mean_hu: float
    sd_hu: float
    organ_hu: float
    contacts: tuple[str, ...]
    attributes: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """All facts as plain values for JSON."""
        return asdict(self)


def truth_of(
    plan: InsertionPlan,
    ct: sitk.Image,
    hu: NDArray[np.int16],
    mask: NDArray[np.bool_],
    share: NDArray[np.float32],
    organs: NDArray[np.uint8],
) -> Truth:
    """Measure an inserted lesion.

    Args:
        plan: its plan.
        ct: image with the geometry of the scan.
        hu: HU in the plan's box after insertion.
        mask: lesion voxels in the plan's box.
        share: share of lesion in each voxel of the plan's box.
        organs: labels of the whole scan.
    """
    start = (plan.box[0][0], plan.box[1][0], plan.box[2][0])
    region = Region.of(mask, Geometry.of(ct), start)
    assert region is not None  # a lesion has at least one voxel
    size = measure(region)
    organ = catalog().lesion_types[plan.type].organ
    contacts = find_contacts(region, organs, catalog().organ_labels(organ), size.surface_mm2)
    touched = sum(contact.area_mm2 for contact in contacts)
    apart, close = catalog().attributes["invasion"].values
    density = plan.density
    even, _ = catalog().attributes["heterogeneity"].values
    sharp, _ = catalog().attributes["surface"].values
    inside = hu[mask].astype(np.float64)
    return Truth(
        type=plan.type,
        subtype=density.subtype,
        organ=organ,
        structure=plan.host,
        phase=plan.phase,
        center=size.centroid,
        planned_long_axis_mm=plan.long_axis_mm,
        long_axis_mm=size.long_axis.length_mm,
        volume_mm3=size.volume_mm3,
        voxels=size.voxels,
        planned_hu=density.mean_hu,
        mean_hu=float(inside.mean()),
        sd_hu=float(inside.std()),
        organ_hu=density.base_hu,
        contacts=tuple(contact.structure for contact in contacts),
        attributes={
            "shape": plan.shape,
            "density": density.density,
            "heterogeneity": density.heterogeneity if size.voxels >= CORE_VOXELS else even,
            "surface": density.surface if free_edge(mask, share) >= HALF else sharp,
            "invasion": close
            if touched > max(CLOSE_MM2, CLOSE_FRACTION * size.surface_mm2)
            else apart,
        },
    )


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
