"""What is asked of the generator: every value that a type allows, equally often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from PASTAGenLib.quality.scans import Scan
from PASTAGenLib.spec import LesionSpec
from PASTALib.attributes import PUNCTATE_MM
from PASTALib.catalog import LesionType, catalog

Value = TypeVar("Value")

PUNCTATE, WALL = "Punctate, nodular", "Wall thickening"
SOLID_HU = 25.0
"""Solid tumors are not asked for with less, however far the organ's HU and the table say so."""
MOST_MEDIANS = 1.8
"""Sizes are asked up to this many of the type's median long axes; many organs hold no more."""


def requests(
    kind: LesionType, scan: Scan, count: int, rng: np.random.Generator
) -> list[LesionSpec]:
    """Specs of one type in which each value of each attribute is asked equally often.

    Size is log-uniform in the range that fits the shape. Half of the specs ask for a density by its
    word, the other half for a mean in HU from the catalogue's table; two of three ask for a
    relation to other organs.
    """
    values = {key: catalog().attributes[key].values for key in ("heterogeneity", "surface")}
    shapes = spread(kind.shapes, count, rng)
    densities = spread(catalog().attributes["density"].values, count, rng)
    evenness = spread(values["heterogeneity"], count, rng)
    surfaces = spread(values["surface"], count, rng)
    by_hu = spread((False, True), count, rng)
    invasions = spread((None, *catalog().attributes["invasion"].values), count, rng)
    return [
        LesionSpec(
            kind.key,
            shape=shapes[k],
            density=None if by_hu[k] else densities[k],
            hu=_textbook_hu(kind, scan, rng) if by_hu[k] else None,
            heterogeneity=evenness[k],
            surface=surfaces[k],
            invasion=invasions[k],
            long_axis_mm=_size(kind, shapes[k], rng),
            phase=scan.phase,
        )
        for k in range(count)
    ]


def spread(values: Sequence[Value], count: int, rng: np.random.Generator) -> list[Value]:
    """`count` values in random order, each as often as the others or once more."""
    order = rng.permutation(count)
    return [values[int(k) % len(values)] for k in order]


def _size(kind: LesionType, shape: str, rng: np.random.Generator) -> float:
    """Log-uniform long axis in mm for a shape of the type."""
    low, high = kind.long_axis_mm.minimum, MOST_MEDIANS * kind.long_axis_mm.median
    if shape == PUNCTATE:
        high = min(high, 0.9 * PUNCTATE_MM)
    elif PUNCTATE in kind.shapes:
        low = max(low, 1.15 * PUNCTATE_MM)
    elif shape == WALL:
        low = max(low, kind.long_axis_mm.median / 2)
    else:
        low = max(low, 0.6 * PUNCTATE_MM)
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))


def _textbook_hu(kind: LesionType, scan: Scan, rng: np.random.Generator) -> float:
    """Mean HU of one of the type's subtypes by the catalogue, within two SD, in this patient."""
    row = catalog().lesion_hu[kind.key, str(rng.choice(kind.subtypes))]
    hu = row.by_phase[scan.phase]
    mean = hu.mean + hu.sd * float(np.clip(rng.normal(), -2, 2))
    if not row.absolute:
        mean += scan.median_hu(row.reference)
    return max(mean, SOLID_HU) if kind.malignant and row.subtype != "ground_glass" else mean
