"""Lesions: connected instances of each type, measured and described."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.attributes import AttributeValue, density_reference, measure_attributes
from PASTALib.catalog import LesionType, catalog
from PASTALib.confidence import Calibration, raw_confidence
from PASTALib.contacts import Contact, find_contacts
from PASTALib.ct import CT, Segmentation
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.hu_statistics import HUStatistics, Reference, hu_statistics
from PASTALib.location import Location, Side, locate
from PASTALib.measure import Measurements, equivalent_diameter, measure
from PASTALib.region import Region
from PASTALib.surroundings import Surroundings

MINIMUM_DIAMETER_MM = 4.0
"""Volume-equivalent diameter below which a lesion is dropped."""
MINIMUM_STONE_DIAMETER_MM = 2.0
"""The same for stones, which stand out at a smaller size."""
MINIMUM_VOXELS = 3
STONES = ("gallstone", "kidney_stone")


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Attributes:
        id: ``L1``, ``L2`` and so on, by organ in the catalogue's order, then by falling volume.
        instance: label number in the instance map; the number in `id`.
        type: catalogue key of the lesion type.
        location: organ, structure, side and part.
        measurements: size and shape.
        hu: HU over all voxels of the lesion.
        organ_hu: HU of its structure without lesions and borders; None if that is not seen.
        reference: what its density is compared with.
        contacts: structures of other organs within 2 mm, the largest contact first.
        attributes: the five attributes by key.
        confidence: that this is a lesion, from the probability map and the model's calibration.
        type_confidence: that it is of this type: the share of its probability at voxels of which
            the network says that type.
        region: its voxels.
    """

    id: str
    instance: int
    type: str
    location: Location
    measurements: Measurements
    hu: HUStatistics
    organ_hu: HUStatistics | None
    reference: Reference
    contacts: tuple[Contact, ...]
    attributes: Mapping[str, AttributeValue]
    confidence: float
    type_confidence: float
    region: Region = field(repr=False, compare=False)

    @property
    def organ(self) -> str:
        """Key of one of the ten organs."""
        return self.location.organ

    @property
    def structure(self) -> str | None:
        """Catalogue key of the structure that holds it, if the segmentation shows it."""
        return self.location.structure

    @property
    def side(self) -> Side | None:
        """Side of the patient."""
        return self.location.side

    @property
    def part(self) -> str | None:
        """Lobe, vertebra or third."""
        return self.location.part


def minimum_diameter(lesion_type: str, model_spacing_mm: float | None = None) -> float:
    """Volume-equivalent diameter in mm below which a lesion of a type is dropped.

    4 mm (stones 2 mm), or what three voxels (stones one) of the model's grid amount to.
    """
    stone = lesion_type in STONES
    smallest = MINIMUM_STONE_DIAMETER_MM if stone else MINIMUM_DIAMETER_MM
    if model_spacing_mm is None:
        return smallest
    voxels = 1 if stone else MINIMUM_VOXELS
    # 0.98: a voxel of the model's grid is not an exact number of voxels of the CT.
    return max(smallest, 0.98 * equivalent_diameter(voxels * model_spacing_mm**3))


def is_large_enough(voxels: int, voxel_mm3: float, smallest_mm: float) -> bool:
    """Whether so many voxels of the CT are enough for a finding."""
    return voxels >= MINIMUM_VOXELS and equivalent_diameter(voxels * voxel_mm3) >= smallest_mm


def connected_parts(
    lesions: NDArray[np.uint8], label: int, box: tuple[slice, ...]
) -> Iterator[tuple[tuple[slice, slice, slice], NDArray[np.bool_]]]:
    """Box in the whole map, and voxels in that box, of each connected part (26 neighbors).

    Args:
        lesions: labels of lesion types ``[z, y, x]``.
        label: label of the type.
        box: where in the map to look.
    """
    parts, _ = ndimage.label(lesions[box] == label, structure=np.ones((3, 3, 3)))
    for part, place in enumerate(ndimage.find_objects(parts), 1):
        z, y, x = (
            slice(a.start + b.start, a.start + b.stop) for a, b in zip(box, place, strict=True)
        )
        yield (z, y, x), parts[place] == part


