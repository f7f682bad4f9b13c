"""Which HU a lesion gets: the catalogue's table, relative to this patient's own organ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from PASTAGenLib.scene import Host, Scene
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import LesionHU, Phase, catalog
from PASTALib.errors import PastaError

DEADBAND_HU = {"non_contrast": 10.0, "arterial": 10.0, "portal_venous": 8.0}
"""A difference to the organ that is smaller reads as isodense (facts 4.3)."""
VISIBLE_IN_NOISE = 1.5
"""A lesion that is not isodense stands out by this many noise SD (facts 4.2b)."""
TEXTURE_SPLIT_HU = 10.0
"""Texture SD between homogeneous (3 to 8 HU) and heterogeneous (12 to 35 HU) (facts 4.3)."""
DENSE_SPLIT = 0.2
"""Calcified and ground-glass lesions are heterogeneous above this share of their contrast."""
DRAWS = 40


@dataclass(frozen=True)
class Density:
    """Mean HU, texture and edge of a lesion, with the strings of the report."""

    mean_hu: float
    base_hu: float
    density: str
    texture_sd: float
    heterogeneity: str
    edge_mm: float
    surface: str


def density_string(difference_hu: float, phase: Phase) -> str:
    """PASTA's density of a difference to the organ's own HU."""
    if abs(difference_hu) <= DEADBAND_HU[phase]:
        return "Isodense"
    return "Hypodense" if difference_hu < 0 else "Hyperdense"


def draw_subtype(spec: LesionSpec, rng: np.random.Generator) -> str:
    """The subtype asked for, or one at random; rarer ones are listed last in the catalogue."""
    if spec.subtype is not None:
        return spec.subtype
    subtypes = spec.kind.subtypes
    weights = np.array([0.65, 0.35]) if len(subtypes) == 2 else np.ones(len(subtypes))
    return str(rng.choice(subtypes, p=weights / weights.sum()))


def _mean(row: LesionHU, scene: Scene, phase: Phase, rng: np.random.Generator) -> float:
    reference = 0.0 if row.absolute else scene.tissue_hu(row.reference, phase)
    hu = row.by_phase[phase]
    return reference + rng.normal(hu.mean, hu.sd)


def draw_density(
    scene: Scene,
    host: Host,
    spec: LesionSpec,
    subtype: str,
    phase: Phase,
    rng: np.random.Generator,
) -> Density:
    """Draw HU until they fit what was asked and stand out of the noise.

    Raises:
        PastaError: the density asked for does not occur for this lesion in this phase.
    """
    row = catalog().lesion_hu[spec.type, subtype]
    base = scene.median(host.labels)
    base = scene.tissue_hu(host.key, phase) if base is None else base
    limit = max(VISIBLE_IN_NOISE * scene.noise_hu, DEADBAND_HU[phase])
    isodense_kind = "isodense" in subtype
    best: tuple[float, float] | None = None
    for _ in range(DRAWS):
        mean = _mean(row, scene, phase, rng) if spec.hu is None else spec.hu
        difference = mean - base
        string = density_string(difference, phase)
        if spec.density is not None and spec.hu is None and string != spec.density:
            continue
        wanted = spec.hu is not None or spec.density == "Isodense" or isodense_kind
        if wanted or abs(difference) >= limit:
            return _complete(row, spec, mean, base, string, rng)
        if best is None or abs(difference) > abs(best[0]):
            best = (difference, mean)
    if spec.density is not None:
        return _pushed(row, spec, base, limit, phase, rng)
    # The catalogue's contrast lies inside the noise of this scan: take the largest seen, widened.
    difference = best[0] if best else -limit
    mean = base + np.sign(difference or -1.0) * limit * rng.uniform(1.0, 1.3)
    return _complete(row, spec, mean, base, density_string(mean - base, phase), rng)


def _pushed(
    row: LesionHU,
    spec: LesionSpec,
    base: float,
    limit: float,
    phase: Phase,
    rng: np.random.Generator,
) -> Density:
    """A density that was asked for although the table does not draw it."""
    if row.absolute and abs(row.by_phase[phase].mean - base) > 100:
        raise PastaError(
            f"A {spec.type} ({row.subtype}) of about {row.by_phase[phase].mean:.0f} HU cannot be "
            f"{spec.density} in an organ of {base:.0f} HU; give hu, or leave density out."
        )
    sign = {"Hypodense": -1.0, "Isodense": 0.0, "Hyperdense": 1.0}[spec.density or "Isodense"]
    mean = base + sign * limit * rng.uniform(1.05, 1.8)
    return _complete(row, spec, mean, base, density_string(mean - base, phase), rng)


def _complete(
    row: LesionHU,
    spec: LesionSpec,
    mean: float,
    base: float,
    string: str,
    rng: np.random.Generator,
) -> Density:
    low, high = row.texture_sd
    scale = max(abs(mean - base), 1.0)
    dense = row.absolute and (high > 30)
    split = DENSE_SPLIT * scale if dense else TEXTURE_SPLIT_HU
    sd = rng.uniform(low, high)
    asked = spec.heterogeneity
    if asked == "Homogeneous":
        sd = min(sd, rng.uniform(0.4, 0.8) * split)
    elif asked == "Heterogeneous":
        sd = max(sd, rng.uniform(1.3, 2.2) * split)
    elif 0.8 * split < sd < 1.2 * split:  # neither reads clearly
        sd = 0.8 * split if sd < split else 1.2 * split
    edge = rng.uniform(*row.edge_mm)
    if spec.surface == "Well-defined margin":
        edge = min(edge, rng.uniform(0.5, 1.0))
    elif spec.surface == "Ill-defined margin":
        edge = max(edge, rng.uniform(2.5, 4.5))
    return Density(
        mean_hu=float(mean),
        base_hu=float(base),
        density=string,
        texture_sd=float(sd),
        heterogeneity="Heterogeneous" if sd > split else "Homogeneous",
        edge_mm=float(edge),
        surface="Ill-defined margin" if edge > 1.75 else "Well-defined margin",
    )
