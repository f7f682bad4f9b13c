"""From the CT to the model's grid: LPS axes, isotropic, cropped to the body.

The way back, of labels, is in `PASTALib.upsample`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.errors import PastaError
from PASTALib.geometry import LPS_AXES, Box, Geometry, as_index, as_vector, crop, is_empty
from PASTALib.progress import CancelToken, Progress, silent

AIR_HU = -1024.0
BODY_HU = -500.0
"""Above air and lung, below fat (about -100 HU): the skin line of every body."""
BODY_MARGIN_MM = 12.0
ROI_CONTEXT_MM = 30.0
"""What the network sees around a region of interest, so that its border is not guessed."""
_COARSE_MM = 5.0
_CHUNK_VOXELS = 12_000_000
"""CT voxels that are in float at once: 48 MB, whatever the size of the CT."""


@dataclass(frozen=True)
class Roi:
    """A box in patient space: two opposite corners in LPS mm, x, y, z; `lower` <= `upper`."""

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]

    def __post_init__(self) -> None:
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise PastaError(
                "The region of interest is empty; give the smaller corner first, in LPS mm."
            )


@dataclass(frozen=True)
class ModelGrid:
    """A CT as the network wants it.

    Attributes:
        image: float32 HU; axes LPS, isotropic, cropped to the body or the region of interest.
        source: geometry of the CT it was made from.
        roi: the region of interest that was asked for; the grid also holds some context.
    """

    image: sitk.Image
    source: Geometry
    roi: Roi | None

    @property
    def geometry(self) -> Geometry:
        """Geometry of the grid."""
        return Geometry.of(self.image)


def body_box(image: sitk.Image, margin_mm: float = BODY_MARGIN_MM) -> Box:
    """Index box of the patient, without table and surrounding air.

    Looked for on every few voxels only. Parts of at least a tenth of the largest one are kept (two
    legs, arms beside the trunk); the table is lost to a morphological opening. The whole image is
    returned where there is no such body.

    Args:
        image: CT in HU.
        margin_mm: added on all sides.
    """
    size = image.GetSize()
    spacing = image.GetSpacing()
    step = [max(1, round(_COARSE_MM / value)) for value in spacing]
    seen = sitk.GetArrayViewFromImage(image)[:: step[2], :: step[1], :: step[0]] > BODY_HU
    whole: Box = ((0, 0, 0), size)
    if min(seen.shape) < 3:
        return whole
    # The image's border counts as body, so that opening does not eat a body that is cut there.
    inner = ndimage.binary_opening(
        np.pad(seen, 1, mode="edge"), ndimage.generate_binary_structure(3, 1)
    )
    parts, count = ndimage.label(inner[1:-1, 1:-1, 1:-1])
    if count == 0:
        return whole
    volumes = np.bincount(parts.ravel())[1:]
    kept = [
        place
        for place, volume in zip(ndimage.find_objects(parts), volumes, strict=True)
        if place is not None and volume >= 0.1 * volumes.max()
    ]
    if volumes.max() < 0.01 * parts.size:
        return whole
    low, high = [], []
    for axis in range(3):
        slices = [place[2 - axis] for place in kept]
        margin = round(margin_mm / spacing[axis])
        low.append(max(0, min(s.start for s in slices) * step[axis] - margin))
        high.append(min(size[axis], max(s.stop for s in slices) * step[axis] + margin))
    return as_index(np.array(low)), as_index(np.array(high))


def _grid_geometry(
    corners: np.ndarray, spacing_mm: float, minimum: tuple[int, int, int]
) -> Geometry:
    """LPS grid of isotropic voxels over a cloud of points; voxel edges start at its lower corner.

    So a CT that already has this spacing and axes keeps its voxels as they are.
    """
    lower, upper = corners.min(axis=0), corners.max(axis=0)
    size = np.maximum(1, np.ceil((upper - lower) / spacing_mm - 1e-3)).astype(int)
    missing = np.maximum(0, np.array(minimum) - size)
    first = lower + (0.5 - missing // 2) * spacing_mm
    return Geometry(as_index(size + missing), (spacing_mm,) * 3, as_vector(first), LPS_AXES)


def _chunks(target: Geometry, source: Geometry) -> Iterator[Box]:
    """Runs of the target's planes that need about `_CHUNK_VOXELS` of the source each."""
    low, high = source.box_around(target.corners())
    needed = int(np.prod(np.subtract(high, low)))
    planes = max(4, target.size[2] * _CHUNK_VOXELS // max(1, needed))
    for first in range(0, target.size[2], planes):
        last = min(first + planes, target.size[2])
        yield (0, 0, first), (target.size[0], target.size[1], last)


def _smoothed(image: sitk.Image, needed: Box, ratio: np.ndarray) -> sitk.Image | None:
    """The needed part of a CT in float, averaged so that the coarser grid shows no aliasing.

    Whole voxels are averaged first, which is cheap (a 512x512x180 CT takes 0.5 s). What then
    remains of the ratio is smoothed by a Gaussian of 0.4 sqrt(ratio^2 - 1) voxels: the same blur
    that the training cases get.

    Args:
        image: the CT.
        needed: index box that the interpolation will touch.
        ratio: voxels of the CT to one of the grid along x, y, z.
    """
    factor = np.maximum(1, np.floor(ratio + 1e-3)).astype(int)
    halo = np.ceil(2 * ratio).astype(int) + 1
    size = np.array(image.GetSize())
    # Averages start at multiples of the factor, so that the chunks of a CT agree with each other.
    low = np.maximum((np.array(needed[0]) - halo) // factor * factor, 0)
    high = np.minimum(np.array(needed[1]) + halo, size)
    if is_empty(needed):
        return None
    part = sitk.Cast(crop(image, (as_index(low), as_index(high))), sitk.sitkFloat32)
    # At the end of the CT its last voxels are repeated, so that no average is cut off and the
    # grid's last voxel, which may reach over the end, does not become air.
    before = np.where(low == 0, factor, 0)
    after = np.where(high == size, (-(high - low)) % factor + factor, -(high - low) % factor)
    part = sitk.ZeroFluxNeumannPad(part, before.tolist(), after.tolist())
    if np.any(factor > 1):
        part = sitk.BinShrink(part, factor.tolist())
    rest = ratio / factor
    for axis in np.flatnonzero(rest > 1.2):
        if part.GetSize()[axis] >= 4:  # the recursive Gaussian needs four voxels
            sigma = 0.4 * (rest[axis] ** 2 - 1) ** 0.5 * part.GetSpacing()[axis]
            part = sitk.RecursiveGaussian(part, sigma, direction=int(axis))
    return part


def resample_to(
    image: sitk.Image,
    target: Geometry,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> sitk.Image:
    """A CT on another grid: linear, averaged first along axes that become coarser.

    Args:
        image: 3D CT in HU of any direction.
        target: the grid, isotropic.
        progress: told the fraction done.
        cancel: checked a few times a second.

    Returns:
        Float32 HU; -1024 outside of the CT.

    Raises:
        Cancelled: asked to stop.
    """
    source = Geometry.of(image)
    ratio = np.maximum(1.0, target.spacing[0] / np.asarray(source.spacing))
    result = np.full(target.size[::-1], AIR_HU, np.float32)
    for box in _chunks(target, source):
        if cancel:
            cancel.check()
        part = target.cropped(box)
        averaged = _smoothed(image, source.box_around(part.corners(), margin=1), ratio)
        if averaged is not None:
            chunk = part.sample(averaged, AIR_HU)
            result[box[0][2] : box[1][2]] = sitk.GetArrayViewFromImage(chunk)
        progress(box[1][2] / target.size[2], "Resampling the CT to the model's grid")
    return target.place(sitk.GetImageFromArray(result))


def to_model_grid(
    image: sitk.Image,
    spacing_mm: float,
    roi: Roi | None = None,
    *,
    minimum: tuple[int, int, int] = (1, 1, 1),
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> ModelGrid:
    """Bring a CT to the grid of a model.

    Args:
        image: 3D CT in HU; any axis order, oblique or not.
        spacing_mm: edge of the grid's voxels.
        roi: only this box (and some context around it), instead of the whole body.
        minimum: least size of the grid in voxels, x, y, z: that of a tile. A smaller grid is
            extended on both sides, over what the CT holds there and air beyond it.
        progress: told the fraction done.
        cancel: checked a few times a second.

    Raises:
        PastaError: the region of interest lies outside the CT.
        Cancelled: asked to stop.
    """
    source = Geometry.of(image)
    corners = source.corners(body_box(image))
    if roi is not None:
        inside = source.box_around(np.array(list(product(*zip(roi.lower, roi.upper, strict=True)))))
        if is_empty(inside):
            raise PastaError(
                "The region of interest lies outside the CT; give its corners in LPS mm."
            )
        image_corners = source.corners()
        corners = np.array(
            [
                np.maximum(np.subtract(roi.lower, ROI_CONTEXT_MM), image_corners.min(axis=0)),
                np.minimum(np.add(roi.upper, ROI_CONTEXT_MM), image_corners.max(axis=0)),
            ]
        )
    target = _grid_geometry(corners, spacing_mm, minimum)
    resampled = resample_to(image, target, progress=progress, cancel=cancel)
    return ModelGrid(resampled, source, roi)