def find_lesions(
    ct: CT,
    segmentation: Segmentation,
    *,
    model_spacing_mm: float | None = None,
    calibration: Calibration | None = None,
) -> tuple[Lesion, ...]:
    """Connected lesions of each type (26 neighbors), measured, sorted by organ and size.

    Args:
        ct: the CT.
        segmentation: organs, lesions and probability in its geometry.
        model_spacing_mm: voxel size of the model's grid; raises the size below which lesions are
            dropped, see `minimum_diameter`.
        calibration: of the model, from raw to stated confidence.
    """
    calibrated = calibration or Calibration()
    around = Surroundings(ct, segmentation.organs, segmentation.lesions)
    probability, types = (
        sitk.GetArrayViewFromImage(image)
        for image in (segmentation.probability, segmentation.types or segmentation.lesions)
    )
    found = []
    for lesion_type in catalog().lesion_types.values():
        smallest = minimum_diameter(lesion_type.key, model_spacing_mm)
        for region in _instances(around, lesion_type.label, smallest):
            raw = raw_confidence(probability[region.slices][region.mask])
            diameter = equivalent_diameter(int(region.mask.sum()) * around.geometry.voxel_mm3)
            confidence = calibrated(lesion_type.key, raw, diameter)
            share = _type_share(region, lesion_type, types, probability)
            found.append(_describe(region, lesion_type, around, confidence, share))
    organs = list(catalog().organs)
    found.sort(key=lambda d: (organs.index(d["location"].organ), -d["measurements"].volume_mm3))
    return tuple(Lesion(id=f"L{k}", instance=k, **d) for k, d in enumerate(found, 1))


def measure_lesion(ct: CT, organs: sitk.Image, mask: sitk.Image, lesion_type: str) -> Lesion:
    """Measure one mask as a lesion of a type: a reader's edit, or a synthetic lesion's truth.

    The confidences are 1. The nonzero voxels are taken as one lesion, connected or not.

    Args:
        ct: the CT.
        organs: catalogue labels of structures in the CT's geometry.
        mask: nonzero inside the lesion, in the CT's geometry.
        lesion_type: catalogue key.

    Raises:
        PastaError: the type is not known, the mask is empty or of another size.
    """
    if lesion_type not in catalog().lesion_types:
        raise PastaError(f"'{lesion_type}' is not a lesion type of the PASTA catalogue.")
    if mask.GetSize() != ct.image.GetSize() or organs.GetSize() != ct.image.GetSize():
        raise PastaError(
            "The mask and the organs must have the same size as the CT; resample them."
        )
    region = Region.of(sitk.GetArrayViewFromImage(mask) != 0, Geometry.of(ct.image))
    if region is None:
        raise PastaError("The mask to be measured is empty; draw at least one voxel.")
    return lesion_of(region, lesion_type, Surroundings(ct, organs, mask))


def lesion_of(
    region: Region,
    lesion_type: str,
    around: Surroundings,
    *,
    number: int = 1,
    confidence: float = 1.0,
    type_confidence: float = 1.0,
) -> Lesion:
    """Measure a region as the lesion of that number, within surroundings that know all lesions."""
    described = _describe(
        region, catalog().lesion_types[lesion_type], around, confidence, type_confidence
    )
    return Lesion(id=f"L{number}", instance=number, **described)


def instance_map(reference: sitk.Image, lesions: Iterable[Lesion]) -> sitk.Image:
    """uint16 image in the geometry of `reference` with each lesion's instance number."""
    array = np.zeros(reference.GetSize()[::-1], dtype=np.uint16)
    for lesion in lesions:
        array[lesion.region.slices][lesion.region.mask] = lesion.instance
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(reference)
    return image


def _instances(around: Surroundings, label: int, smallest_mm: float) -> list[Region]:
    """Connected parts of a label that are not too small."""
    box = around.lesion_boxes[label - 1] if label <= len(around.lesion_boxes) else None
    if box is None:
        return []
    return [
        Region(mask, (z.start, y.start, x.start), around.geometry)
        for (z, y, x), mask in connected_parts(around.lesions, label, box)
        if is_large_enough(int(mask.sum()), around.geometry.voxel_mm3, smallest_mm)
    ]


def _describe(
    region: Region,
    lesion_type: LesionType,
    around: Surroundings,
    confidence: float,
    type_confidence: float,
) -> dict:
    size = measure(region)
    hu = hu_statistics(around.hu[region.slices][region.mask])
    location = locate(region, lesion_type, around)
    reference = density_reference(lesion_type, location.structure, around)
    contacts = find_contacts(
        region, around.organs, catalog().organ_labels(lesion_type.organ), size.surface_mm2
    )
    return {
        "type": lesion_type.key,
        "location": location,
        "measurements": size,
        "hu": hu,
        "organ_hu": around.tissue(location.structure) if location.structure else None,
        "reference": reference,
        "contacts": contacts,
        "attributes": measure_attributes(
            region, lesion_type, size, hu, reference, contacts, around
        ),
        "confidence": confidence,
        "type_confidence": type_confidence,
        "region": region,
    }


def _type_share(
    region: Region,
    lesion_type: LesionType,
    types: NDArray[np.uint8],
    probability: NDArray[np.uint8],
) -> float:
    """Share of this lesion's probability where the network says this type."""
    weights = probability[region.slices][region.mask].astype(float)
    own = types[region.slices][region.mask] == lesion_type.label
    return float(weights[own].sum() / weights.sum()) if weights.sum() > 0 else 1.0
