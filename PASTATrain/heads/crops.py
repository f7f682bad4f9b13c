"""Crops of a scan around an organ or the lesions, as the heads look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.geometry import LPS_AXES, Geometry, as_vector
from PASTALib.grid import resample_to
from PASTALib.inference import segment
from PASTALib.model import Model
from PASTALib.reading import read_ct
from PASTATrain.heads.config import LESIONS
from PASTATrain.judging.predictions import Labeled, read_truth
from PASTATrain.manifest import Entry

LEAST_MM3 = 200.0
"""An organ of which less is in the scan is not looked at."""


@dataclass(frozen=True)
class Crop:
    """A cube of a scan.

    Attributes:
        around: organ that it lies around, or `LESIONS`.
        hu: int16 ``[z, y, x]``, LPS axes.
        mask: uint8 of the same shape, 1 in the organ or the lesions.
        geometry: where it lies.
    """

    around: str
    hu: np.ndarray
    mask: np.ndarray
    geometry: Geometry


@dataclass(frozen=True)
class LabeledScan:
    """A CT and what is known of its voxels: arrays on the grid of `grid`."""

    ct: CT
    grid: Geometry
    labels: Labeled


def read_scan(entry: Entry, model: Model) -> LabeledScan:
    """The scan of a manifest's case; without masks, the model outlines organs and lesions.

    Raises:
        PastaError: a file cannot be read.
    """
    ct = read_ct(entry.image)
    if entry.masks is not None:
        image, labels = read_truth(entry)
        return LabeledScan(ct, Geometry.of(image), labels)
    found = segment(ct, model)
    organs, lesions = (sitk.GetArrayFromImage(x) for x in (found.organs, found.lesions))
    return LabeledScan(ct, Geometry.of(found.organs), Labeled(organs, lesions, ()))


def crops_of(
    scan: LabeledScan, around: Sequence[str], spacing_mm: float, edge: int, margin_mm: float
) -> list[Crop]:
    """A crop for each organ that the scan holds, or one for all of its lesions.

    Args:
        scan: the scan.
        around: organs, or `LESIONS`.
        spacing_mm: edge of the voxels; larger where the organ and its margin would not fit.
        edge: of the cube, in voxels.
        margin_mm: room around the organ.
    """
    crops = []
    for what in around:
        if what == LESIONS:
            mask = scan.labels.lesions > 0
        else:
            mask = np.isin(scan.labels.organs, catalog().organ_labels(what))
        least = LEAST_MM3 if what != LESIONS else 0.0
        if not mask.any() or mask.sum() * scan.grid.voxel_mm3 < least:
            continue
        cube = cube_around(mask, scan.grid, spacing_mm, edge, margin_mm)
        hu = sitk.GetArrayFromImage(resample_to(scan.ct.image, cube)).round().astype(np.int16)
        crops.append(Crop(what, hu, on_cube(mask, scan.grid, cube), cube))
    return crops


def cube_around(
    mask: np.ndarray, grid: Geometry, spacing_mm: float, edge: int, margin_mm: float
) -> Geometry:
    """The cube, LPS axes and isotropic, in the middle of which a mask lies.

    Args:
        mask: boolean ``[z, y, x]``, not empty.
        grid: of the mask.
        spacing_mm: least edge of its voxels.
        edge: of the cube, in voxels.
        margin_mm: room around the mask.
    """
    points = grid.points_of_zyx(np.argwhere(mask))
    low, high = points.min(axis=0) - margin_mm, points.max(axis=0) + margin_mm
    step = max(spacing_mm, float((high - low).max()) / edge)
    origin = (low + high) / 2 - step * (edge - 1) / 2
    return Geometry((edge,) * 3, (step,) * 3, as_vector(origin), LPS_AXES)


def on_cube(mask: np.ndarray, grid: Geometry, cube: Geometry) -> np.ndarray:
    """A mask on the cube, uint8; what fills less than half of every voxel keeps its densest."""
    image = grid.place(sitk.GetImageFromArray(mask.astype(np.float32)))
    share = sitk.GetArrayFromImage(cube.sample(sitk.ConstantPad(image, [1] * 3, [1] * 3), 0.0))
    if not share.any():  # a lesion of a few voxels can lie between those of the cube
        z, y, x = cube.indices_zyx(grid.points_of_zyx(np.argwhere(mask))).round().astype(int).T
        share[z, y, x] = 1.0
    return (share >= min(0.5, float(share.max()))).astype(np.uint8)


def check_crop(edge: int, model: Model) -> None:
    """Refuse an edge that the encoder cannot take.

    Raises:
        PastaError: it is no multiple of the coarsest voxel, or holds but one.
    """
    step = 2 ** (len(model.info.features) - 1)
    if edge % step or edge < 2 * step:
        raise PastaError(
            f"The crop of {edge} voxels does not fit the model {model.info.name}; its edge must be "
            f"a multiple of {step} from {2 * step} on."
        )
