"""Draw what is seen in and around a lesion besides its own tissue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from PASTAGenLib.density import Density
from PASTAGenLib.features.around import Halo, Rays, Stranding
from PASTAGenLib.features.canvas import Feature
from PASTAGenLib.features.inside import Core, Laminae, Septa, Shell, Specks
from PASTAGenLib.habits import FEATURES, UNEVEN
from PASTAGenLib.shape import IRREGULAR, Blob, draw_blob
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import Phase
from PASTALib.geometry import Vector, as_vector

LEAST_AXIS_MM = {"necrosis": 20.0, "cavitation": 20.0, "capsule": 15.0, "spiculation": 8.0}
"""Smaller lesions do not show them."""
SHIFTS_MEAN = UNEVEN | {"calcification", "septa", "rim enhancement"}
"""Lesions whose mean HU is asked for show them only where they are asked for, too."""
SOLID_HU = {"non_contrast": 30.0, "arterial": 55.0, "portal_venous": 60.0}
"""Solid part of a part-solid nodule, as solid lung tumors."""


@dataclass(frozen=True)
class Host:
    """The lesion that features are drawn for.

    Attributes:
        blob: its shape, in mm.
        density: its HU.
        phase: contrast phase.
    """

    blob: Blob
    density: Density
    phase: Phase

    @property
    def radius(self) -> float:
        """Shortest semi-axis, mm."""
        return min(self.blob.semi_axes)


def draw_features(
    spec: LesionSpec, host: Host, solid: bool, rng: np.random.Generator
) -> tuple[Feature, ...]:
    """The features asked for, or those that chance brings.

    Args:
        spec: what is asked for.
        host: the lesion.
        solid: whether it is a body rather than a layer on a wall.
        rng: source of all randomness.
    """
    found = list(_of_subtype(host, rng))
    for name, chance in FEATURES[spec.type].items():
        drawn = rng.random() < chance
        asked = spec.features is not None and name in spec.features
        if asked or (spec.features is None and drawn and _fits(name, spec, host, solid)):
            made = MAKERS[name](host, rng) if name in MAKERS else []
            found += [replace(feature, name=name) for feature in made]  # type: ignore[type-var]
    return tuple(found)


def _fits(name: str, spec: LesionSpec, host: Host, solid: bool) -> bool:
    """Whether such a lesion shows a feature."""
    if spec.hu is not None and name in SHIFTS_MEAN:
        return False
    if name in UNEVEN and host.density.heterogeneity != "Heterogeneous":
        return False
    subtype = {"capsule": "metastasis", "rim enhancement": "hcc", "sclerotic rim": "blastic"}
    if subtype.get(name) == host.density.subtype:
        return False
    if host.density.subtype in ("ground_glass", "part_solid", "papillary") and name != "capsule":
        return False
    if not solid and name not in ("stranding", "calcification"):
        return False
    return 2 * host.radius >= LEAST_AXIS_MM.get(name, 0.0)


def _of_subtype(host: Host, rng: np.random.Generator) -> list[Feature]:
    """What makes the subtype."""
    subtype, radius, hu = host.density.subtype, host.radius, host.density.mean_hu
    if subtype == "part_solid":
        solid = _core(host, rng, (0.45, 0.7), SOLID_HU[host.phase] + rng.normal(0, 8), 0.4)
        return [replace(solid, name="solid part")]
    if subtype == "rim":
        added = float(rng.uniform(300, 600))
        return [Shell(-0.25 * radius, 0.0, added, relative=True, name="dense rim")]
    if subtype == "laminated":
        period = max(1.6, radius * float(rng.uniform(0.5, 0.9)))
        return [Laminae(period, 0.35 * hu, name="laminae")]
    return []


def _core(
    host: Host, rng: np.random.Generator, size: tuple[float, float], hu: float, edge_mm: float
) -> Core:
    """A body of a share of the lesion's size, near its middle."""
    share = rng.uniform(*size)
    body = draw_blob(2.0, IRREGULAR, rng)
    semi = as_vector(np.array(body.semi_axes) * np.array(host.blob.semi_axes) * share)
    shift = rng.uniform(-0.5, 0.5, 3) * (1 - share) * np.array(host.blob.semi_axes)
    center = as_vector(shift @ np.array(host.blob.rotation))
    body = replace(body, semi_axes=semi, rotation=host.blob.rotation, center=center)
    return Core(body, float(hu), edge_mm, wall_mm=max(1.0, 0.15 * host.radius))


def _necrosis(host: Host, rng: np.random.Generator) -> list[Feature]:
    hu = min(rng.uniform(10, 25), host.density.mean_hu - 12)
    return [_core(host, rng, (0.4, 0.65), hu, rng.uniform(0.8, 2.0))]


def _cavity(host: Host, rng: np.random.Generator) -> list[Feature]:
    return [_core(host, rng, (0.35, 0.6), rng.uniform(-980, -900), 0.2)]


