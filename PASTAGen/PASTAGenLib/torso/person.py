"""One person: HU of the tissues and the sizes that several organs share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from PASTAGenLib.torso.spec import TorsoSpec
from PASTALib.catalog import catalog


@dataclass(frozen=True)
class Person:
    """What the organ painters need to know.

    Attributes:
        spec: what was asked for.
        hu: HU of each tissue of the catalogue's table in this phase.
        fat: thickness of the subcutaneous fat at the flank in mm.
        shrink: size of solid organs relative to the body that widens with visceral fat.
        scale: body mm to picture mm (x, y in front of the spine, y behind it, z).
        domes: height of the right and left dome of the diaphragm in mm.
    """

    spec: TorsoSpec
    hu: dict[str, float]
    fat: float
    shrink: float
    scale: tuple[float, float, float, float]
    domes: tuple[float, float]

    @property
    def male(self) -> bool:
        """Whether the person is male."""
        return self.spec.sex == "male"


def draw_person(spec: TorsoSpec, rng: np.random.Generator) -> Person:
    """Tissue HU within 1.5 standard deviations of the catalogue's mean, and the build."""
    hu = {}
    contrast = rng.normal()
    for tissue, phases in catalog().normal_hu.items():
        value = phases[spec.phase]
        # Patients with strong enhancement have it in all organs.
        z = np.clip(0.6 * contrast + 0.6 * rng.normal(), -1.5, 1.5)
        hu[tissue] = value.mean + value.sd * float(z)
    if rng.random() < 0.15:  # positive oral contrast
        hu["bowel_content"] = float(rng.uniform(120, 280))
    male = spec.sex == "male"
    habitus = spec.habitus
    fat = 3 + (38 if male else 48) * habitus**1.3 * rng.uniform(0.8, 1.2)
    wide = 0.93 + 0.16 * habitus + rng.normal(0, 0.02)
    deep = 0.86 + (0.42 if male else 0.34) * habitus + rng.normal(0, 0.04)
    build = (1.0 if male else 0.95) * np.sqrt(spec.size)
    scale = (build * wide, build * deep, build, spec.size)
    right = 168 + rng.normal(0, 8)
    return Person(
        spec=spec,
        hu=hu,
        fat=float(fat),
        shrink=float((wide * wide * deep) ** (-1 / 4)),
        scale=(float(scale[0]), float(scale[1]), float(scale[2]), float(scale[3])),
        domes=(float(right), float(right - 12 + rng.normal(0, 5))),
    )
