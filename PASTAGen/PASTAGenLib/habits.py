"""How lesions of each type behave: documented chances and ranges that plans are drawn from.

Numbers are from facts 4.2 and 4.3 where a clinical series gives them, otherwise set by hand within
what textbooks describe. HU are in the catalogue's ``hu.json``.
"""

from __future__ import annotations

from dataclasses import dataclass

from PASTAGenLib.shape import FACETED, IRREGULAR, ROUND, SMOOTH, Family
from PASTALib.catalog import catalog

SIZE_SPREAD = 0.45
"""Log-SD of the long axis about the catalogue's median."""


@dataclass(frozen=True)
class Habit:
    """What is usual for a lesion type.

    Attributes:
        forms: how it may lie to its organ, see `insertion_plan.Form`; the first is the usual one.
        inside: least share of a shape in its organ where it does not protrude; the rest is cut.
        half_out: least and most share of a shape in its organ where it protrudes.
        push: displacement of the surroundings at its surface as a share of its shortest semi-axis.
        keeps: share of bright structures of the organ that stay visible in it.
        families: shapes; ``Round-like`` and ``Irregular``.
    """

    forms: tuple[str, ...] = ("mass",)
    inside: float = 0.85
    half_out: tuple[float, float] = (0.45, 0.8)
    push: tuple[float, float] = (0.0, 0.0)
    keeps: tuple[float, float] = (0.0, 0.0)
    families: tuple[Family, Family] = (ROUND, IRREGULAR)


CYST = (SMOOTH, IRREGULAR)
STONE = (FACETED, IRREGULAR)
IN_LIVER = (0.7, 0.9)
"""A lesion that bulges the liver's contour seldom hangs from it."""
HABITS: dict[str, Habit] = {
    "lung_tumor": Habit(inside=0.9, push=(0.0, 0.1)),
    "liver_tumor": Habit(half_out=IN_LIVER, push=(0.1, 0.35), keeps=(0.0, 0.15)),
    "liver_cyst": Habit(half_out=IN_LIVER, push=(0.2, 0.5), families=CYST),
    "gallbladder_cancer": Habit(("plaque", "polyp"), inside=0.55),
    "gallstone": Habit(inside=0.75, families=STONE),
    "pancreas_tumor": Habit(inside=0.7, push=(0.0, 0.15)),
    "pancreas_cyst": Habit(inside=0.7, push=(0.2, 0.5), families=CYST),
    "bladder_cancer": Habit(("polyp", "plaque"), inside=0.55),
    "esophageal_cancer": Habit(("annular", "plaque", "polyp"), inside=0.55),
    "gastric_cancer": Habit(("plaque", "annular", "polyp"), inside=0.55),
    "kidney_tumor": Habit(push=(0.2, 0.45)),
    "kidney_cyst": Habit(push=(0.25, 0.5), families=CYST),
    "kidney_stone": Habit(push=(0.0, 0.1), families=STONE),
    "colorectal_cancer": Habit(("annular", "plaque", "polyp"), inside=0.55),
    "bone_metastasis": Habit(inside=0.62, keeps=(0.05, 0.4)),
}
SUBTYPE_KEEPS = {
    "ground_glass": (0.9, 0.9),
    "part_solid": (0.9, 0.9),
    "lytic": (0.0, 0.1),
}
"""The same share for subtypes: vessels run through ground glass, lysis destroys the cortex, too."""
ANNULAR = {"esophageal_cancer": 0.6, "gastric_cancer": 0.2, "colorectal_cancer": 0.6}
"""How often a wall thickening goes all around."""
WIDER_SHAPES = {
    "cystic": ("mass", "Round-like"),
    "luminal narrowing": ("annular", "Wall thickening"),
    "protrusion into the lumen": ("polyp", "Irregular"),
}
"""Shapes of the wider template: form, and the one of PASTA's four shapes that they are."""

NARROW = ("luminal narrowing", "Wall thickening")
"""Shapes of a lesion that may go all around its tube; the first always does."""

WALL_THICKNESS_MM = {
    "gallbladder_cancer": (11.0, 3.0, 5.0, 20.0),
    "bladder_cancer": (10.0, 3.0, 5.0, 25.0),
    "esophageal_cancer": (12.0, 3.6, 6.0, 20.0),
    "gastric_cancer": (14.0, 4.0, 8.0, 30.0),
    "colorectal_cancer": (15.0, 4.0, 8.0, 30.0),
}
"""Mean, SD, minimum and maximum (facts 4.2 (4), (8) to (10), (14))."""

PROTRUDES = {
    "kidney_tumor": 0.5,
    "kidney_cyst": 0.5,
    "pancreas_tumor": 0.4,
    "pancreas_cyst": 0.6,
    "liver_tumor": 0.1,
    "liver_cyst": 0.15,
    "gallbladder_cancer": 0.3,
    "esophageal_cancer": 0.8,
    "gastric_cancer": 0.4,
    "colorectal_cancer": 0.4,
    "bone_metastasis": 0.2,
}
"""How often a lesion reaches beyond its organ (exophytic renal and pancreatic masses are common,
an esophageal tumor widens its tube, a lytic metastasis breaks the cortex); types that are not
listed never do."""

UNEVEN = frozenset({"necrosis", "cavitation", "decreased areas", "increased areas"})
"""Features that only heterogeneous lesions have."""
ONLY_ASKED = {"decreased areas": 0.0, "increased areas": 0.0}
"""What a solid tumor shows where it is asked for: texture, necrosis and calcification are what
chance draws."""
FEATURES: dict[str, dict[str, float]] = {
    "lung_tumor": {
        "spiculation": 0.45,
        "halo": 0.15,
        "calcification": 0.07,
        "cavitation": 0.1,
    },
    "liver_tumor": {
        "capsule": 0.45,
        "rim enhancement": 0.45,
        "necrosis": 0.5,
        "bile duct dilation": 0.0,
    },
    "liver_cyst": {"septa": 0.1},
    "gallbladder_cancer": {"stranding": 0.2},
    "gallstone": {},
    "pancreas_tumor": {"duct dilation": 0.5, "stranding": 0.3},
    "pancreas_cyst": {"septa": 0.35, "wall": 0.4},
    "bladder_cancer": {"calcification": 0.05},
    "esophageal_cancer": {"stranding": 0.25, "upstream dilation": 0.35},
    "gastric_cancer": {"stranding": 0.25},
    "kidney_tumor": {"necrosis": 0.5, "capsule": 0.3, "calcification": 0.1},
    "kidney_cyst": {"septa": 0.1, "calcification": 0.05},
    "kidney_stone": {},
    "colorectal_cancer": {"stranding": 0.3, "upstream dilation": 0.25},
    "bone_metastasis": {"sclerotic rim": 0.2},
}
"""How often a lesion of a type shows a feature, where its size, subtype and texture allow it."""
for _kind in catalog().lesion_types.values():
    if _kind.malignant:
        FEATURES[_kind.key] |= ONLY_ASKED

SEGMENTS = tuple(f"segment_{number}" for number in range(1, 9))
"""Couinaud's segments of the liver, see `sites.couinaud`."""
HINTS = frozenset(
    [
        *SEGMENTS,
        "upper",
        "middle",
        "lower",
        "anterior",
        "posterior",
        "medial",
        "lateral",
        "central",
        "peripheral",
        "head",
        "body",
        "tail",
    ]
)
"""Words of a location that name a part of a structure."""
FILLERS = frozenset(["pole", "wall", "third", "part", "of", "the"])
"""Words of a location that say nothing more: ``upper pole``, ``anterior wall``."""
