"""Shapes of made masks beside those of real ones, and beside a simpler family of shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.quality.ellipsoids import deformed_ellipsoid
from PASTAGenLib.quality.free_shapes import LONGEST_MM, free_mask
from PASTAGenLib.quality.shape_distances import (
    ShapeDistance,
    distances,
    joint_distance,
    joint_interval,
)
from PASTAGenLib.quality.shape_figures import (
    ShapeFigures,
    as_table,
    resampled,
    sampling,
    shape_figures,
)
from PASTALib.errors import PastaError
from PASTALib.measure import measure_mask
from PASTALib.progress import Progress

REAL_MASKS = {
    "KiTS19 kidney tumors": ("tumour_masks_kits19", 2),
    "soft-tissue sarcomas": ("tumour_masks_sts", 1),
}
"""Name of each set of real masks, its folder, and the label of the tumor."""
PER_MASK = 2
"""Masks that are made for each real one, of its size and on its voxels."""


@dataclass(frozen=True)
class ShapeSet:
    """Figures of one set of real masks and of the masks that are made like them.

    Attributes:
        name: of the real masks.
        real, ours, ellipsoids: figures of each mask.
        refused: requests that the generator refused.
    """

    name: str
    real: tuple[ShapeFigures, ...]
    ours: tuple[ShapeFigures, ...]
    ellipsoids: tuple[ShapeFigures, ...]
    refused: int


@dataclass(frozen=True)
class Comparison:
    """Distances of one family of made masks to the real ones.

    Attributes:
        family: ``ours`` or ``ellipsoids``.
        joint: distance of all figures free of scale together.
        low, high: its 95 % interval.
        each: distance of every figure.
    """

    family: str
    joint: float
    low: float
    high: float
    each: tuple[ShapeDistance, ...]


def real_masks(folder: Path, label: int) -> Iterator[sitk.Image]:
    """The masks in a folder, on voxels that are fine enough for their size."""
    for path in sorted(folder.glob("*.nii.gz")):
        mask = sitk.ReadImage(str(path)) == label
        yield resampled(mask, sampling(mask))


def shape_sets(data: Path, most: int | None, seed: int, progress: Progress) -> list[ShapeSet]:
    """Measure the real masks in a folder of test data and make others like them.

    Args:
        data: folder of test data; sets that are missing are left out.
        most: real masks of each set; all where None.
        seed: of all that is made.
        progress: told about every mask.
    """
    found = []
    for number, (name, (folder, label)) in enumerate(REAL_MASKS.items()):
        masks = list(islice(real_masks(data / folder, label), most))
        if masks:
            rng = np.random.default_rng([seed, number])
            found.append(_shape_set(name, masks, rng, progress))
    return found


def _shape_set(
    name: str, masks: list[sitk.Image], rng: np.random.Generator, progress: Progress
) -> ShapeSet:
    real, ours, ellipsoids, refused = [], [], [], 0
    for place, mask in enumerate(masks):
        progress(place / len(masks), f"Shapes beside {name}")
        figures, size = shape_figures(mask), measure_mask(mask)
        real.append(figures)
        for _ in range(PER_MASK):
            radius = size.equivalent_diameter_mm / 2
            ellipsoids.append(shape_figures(deformed_ellipsoid(radius, mask.GetSpacing(), rng)))
            long_axis = min(size.long_axis.length_mm, LONGEST_MM)
            try:
                ours.append(shape_figures(free_mask(long_axis, mask.GetSpacing(), rng)))
            except PastaError:
                refused += 1
    return ShapeSet(name, tuple(real), tuple(ours), tuple(ellipsoids), refused)


def compare(shapes: ShapeSet, seed: int) -> tuple[Comparison, ...]:
    """Distances of both families to the real masks."""
    real = as_table(shapes.real)
    return tuple(
        _comparison(family, as_table(made), real, seed)
        for family, made in (("ours", shapes.ours), ("ellipsoids", shapes.ellipsoids))
        if made
    )


def _comparison(
    family: str, made: NDArray[np.float64], real: NDArray[np.float64], seed: int
) -> Comparison:
    low, high = joint_interval(made, real, np.random.default_rng(seed))
    return Comparison(family, joint_distance(made, real), low, high, distances(made, real))
