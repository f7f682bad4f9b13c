"""Which HU a lesion gets: the catalogue's table, relative to this patient's own organ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from PASTAGenLib.habits import UNEVEN
from PASTAGenLib.scene import Host, Scene
from PASTAGenLib.spec import LesionSpec
from PASTALib.attributes import (
    MUSCLE_IS_REFERENCE,
    WELL_DEFINED_MM,
    density_value,
    isodense_band,
    texture_limit,
)
from PASTALib.catalog import LesionHU, Phase, catalog
from PASTALib.errors import PastaError

VISIBLE_IN_NOISE = 1.5
"""A lesion that is not isodense stands out by this many noise SD (facts 4.2b)."""
CLEAR_TEXTURE = (0.6, 1.6)
CLEAR_EDGE = (0.5, 1.7)
CLEAR_BAND_HU = 5.0
"""No texture, edge or contrast is drawn this close to the limit that parts the report's words: what
is drawn is to be seen in noise and voxels."""
SOFT_AT_MOST = 0.8
"""An edge is not wider than this share of the lesion's radius."""
SOLID_HU = (20.0, 32.0)
"""A solid tumor has at least this (one value is drawn), however fatty its organ is."""
UNENHANCED_TEXTURE = 0.6
"""Without contrast agent, tissue and necrosis differ less than the table's enhanced lesions."""
DRAWS = 40
MOST_SD = 3.0
"""No HU is drawn farther from the catalogue's mean, in its SD."""


@dataclass(frozen=True)
class Density:
    """HU, texture and edge of a lesion, with the strings of the report.

    Attributes:
        subtype: the catalogue's subtype that the values are of.
        mean_hu: mean HU of the lesion.
        base_hu: median HU of the structure that holds it.
        reference_hu: HU of the tissue that its density is compared with.
        density: PASTA's string.
        texture_sd: SD of the texture without noise, HU.
        heterogeneity: PASTA's string.
        edge_mm: 10-90 % width of the edge without voxel size, mm.
        surface: PASTA's string.
    """

    subtype: str
    mean_hu: float
    base_hu: float
    reference_hu: float
    density: str
    texture_sd: float
    heterogeneity: str
    edge_mm: float
    surface: str


def draw_subtype(spec: LesionSpec, rng: np.random.Generator) -> str:
    """The subtype asked for, or one at random; the catalogue lists the commoner first."""
    subtypes = spec.kind.subtypes
    if spec.subtype is not None or len(subtypes) == 1:
        return spec.subtype or subtypes[0]
    return subtypes[0] if rng.random() < 0.6 else str(rng.choice(subtypes[1:]))


def draw_density(
    scene: Scene,
    host: Host,
    spec: LesionSpec,
    phase: Phase,
    radius_mm: float,
    rng: np.random.Generator,
) -> Density:
    """Draw HU until they fit what was asked and stand out of the noise.

    The spread widens from draw to draw up to `MOST_SD`. If nothing that the catalogue allows
    stands out (a cyst in a kidney of 12 HU), the largest contrast is taken and its density is
    called what it is.

    Args:
        scene: the scan.
        host: structure that the lesion lies in.
        spec: what is asked for.
        phase: contrast phase.
        radius_mm: shortest semi-axis of the lesion.
        rng: source of all randomness.

    Raises:
        PastaError: the density asked for does not occur for this lesion.
    """
    organ = spec.kind.organ
    base = scene.median(host.key)
    base = scene.tissue_hu(host.key, phase) if base is None else base
    reference = scene.tissue_hu("back_muscle", phase) if organ in MUSCLE_IS_REFERENCE else base
    limit = VISIBLE_IN_NOISE * scene.noise_hu
    floor = rng.uniform(*SOLID_HU)
    best: tuple[float, LesionHU, float] | None = None
    for draw in range(DRAWS):
        row = catalog().lesion_hu[spec.type, draw_subtype(spec, rng)]
        widened = np.clip(rng.normal() * (1 + draw / 20), -MOST_SD, MOST_SD)
        hu = row.by_phase[phase]
        mean = hu.mean + widened * hu.sd
        mean += 0.0 if row.absolute else scene.tissue_hu(row.reference, phase)
        if spec.kind.malignant and row.subtype not in ("ground_glass", "part_solid"):
            mean = max(mean, floor)
        if spec.hu is not None:
            mean = spec.hu
        else:
            mean = reference + _clear_of_band(mean - reference, organ, phase)
        string = density_value(mean - reference, organ, phase)
        if spec.density is not None and spec.hu is None and string != spec.density:
            continue
        may_hide = spec.hu is not None or spec.density == "Isodense" or "isodense" in row.subtype
        contrast = abs(mean - base)
        if may_hide or contrast >= limit:
            hidden = contrast < limit
            return _complete(row, spec, phase, mean, base, reference, radius_mm, hidden, rng)
        if best is None or contrast > best[0]:
            best = (contrast, row, mean)
    if best is None:
        raise PastaError(
            f"A {spec.kind.name.lower()} is not {str(spec.density).lower()} in the "
            f"{phase.replace('_', ' ')} phase of this scan (reference {reference:.0f} HU); give "
            "hu, or leave density out."
        )
    return _complete(best[1], spec, phase, best[2], base, reference, radius_mm, True, rng)


