"""The five report attributes of a lesion, measured by rule from its voxels.

Each value is one of the catalogue's strings, with a confidence (0 to 1) and one sentence of
evidence that holds the numbers. The rules follow the derivation "from pixels" of the project's
table of defaults: density against the organ's median with a deadband, heterogeneity from the
variance above noise, margin from the 10-90 % edge width, shape from sphericity, solidity and wall
contact, invasion from the contact with other organs within 2 mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from PASTALib.catalog import LesionType, catalog
from PASTALib.contacts import REACH_MM, Contact
from PASTALib.hu_statistics import HUStatistics, Reference, hu_statistics
from PASTALib.margin import Edge, measure_edge
from PASTALib.measure import Measurements
from PASTALib.region import Region
from PASTALib.surroundings import Surroundings, labelled, shrink

DEADBAND_HU = {"non_contrast": 10.0, "arterial": 10.0, "portal_venous": 8.0}
SOFT_TISSUE_BAND_HU = 40.0
"""Lung: solid tumors are 30 +- 10 HU where muscle is 55, so within 40 HU of muscle."""
BONE_BAND_HU = 20.0
"""Bone: half a between-patient SD of trabecular bone (35 HU) either way says nothing."""
TEXTURE_HU = 10.0
"""Homogeneous lesions have a texture SD of 3 to 8 HU, heterogeneous ones of 12 to 35 HU."""
RELATIVE_TEXTURE = 0.15
"""Share of |HU| above 50 HU that is allowed as texture; stones, bone and ground glass vary more."""
WELL_DEFINED_MM = 2.0
"""Without scanner blur, well-defined edges are 0.5 to 2 mm wide, ill-defined ones 2 to 5 mm."""
PUNCTATE_MM = 10.0
ROUND_SPHERICITY, ROUND_SOLIDITY = 0.85, 0.90
WALL_FRACTION, WALL_FLATNESS = 0.25, 0.5
CLOSE_MM2, CLOSE_FRACTION = 60.0, 0.05
CORE_SHARE = 0.25
"""The core leaves out this share of the equivalent radius at the rim, 1 to 3 mm."""


@dataclass(frozen=True)
class AttributeValue:
    """One attribute: the catalogue's string, how sure (0 to 1), and a sentence with numbers."""

    value: str
    confidence: float
    evidence: str


def measure_attributes(
    region: Region,
    lesion_type: LesionType,
    measurements: Measurements,
    hu: HUStatistics,
    reference: Reference,
    contacts: Sequence[Contact],
    around: Surroundings,
) -> dict[str, AttributeValue]:
    """All five attributes, by the catalogue's key and in its order."""
    noise = around.noise(region)
    core = core_statistics(region, around) or hu
    edge = measure_edge(region, around.hu, noise)
    measured = {
        "shape": shape(region, lesion_type, measurements, around),
        "density": density(core, reference, lesion_type, around.phase),
        "heterogeneity": heterogeneity(core, noise),
        "surface": surface(edge, noise),
        "invasion": invasion(contacts, measurements),
    }
    return {key: measured[key] for key in catalog().attributes}


def core_statistics(region: Region, around: Surroundings) -> HUStatistics | None:
    """HU of the lesion without its rim (partial volume); None if no ten voxels are left."""
    radius = 0.5 * (6 * region.voxels * region.geometry.voxel_mm3 / np.pi) ** (1 / 3)
    margin = float(np.clip(CORE_SHARE * radius, 1.0, 3.0))
    core = shrink(np.pad(region.mask, 1), region.geometry.spacing_zyx, margin)[1:-1, 1:-1, 1:-1]
    values = around.hu[region.slices][core]
    return hu_statistics(values) if values.size >= 10 else None


def density_reference(
    lesion_type: LesionType, structure: str | None, around: Surroundings
) -> Reference:
    """What a lesion's density is compared with.

    Solid organs: the organ's own median. Bladder and gallbladder: their content. Hollow organs with
    gas or mixed content, and the lung: muscle, because an air-filled lung would make any nodule
    hyperdense. Bone: the same bone's median. Where the tissue is not seen: the catalogue's HU.
    """
    organ = lesion_type.organ
    if organ in ("lung", "esophagus", "stomach", "colorectum"):
        return around.reference("back_muscle", "muscle")
    fallback = {"gallbladder": "bile", "bladder": "urine", "bone": "trabecular_bone"}
    if structure is None:
        return around.expected(fallback.get(organ, organ))
    return around.reference(structure, fallback.get(organ, organ))


def density(
    hu: HUStatistics, reference: Reference, lesion_type: LesionType, phase: str
) -> AttributeValue:
    """Density by the difference of medians; the confidence is the chance of being in that band."""
    low, iso, high = catalog().attributes["density"].values
    band = {"lung": SOFT_TISSUE_BAND_HU, "bone": BONE_BAND_HU}.get(
        lesion_type.organ, DEADBAND_HU.get(phase, 10.0)
    )
    delta = hu.median - reference.median
    error = float(np.hypot(reference.uncertainty, max(2.0, hu.sd / np.sqrt(hu.voxels / 8))))
    below, above = float(ndtr((-band - delta) / error)), float(ndtr((delta - band) / error))
    chances = {low: below, iso: 1 - below - above, high: above}
    value = low if delta < -band else high if delta > band else iso
    source = "" if reference.measured else " (expected value, not measured)"
    return AttributeValue(
        value,
        round(min(0.99, max(0.34, chances[value])), 2),
        f"Median {hu.median:.0f} HU, {abs(delta):.0f} HU {'below' if delta < 0 else 'above'} "
        f"{reference.name} at {reference.median:.0f} HU{source}; "
        f"isodense within {band:.0f} HU.",
    )