def _areas(sign: int) -> Callable[[Host, np.random.Generator], list[Feature]]:
    """Two parts that are darker, or brighter, than the rest of a solid lesion."""

    def made(host: Host, rng: np.random.Generator) -> list[Feature]:
        hu = sign * float(rng.uniform(15, 35))
        bodies = [_core(host, rng, (0.25, 0.4), hu, rng.uniform(0.8, 2.0)) for _ in range(2)]
        return [replace(body, relative=True) for body in bodies]

    return made


def _capsule(host: Host, rng: np.random.Generator) -> list[Feature]:
    """Thin, brighter after contrast (facts 4.2 (2): 1 to 2 mm)."""
    added = -12.0 if host.phase == "non_contrast" else rng.uniform(20, 40)
    return [Shell(-float(rng.uniform(1.0, 2.0)), 0.2, float(added), relative=True)]


def _rim(host: Host, rng: np.random.Generator) -> list[Feature]:
    """The enhancing margin of a metastasis, broader than a capsule."""
    added = 0.0 if host.phase == "non_contrast" else rng.uniform(12, 30)
    return [Shell(-host.radius * rng.uniform(0.15, 0.3), 0.3, float(added), True, 0.8)]


def _wall(host: Host, rng: np.random.Generator) -> list[Feature]:
    """As bright as the organ around it: a thinner one would read as a soft edge."""
    added = host.density.base_hu - host.density.mean_hu + rng.uniform(0, 15)
    return [Shell(-float(rng.uniform(0.8, 1.6)), 0.3, float(max(added, 20.0)), relative=True)]


def _sclerotic_rim(host: Host, rng: np.random.Generator) -> list[Feature]:
    return [Shell(-float(rng.uniform(0.8, 2.0)), 0.3, float(rng.uniform(200, 400)), True, 0.4)]


def _septa(host: Host, rng: np.random.Generator) -> list[Feature]:
    planes = []
    for _ in range(rng.integers(1, 4)):
        x, y, z = _direction(rng)
        planes.append((x, y, z, float(rng.uniform(-0.5, 0.5) * host.radius)))
    added = rng.uniform(20, 40)
    return [Septa(tuple(planes), float(rng.uniform(0.6, 1.2)), 1.0, float(added))]


def _specks(host: Host, rng: np.random.Generator) -> list[Feature]:
    centers, radii = [], []
    for _ in range(rng.integers(1, 5)):
        place = np.array(_direction(rng)) * rng.uniform(0.2, 0.75) * host.radius
        centers.append(as_vector(place))
        radii.append(float(rng.uniform(0.6, 1.6)))
    return [Specks(tuple(centers), tuple(radii), float(rng.uniform(300, 900)))]


def _spicules(host: Host, rng: np.random.Generator) -> list[Feature]:
    """8 to 20 rays of 2 to 8 mm, about 1 mm wide (facts 4.3)."""
    count = int(rng.integers(8, 21))
    directions = tuple(_direction(rng) for _ in range(count))
    longest = min(10.0, 0.8 * host.radius + 2)
    lengths = tuple(float(rng.uniform(2.0, max(2.5, longest))) for _ in range(count))
    return [Rays(directions, lengths, float(rng.uniform(1.0, 1.8)), float(rng.uniform(-150, 20)))]


def _halo(host: Host, rng: np.random.Generator) -> list[Feature]:
    return [Halo(float(rng.uniform(2, 6)), float(rng.uniform(0.5, 0.9)), rng.uniform(-700, -500))]


def _stranding(host: Host, rng: np.random.Generator) -> list[Feature]:
    streaks = []
    for _ in range(4):
        vector = np.array(_direction(rng)) * 2 * np.pi / rng.uniform(3.0, 7.0)
        x, y, z = vector.tolist()
        streaks.append((x, y, z, float(rng.uniform(0, 2 * np.pi))))
    return [Stranding(float(rng.uniform(3, 8)), float(rng.uniform(0.4, 0.8)), tuple(streaks))]


def _direction(rng: np.random.Generator) -> Vector:
    vector = rng.normal(size=3)
    return as_vector(vector / np.linalg.norm(vector))


MAKERS: dict[str, Callable[[Host, np.random.Generator], list[Feature]]] = {
    "necrosis": _necrosis,
    "cavitation": _cavity,
    "capsule": _capsule,
    "rim enhancement": _rim,
    "wall": _wall,
    "sclerotic rim": _sclerotic_rim,
    "septa": _septa,
    "calcification": _specks,
    "spiculation": _spicules,
    "halo": _halo,
    "stranding": _stranding,
    "decreased areas": _areas(-1),
    "increased areas": _areas(1),
}
"""How each feature is drawn; a dilated duct is drawn when the lesion has its place."""