def _complete(
    row: LesionHU,
    spec: LesionSpec,
    phase: Phase,
    mean: float,
    base: float,
    reference: float,
    radius_mm: float,
    hidden: bool,
    rng: np.random.Generator,
) -> Density:
    """Texture and edge for a mean; the margin of what is `hidden` in its organ is ill-defined."""
    split = texture_limit(mean)
    sd = rng.uniform(*row.texture_sd)
    if phase == "non_contrast" and row.texture_sd[1] <= 40:
        sd *= UNENHANCED_TEXTURE
    if spec.heterogeneity == "Homogeneous":
        sd = min(sd, rng.uniform(0.4, CLEAR_TEXTURE[0]) * split)
    elif spec.heterogeneity == "Heterogeneous" or UNEVEN & set(spec.features or ()):
        sd = max(sd, rng.uniform(CLEAR_TEXTURE[1], 2.2) * split)
    else:
        sd = _cleared(sd, split, CLEAR_TEXTURE)
    edge = rng.uniform(*row.edge_mm)
    if spec.surface == "Well-defined margin":
        edge = min(edge, rng.uniform(0.5, 1.0))
    elif spec.surface == "Ill-defined margin" or hidden:
        edge = max(edge, rng.uniform(2.8, 4.5))
    else:
        edge = _cleared(edge, WELL_DEFINED_MM, CLEAR_EDGE)
        if edge > WELL_DEFINED_MM and edge > SOFT_AT_MOST * radius_mm:
            edge = min(edge, CLEAR_EDGE[0] * WELL_DEFINED_MM)
    return Density(
        subtype=row.subtype,
        mean_hu=float(mean),
        base_hu=float(base),
        reference_hu=float(reference),
        density=density_value(mean - reference, spec.kind.organ, phase),
        texture_sd=float(sd),
        heterogeneity="Heterogeneous" if sd > split else "Homogeneous",
        edge_mm=float(edge),
        surface="Ill-defined margin" if edge > WELL_DEFINED_MM else "Well-defined margin",
    )


def _clear_of_band(difference: float, organ: str, phase: Phase) -> float:
    """A contrast that is not too near to what parts isodense from the rest."""
    band, size = isodense_band(organ, phase), abs(difference)
    if abs(size - band) >= CLEAR_BAND_HU:
        return difference
    size = band - CLEAR_BAND_HU if size < band else band + CLEAR_BAND_HU
    return float(np.copysign(size, difference))


def _cleared(value: float, limit: float, clear: tuple[float, float]) -> float:
    """A value outside of the band about a limit in which it reads neither way."""
    low, high = clear[0] * limit, clear[1] * limit
    if not low < value < high:
        return value
    return low if value < limit else high