def heterogeneity(hu: HUStatistics, noise: float) -> AttributeValue:
    """Texture SD above noise, in quadrature, against a threshold."""
    even, uneven = catalog().attributes["heterogeneity"].values
    texture = float(np.sqrt(max(0.0, hu.sd**2 - noise**2)))
    limit = max(TEXTURE_HU, RELATIVE_TEXTURE * (abs(hu.mean) - 50.0))
    # Noise of a few HU is known to about a tenth; it blurs the texture most where it is largest.
    error = max(1.5, 0.1 * noise**2 / max(texture, noise, 1.0), hu.sd / np.sqrt(hu.voxels / 4))
    chance = float(ndtr((texture - limit) / error))
    return AttributeValue(
        uneven if texture > limit else even,
        round(min(0.99, max(chance, 1 - chance)), 2),
        f"HU standard deviation {hu.sd:.0f} inside, noise {noise:.0f}: texture {texture:.0f} HU "
        f"(heterogeneous above {limit:.0f}).",
    )


def surface(edge: Edge | None, noise: float) -> AttributeValue:
    """Margin by the 10-90 % edge width without the scanner's blur."""
    sharp, blurred = catalog().attributes["surface"].values
    if edge is None:
        return AttributeValue(
            blurred,
            0.5,
            f"No edge stands out from the surroundings (noise {noise:.0f} HU).",
        )
    part = edge.sectors / edge.all_sectors
    margin = abs(np.log((edge.own_width_mm + 0.3) / (WELL_DEFINED_MM + 0.3)))
    certainty = 0.5 + 0.49 * float(np.tanh(1.5 * margin)) * part
    return AttributeValue(
        blurred if edge.own_width_mm > WELL_DEFINED_MM else sharp,
        round(certainty, 2),
        f"Edge rises from 10 to 90 % within {edge.width_mm:.1f} mm ({edge.own_width_mm:.1f} mm "
        f"without scanner blur, ill-defined above {WELL_DEFINED_MM:.0f} mm), step "
        f"{edge.contrast:.0f} HU, seen on {part:.0%} of the surface.",
    )


def shape(
    region: Region, lesion_type: LesionType, size: Measurements, around: Surroundings
) -> AttributeValue:
    """Punctate by size, wall thickening by contact with the wall, else round or irregular."""
    round_like, irregular, wall, punctate = catalog().attributes["shape"].values
    longest = size.long_axis.length_mm
    limit = PUNCTATE_MM if punctate in lesion_type.shapes else PUNCTATE_MM / 2
    if longest < limit:
        return AttributeValue(
            punctate,
            round(float(expit(3 * (limit - longest) / limit) * 0.98), 2),
            f"Long axis {longest:.1f} mm, below {limit:.0f} mm.",
        )
    if wall in lesion_type.shapes:
        on_wall = wall_fraction(region, lesion_type, around)
        a, _, c = size.principal_diameters_mm
        if on_wall >= WALL_FRACTION and c / a <= WALL_FLATNESS:
            return AttributeValue(
                wall,
                round(min(0.95, 0.5 + (on_wall - WALL_FRACTION) + (WALL_FLATNESS - c / a)), 2),
                f"{on_wall:.0%} of its surface lies on the organ's outer wall; "
                f"thickness to length {c / a:.2f}.",
            )
    margin = min(
        (size.sphericity - ROUND_SPHERICITY) / 0.05, (size.solidity - ROUND_SOLIDITY) / 0.04
    )
    return AttributeValue(
        round_like if margin >= 0 else irregular,
        round(float(expit(abs(margin))) * 0.98, 2),
        f"Sphericity {size.sphericity:.2f} (round from {ROUND_SPHERICITY}), solidity "
        f"{size.solidity:.2f} (round from {ROUND_SOLIDITY}).",
    )


def wall_fraction(region: Region, lesion_type: LesionType, around: Surroundings) -> float:
    """Part of the lesion's surface voxels within 2 mm of tissue outside the organ."""
    grown = region.grown(REACH_MM)
    own = catalog().organ_labels(lesion_type.organ)
    organ = labelled(around.organs[grown.slices], own) | grown.mask
    deep = shrink(organ, grown.geometry.spacing_zyx, REACH_MM)
    rim = grown.mask & ~shrink(grown.mask, grown.geometry.spacing_zyx, 0.0)
    return float(np.count_nonzero(rim & ~deep) / np.count_nonzero(rim))


def invasion(contacts: Sequence[Contact], size: Measurements) -> AttributeValue:
    """Close relationship if enough of the surface is within 2 mm of other organs."""
    apart, close = catalog().attributes["invasion"].values
    area = sum(c.area_mm2 for c in contacts)
    limit = max(CLOSE_MM2, CLOSE_FRACTION * size.surface_mm2)
    chance = float(expit(2.5 * np.log((area + 5.0) / (limit + 5.0))))
    names = ", ".join(
        f"{catalog().structures[c.structure].name.lower()} {c.area_mm2:.0f} mm²"
        for c in contacts[:3]
    )
    return AttributeValue(
        close if area > limit else apart,
        round(min(0.95, max(chance, 1 - chance)), 2),
        f"Contact within {REACH_MM:.0f} mm: {names or 'none'} (close above {limit:.0f} mm²).",
    )
