"""The five report attributes of a lesion, measured by rule from its voxels.

Each value is one of the catalogue's strings, with a confidence (0 to 1) and one sentence of
evidence that holds the numbers. The rules follow the derivation "from pixels" of the project's
table of defaults: density against the organ's median with a deadband, heterogeneity from the
variance above noise, margin from the 10-90 % edge width, shape from sphericity, the fit of an
ellipsoid and wall contact, invasion from the contact with other organs within 2 mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, ndtr

from PASTALib.catalog import LesionType, catalog
from PASTALib.contacts import REACH_MM, Contact
from PASTALib.hu_statistics import HUStatistics, Reference, hu_statistics
from PASTALib.margin import Edge, measure_edge
from PASTALib.measure import Measurements
from PASTALib.region import Region
from PASTALib.surroundings import Surroundings, labelled, shrink

DEADBAND_HU = {"non_contrast": 10.0, "arterial": 10.0, "portal_venous": 8.0}
"""A smaller difference to the reference reads as isodense, by contrast phase."""
ORGAN_DEADBAND_HU = {"lung": 40.0, "bone": 20.0}
"""Wider where the reference itself varies. Solid lung tumors are 30 +- 10 HU where muscle is 55;
in bone, half a between-patient SD of trabecular bone (35 HU) either way says nothing."""
MUSCLE_IS_REFERENCE = frozenset({"lung", "esophagus", "stomach", "colorectum"})
"""Against gas or mixed content anything would be hyperdense; reports compare with muscle."""
TEXTURE_HU = 10.0
"""Homogeneous lesions have a texture SD of 3 to 8 HU, heterogeneous ones of 12 to 35 HU."""
RELATIVE_TEXTURE = 0.15
"""Share of |HU| above 50 HU that is allowed as texture; stones, bone and ground glass vary more."""
WELL_DEFINED_MM = 2.0
"""Without scanner blur, well-defined edges are 0.5 to 2 mm wide, ill-defined ones 2 to 5 mm."""
WIDTH_ERROR = 0.15
"""Error of a measured edge width, as a share of it."""
PUNCTATE_MM = 10.0
ROUND_SPHERICITY = 0.85
ROUND_FIT = 0.89
"""Share of a round lesion in the ellipsoid of its moments. Real tumors that read as round are
bumpy: of 50 kidney tumors (KiTS19) the middle eight of ten have 0.86 to 0.94, median 0.90, of 48
soft-tissue sarcomas 0.82 to 0.94 (measured). Smooth balls have 0.97 or more, so a limit that is
drawn from those calls nine of ten real tumors irregular."""
WALL_FRACTION, WALL_FLATNESS = 0.25, 0.37
CLOSE_MM2, CLOSE_FRACTION = 60.0, 0.05
CORE_SHARE = 0.25
"""The core leaves out this share of the equivalent radius at the rim, 1 to 3 mm."""
CORE_VOXELS = 10
"""Fewer voxels without partial volume tell neither density nor texture surely."""
UNSURE = 0.6
"""Highest confidence of what is read from fewer."""
EDGE_REST = 0.12
"""SD that a straight line leaves over, as a share of the step (measured on noise-free balls)."""
EDGE_VOXELS = 0.6
"""Gaussian sigma of a sharp edge in voxels: its own width, 0.29, and a soft kernel."""


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
    core = core_statistics(region, around)
    inner = core or without_partial_volume(region, around, hu)
    own = catalog().organ_labels(lesion_type.organ)
    edge = measure_edge(region, around.hu, noise, around.point_spread_mm, around.organs, own)
    measured = {
        "shape": shape(region, lesion_type, measurements, around),
        "density": density(inner, reference, lesion_type, around.phase),
        "heterogeneity": heterogeneity(inner, noise, small=core is None),
        "surface": surface(edge, noise, lesion_type, small=core is None),
        "invasion": invasion(contacts, measurements),
    }
    if core is None:
        for key in ("density", "heterogeneity"):
            measured[key] = _unsure(measured[key])
    return {key: measured[key] for key in catalog().attributes}


def _unsure(found: AttributeValue) -> AttributeValue:
    """The same, of a lesion that is all partial volume."""
    return AttributeValue(
        found.value,
        min(found.confidence, UNSURE),
        f"{found.evidence} Fewer than {CORE_VOXELS} voxels are free of partial volume.",
    )


def isodense_band(organ: str, phase: str) -> float:
    """Largest difference in HU to the reference tissue that reads as isodense."""
    return ORGAN_DEADBAND_HU.get(organ, DEADBAND_HU.get(phase, 10.0))


def density_value(difference_hu: float, organ: str, phase: str) -> str:
    """The catalogue's density of a difference to the reference tissue."""
    low, iso, high = catalog().attributes["density"].values
    band = isodense_band(organ, phase)
    return low if difference_hu < -band else high if difference_hu > band else iso


