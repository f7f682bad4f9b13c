"""Patches for the finer network: parts of scans as the first one sees them, and what is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import start_of
from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.finer.shown import OTHER, nearest, shown
from PASTALib.grid import to_model_grid
from PASTALib.inference import OVERLAP, first_labels, grid_for
from PASTALib.model import Model
from PASTALib.progress import silent
from PASTATrain.classes import IGNORE
from PASTATrain.finer.config import FinerConfig
from PASTATrain.patches import cube
from PASTATrain.scan_parts import RIM_MM, Ground, ScanPart, draw_part

AROUND_LESIONS, AROUND_SUSPICIONS = 0.45, 0.25
"""Share of patches around a voxel of a lesion, and of what the first network takes for one."""
JITTER = 0.25
"""Largest distance of such a voxel from the middle of the patch, in patches."""
MOST_UNKNOWN = 0.6
"""Share of a patch that may be unknown."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A patch; arrays ``[z, y, x]``.

    Attributes:
        image: int16 ``(3, z, y, x)``, see `PASTALib.finer.shown.shown`.
        truth: uint8 output channels of the finer network; `IGNORE` where nothing is known.
    """

    image: NDArray[np.int16]
    truth: NDArray[np.uint8]


def crops_of(
    ground: Ground, first: Model, config: FinerConfig, rng: np.random.Generator
) -> Iterator[Crop]:
    """Patches of a part of a scan, with inserted lesions or without.

    Args:
        ground: the scan.
        first: the first network, alone.
        config: the run.
        rng: draws the part, its lesions and the patches.
    """
    part = draw_part(ground, first.info, rng)
    if part is None:
        return
    image = part.scene.geometry.place(sitk.GetImageFromArray(part.scene.hu))
    ct = CT(image, ground.name, synthetic=True)
    labels = first_labels(grid_for(ct, first.info), first, True, OVERLAP, silent, None)
    edge = config.patch
    grid = to_model_grid(image, config.spacing_mm, minimum=(edge,) * 3)
    seen = shown(grid, labels.organs, labels.probability)
    truth = nearest(channels_of(ground, part), grid.source, grid.geometry)
    for _ in range(config.crops):
        center = _center(seen, truth, edge, rng)
        crop = Crop(
            np.stack([cube(a, center, edge, o) for a, o in zip(seen, (-1024, 0, 0), strict=True)]),
            cube(truth, center, edge, 0),
        )
        if (crop.truth == IGNORE).mean() <= MOST_UNKNOWN and crop.image[1].any():
            yield crop


def channels_of(ground: Ground, part: ScanPart) -> NDArray[np.uint8]:
    """Output channels of a part ``[z, y, x]``: its lesions, and unknown near to where it was cut.

    What the first network says of organs is poor at the sides of its tile.
    """
    channels = np.zeros(part.scene.hu.shape, np.uint8)
    types = list(catalog().lesion_types)
    start, end = start_of(part.box), [high for _, high in part.box]
    for key, region in (*ground.lesions, *part.lesions):
        first = np.maximum(region.start, start)
        behind = np.minimum(np.add(region.start, region.mask.shape), end)
        if np.all(behind > first):
            ends = list(zip(first, behind, strict=True))
            here = tuple(slice(a - s, b - s) for (a, b), s in zip(ends, start, strict=True))
            there = tuple(slice(a - s, b - s) for (a, b), s in zip(ends, region.start, strict=True))
            channels[here][region.mask[there]] = 1 + types.index(key)
    rim = np.ceil(RIM_MM / part.scene.geometry.spacing_zyx).astype(int)
    for axis, (low, high) in enumerate(part.box):
        sides = np.moveaxis(channels, axis, 0)
        if low > 0:
            sides[: rim[axis]] = IGNORE
        if high < ground.scene.hu.shape[axis]:
            sides[-rim[axis] :] = IGNORE
    return channels


def _center(
    seen: NDArray[np.int16], truth: NDArray[np.uint8], edge: int, rng: np.random.Generator
) -> NDArray[np.int_]:
    """The middle of a patch: near a lesion, near a false suspicion, or in some organ."""
    _, numbers, likely = seen
    reach = round(JITTER * edge)
    shift = rng.integers(-reach, reach + 1, 3)
    kind = rng.random()
    if kind < AROUND_LESIONS:
        present = np.setdiff1d(np.unique(truth), (0, IGNORE))
        if len(present):
            return _some(truth == rng.choice(present), rng) + shift
    elif kind < AROUND_LESIONS + AROUND_SUSPICIONS:
        false = (likely > 64) & (truth == 0)
        if false.any():
            return _some(false, rng) + shift
    organs = np.setdiff1d(np.unique(numbers[truth != IGNORE]), (0, OTHER))
    if len(organs):
        return _some((numbers == rng.choice(organs)) & (truth != IGNORE), rng) + shift
    return rng.integers(0, truth.shape)


def _some(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int_]:
    """A voxel of a mask that is not empty."""
    voxels = np.flatnonzero(mask)
    return np.array(np.unravel_index(voxels[rng.integers(len(voxels))], mask.shape))