def texture_limit(mean_hu: float) -> float:
    """Texture SD in HU above which a lesion of that mean is heterogeneous."""
    return max(TEXTURE_HU, RELATIVE_TEXTURE * (abs(mean_hu) - 50.0))


def core_of(mask: NDArray[np.bool_], spacing_zyx: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """A lesion's mask without its rim (partial volume); None if `CORE_VOXELS` are not left."""
    volume = np.count_nonzero(mask) * float(np.prod(spacing_zyx))
    radius = 0.5 * (6 * volume / np.pi) ** (1 / 3)
    margin = float(np.clip(CORE_SHARE * radius, 1.0, 3.0))
    core = shrink(np.pad(mask, 1), spacing_zyx, margin)[1:-1, 1:-1, 1:-1]
    return core if np.count_nonzero(core) >= CORE_VOXELS else None


@cache
def least_with_core_mm(spacing_zyx: tuple[float, float, float]) -> float:
    """Diameter of the smallest ball that has a core in voxels of that spacing, to half a mm."""
    spacing = np.array(spacing_zyx)
    for diameter in np.arange(1.0, 100.0, 0.5):
        reach = np.ceil(0.5 * diameter / spacing).astype(int)
        steps = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
        away = sum((step * mm) ** 2 for step, mm in zip(steps, spacing, strict=True))
        if core_of(away <= (0.5 * diameter) ** 2, spacing) is not None:
            return float(diameter)
    return 100.0


def core_statistics(region: Region, around: Surroundings) -> HUStatistics | None:
    """HU of the core of the lesion, see `core_of`; None if it has none."""
    core = core_of(region.mask, region.geometry.spacing_zyx)
    return None if core is None else hu_statistics(around.hu[region.slices][core])


def without_partial_volume(region: Region, around: Surroundings, hu: HUStatistics) -> HUStatistics:
    """`hu` with the median and SD that partial volume does not explain, for a lesion without core.

    The share of lesion in a voxel is about the mask's own, blurred by half a voxel; what HU follow
    of it in a straight line is the edge, not texture, and the line's end at a share of one is the
    lesion's own HU. What the line leaves over of a steep edge (`EDGE_REST`) is no texture, either.
    Fewer than `CORE_VOXELS` tell nothing: an SD of 0.
    """
    if region.voxels < CORE_VOXELS:
        return replace(hu, sd=0.0)
    padded = np.pad(region.mask, 2).astype(np.float32)
    share = ndimage.gaussian_filter(padded, EDGE_VOXELS)[2:-2, 2:-2, 2:-2][region.mask]
    values = around.hu[region.slices][region.mask].astype(float)
    lines = np.column_stack([np.ones_like(values), share])
    start, slope = np.linalg.lstsq(lines, values, rcond=None)[0]
    variance = float(((values - start - slope * share) ** 2).sum() / (len(values) - 2))
    sd = float(np.sqrt(max(0.0, variance - (EDGE_REST * slope) ** 2)))
    own = float(np.clip(start + slope, hu.minimum, hu.maximum))
    return replace(hu, median=own, sd=sd)


def density_reference(
    lesion_type: LesionType, structure: str | None, around: Surroundings
) -> Reference:
    """What a lesion's density is compared with.

    Solid organs: the organ's own median. Bladder and gallbladder: their content. Hollow organs with
    gas or mixed content, and the lung: muscle, because an air-filled lung would make any nodule
    hyperdense. Bone: the same bone's median. Where the tissue is not seen: the catalogue's HU.
    """
    organ = lesion_type.organ
    if organ in MUSCLE_IS_REFERENCE:
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
    band = isodense_band(lesion_type.organ, phase)
    delta = hu.median - reference.median
    error = float(np.hypot(reference.uncertainty, max(2.0, hu.sd / np.sqrt(hu.voxels / 8))))
    below, above = float(ndtr((-band - delta) / error)), float(ndtr((delta - band) / error))
    chances = {low: below, iso: 1 - below - above, high: above}
    value = density_value(delta, lesion_type.organ, phase)
    source = "" if reference.measured else " (expected value, not measured)"
    return AttributeValue(
        value,
        round(min(0.99, max(0.34, chances[value])), 2),
        f"Median {hu.median:.0f} HU, {abs(delta):.0f} HU {'below' if delta < 0 else 'above'} "
        f"{reference.name} at {reference.median:.0f} HU{source}; "
        f"isodense within {band:.0f} HU.",
    )


def heterogeneity(hu: HUStatistics, noise: float, *, small: bool = False) -> AttributeValue:
    """Texture SD above noise, in quadrature, against a threshold.

    A `small` lesion, all partial volume, counts as homogeneous up to 1.5 times the threshold: what
    its edge leaves over is not known better than that.
    """
    even, uneven = catalog().attributes["heterogeneity"].values
    texture = float(np.sqrt(max(0.0, hu.sd**2 - noise**2)))
    limit = texture_limit(hu.mean) * (1.5 if small else 1)
    # Noise of a few HU is known to about a tenth; it blurs the texture most where it is largest.
    error = max(1.5, 0.1 * noise**2 / max(texture, noise, 1.0), hu.sd / np.sqrt(hu.voxels / 4))
    chance = float(ndtr((texture - limit) / error))
    return AttributeValue(
        uneven if texture > limit else even,
        round(min(0.99, max(chance, 1 - chance)), 2),
        f"HU standard deviation {hu.sd:.0f} inside, noise {noise:.0f}: texture {texture:.0f} HU "
        f"(heterogeneous above {limit:.0f}).",
    )


def surface(
    edge: Edge | None, noise: float, lesion_type: LesionType, *, small: bool
) -> AttributeValue:
    """Margin by the 10-90 % edge width, against that of a well-defined edge in this scan.

    Such an edge is up to `WELL_DEFINED_MM` wide and blurred by scanner and voxels, so an edge as
    wide as the scan's own blur is well-defined. Of a `small` lesion, all partial volume, the voxels
    show no margin: profiles end in its other side. The one that is usual for the type is given,
    hardly surer than chance. A larger lesion that shows no edge is ill-defined.
    """
    sharp, blurred = catalog().attributes["surface"].values
    if small:
        usual = usual_edge_mm(lesion_type)
        return AttributeValue(
            usual_surface(lesion_type),
            0.5,
            f"Too few voxels to show a margin; usual for a {lesion_type.name.lower()} are "
            f"{usual:.1f} mm (ill-defined above {WELL_DEFINED_MM:.0f} mm).",
        )
    if edge is None:
        return AttributeValue(
            blurred,
            0.5,
            f"No edge stands out from the surroundings (noise {noise:.0f} HU).",
        )
    part = edge.sectors / edge.all_sectors
    limit = float(np.hypot(edge.blur_mm, WELL_DEFINED_MM))
    away = abs(edge.width_mm - limit) / (WIDTH_ERROR * limit)
    certainty = 0.5 + 0.98 * (float(ndtr(away)) - 0.5) * part
    return AttributeValue(
        blurred if edge.own_width_mm > WELL_DEFINED_MM else sharp,
        round(certainty, 2),
        f"Edge rises from 10 to 90 % within {edge.width_mm:.1f} mm ({edge.own_width_mm:.1f} mm "
        f"without scanner blur, ill-defined above {WELL_DEFINED_MM:.0f} mm), step "
        f"{edge.contrast:.0f} HU, seen on {part:.0%} of the surface.",
    )


def usual_surface(lesion_type: LesionType) -> str:
    """The catalogue's margin that is usual for a type."""
    sharp, blurred = catalog().attributes["surface"].values
    return blurred if usual_edge_mm(lesion_type) > WELL_DEFINED_MM else sharp


def usual_edge_mm(lesion_type: LesionType) -> float:
    """The catalogue's 10-90 % edge width of a type without blur, median of its subtypes."""
    rows = [row for row in catalog().lesion_hu.values() if row.lesion == lesion_type.key]
    return float(np.median([np.mean(row.edge_mm) for row in rows]))


def shape(
    region: Region, lesion_type: LesionType, size: Measurements, around: Surroundings
) -> AttributeValue:
    """Punctate by size, wall thickening by contact with the wall, else round or irregular."""
    round_like, irregular, wall, punctate = catalog().attributes["shape"].values
    longest = size.long_axis.length_mm
    limit = PUNCTATE_MM if punctate in lesion_type.shapes else PUNCTATE_MM / 2
    if lesion_type.shapes == (punctate,):
        return AttributeValue(
            punctate, 0.9, f"Long axis {longest:.1f} mm; a {lesion_type.name.lower()} is punctate."
        )
    if longest < limit:
        return AttributeValue(
            punctate,
            round(float(expit(3 * (limit - longest) / limit) * 0.98), 2),
            f"Long axis {longest:.1f} mm, below {limit:.0f} mm.",
        )
    if wall in lesion_type.shapes:
        on_wall = wall_fraction(region, lesion_type, around)
        flatness = thickness_mm(region) / size.diameter_3d.length_mm
        if on_wall >= WALL_FRACTION and flatness <= WALL_FLATNESS:
            return AttributeValue(
                wall,
                round(min(0.95, 0.5 + (on_wall - WALL_FRACTION) + (WALL_FLATNESS - flatness)), 2),
                f"{on_wall:.0%} of its surface lies on the organ's outer wall; "
                f"thickness to length {flatness:.2f}.",
            )
    fit = ellipsoid_fit(region)
    margin = min((size.sphericity - ROUND_SPHERICITY) / 0.05, (fit - ROUND_FIT) / 0.02)
    return AttributeValue(
        round_like if margin >= 0 else irregular,
        round(float(expit(abs(margin))) * 0.98, 2),
        f"Sphericity {size.sphericity:.2f} (round from {ROUND_SPHERICITY}), share in its best "
        f"ellipsoid {fit:.2f} (round from {ROUND_FIT}).",
    )


def ellipsoid_fit(region: Region) -> float:
    """Share of a region in the ellipsoid that has its center, axes and number of voxels."""
    spacing = region.geometry.spacing_zyx
    inside = np.argwhere(region.mask) * spacing
    center = inside.mean(axis=0)
    # A voxel is a small box, not a point, so the covariance of one voxel can be inverted, too.
    covariance = np.cov(inside.T, bias=True) + np.diag(spacing**2 / 12)
    (a, b, c), (_, d, e), (_, _, f) = np.linalg.inv(covariance)
    sides = np.ogrid[tuple(slice(n) for n in region.mask.shape)]
    z, y, x = (
        side * step - middle for side, step, middle in zip(sides, spacing, center, strict=True)
    )
    distance = (z * (a * z + 2 * b * y) + d * y * y) + x * (2 * c * z + 2 * e * y + f * x)
    within = distance <= np.partition(distance, region.voxels - 1, axis=None)[region.voxels - 1]
    return float(np.count_nonzero(within & region.mask) / region.voxels)


def thickness_mm(region: Region) -> float:
    """Diameter of the largest ball inside a region; also of a plaque that is bent to a ring."""
    spacing = region.geometry.spacing_zyx
    depth = ndimage.distance_transform_edt(np.pad(region.mask, 1), sampling=spacing)
    return float(2 * depth.max() - spacing.min())


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
