"""Where a lesion lies in the body: a small shaded picture seen from the front.

Body, bones, the lesion's organ and the lesion are surfaces seen along the patient's y axis. Each
is a depth map: how far behind the front of the volume its smoothed mask first exceeds one half,
to a fraction of a voxel by linear interpolation. The slope of the depth gives the shade.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.geometry import Geometry
from PASTALib.lesions import Lesion
from PASTALib.planes import AIR_HU, region_image
from PASTALib.png import MARK, SYNTHETIC_COLOR, encode_png, write_texts
from PASTALib.synthetic import SYNTHETIC

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

VOXEL_MM = 3.0
LONGEST_MM = 700.0
PIXELS = 560
MARGIN = 4
BODY_HU, BONE_HU = -300.0, 200.0
LIGHT = np.array([-0.35, -0.45, 0.82])
"""From the upper left of the picture and from the viewer: right, down, toward the viewer."""
BACKGROUND = (16.0, 18.0, 22.0)
BODY_COLOR, BONE_COLOR = (176.0, 168.0, 160.0), (226.0, 220.0, 200.0)


@dataclass(frozen=True, eq=False)
class Surface:
    """First surface along the view: where there is one, and how bright it is (0 to 1)."""

    cover: Floats
    shade: Floats


class BodyView:
    """A CT seen from the front; made once for a study, then drawn with each lesion."""

    def __init__(self, image: sitk.Image, organs: sitk.Image, *, synthetic: bool = False) -> None:
        self._synthetic = synthetic
        self._grid = _grid(image)
        hu = sitk.GetArrayFromImage(_resampled(image, self._grid, sitk.sitkLinear, AIR_HU))
        self._organs = sitk.GetArrayFromImage(
            _resampled(organs, self._grid, sitk.sitkNearestNeighbor, 0)
        )
        body = _largest(ndimage.binary_opening(hu > BODY_HU, iterations=2))
        labelled = np.isin(self._organs, catalog().organ_labels("bone"))
        # Bones that the labels lack; contrast in vessels, kidneys and bowel is mostly labelled.
        dense = ndimage.uniform_filter(hu.astype(np.float32), 3) > BONE_HU
        bones = labelled | (dense & (self._organs == 0) & body)
        self._body = surface(body, 1.2)
        self._bones = surface(bones, 0.9)
        self._shown = _around(self._body.cover > 0)
        self._organ_surfaces: dict[tuple[int, ...], Surface] = {}

    def draw(self, lesion: Lesion) -> bytes:
        """PNG of the body with the lesion's organ and the lesion, square."""
        known = catalog()
        canvas = np.empty((*self._body.cover.shape, 3), dtype=np.float32)
        canvas[:] = BACKGROUND
        _lay(canvas, self._body, BODY_COLOR, 0.45)
        _lay(canvas, self._bones, BONE_COLOR, 0.5)
        if lesion.structure is not None:
            structure = known.structures[lesion.structure]
            labels = known.labels_of(structure.parent or structure.key)
            _lay(canvas, self._organ(labels), structure.color, 0.55)
        _lay(canvas, self._lesion(lesion), known.lesion_types[lesion.type].color, 1.0)
        canvas = canvas[self._shown]
        scale = PIXELS / max(canvas.shape[:2])
        height, width = (max(1, round(n * scale)) for n in canvas.shape[:2])
        image = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
        picture = Image.new("RGB", (PIXELS, PIXELS), tuple(int(v) for v in BACKGROUND))
        picture.paste(
            image.resize((width, height), Image.Resampling.BICUBIC),
            ((PIXELS - width) // 2, (PIXELS - height) // 2),
        )
        middle = PIXELS / 2
        sides = [((10, middle), "R", MARK, "lm", 30), ((PIXELS - 10, middle), "L", MARK, "rm", 30)]
        write_texts(picture, sides)
        if self._synthetic:
            mark = ((middle, PIXELS - 12), SYNTHETIC, SYNTHETIC_COLOR, "md", 26)
            write_texts(picture, [mark])
        return encode_png(picture)

    def _organ(self, labels: tuple[int, ...]) -> Surface:
        if labels not in self._organ_surfaces:
            self._organ_surfaces[labels] = surface(np.isin(self._organs, labels), 1.0)
        return self._organ_surfaces[labels]

    def _lesion(self, lesion: Lesion) -> Surface:
        image = _resampled(region_image(lesion.region), self._grid, sitk.sitkLinear, 0)
        field = sitk.GetArrayFromImage(image)
        # A lesion of a few millimeters would vanish between the voxels of this grid.
        return surface(field > min(0.5, 0.5 * float(field.max())), 0.7)


def _around(cover: Mask) -> tuple[slice, slice]:
    """Where something is seen, and a little around it; everything if nothing is."""
    boxes = ndimage.find_objects(cover.astype(np.uint8))
    if not boxes:
        return slice(None), slice(None)
    rows, columns = (slice(max(0, b.start - MARGIN), b.stop + MARGIN) for b in boxes[0])
    return rows, columns


def _largest(mask: Mask) -> Mask:
    """The largest connected part: the body without the table."""
    parts, count = ndimage.label(mask)
    return mask if count < 2 else parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))


def surface(mask: Mask, smooth: float) -> Surface:
    """First surface of a mask ``[z, y, x]`` seen from the front (low y), head up.

    Args:
        mask: in LPS axes.
        smooth: standard deviation in voxels of the Gaussian that rounds the voxels' steps.
    """
    cover = np.zeros((mask.shape[0], mask.shape[2]), dtype=np.float32)
    depth = np.full(cover.shape, np.nan, dtype=np.float32)
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    if boxes:
        reach = int(np.ceil(3 * smooth))
        z, y, x = (slice(max(0, b.start - reach), b.stop + reach) for b in boxes[0])
        field = ndimage.gaussian_filter(mask[z, y, x].astype(np.float32), smooth, truncate=3)
        strongest = field.max(axis=1)
        level = min(0.5, 0.5 * float(strongest.max()))
        inside = field > level
        first = inside.argmax(axis=1)
        here = np.take_along_axis(field, first[:, None], axis=1)[:, 0]
        before = np.take_along_axis(field, np.maximum(first - 1, 0)[:, None], axis=1)[:, 0]
        step = np.where(first > 0, (here - level) / np.maximum(here - before, 1e-3), 0)
        depth[z, x] = np.where(inside.any(axis=1), first - step, np.nan) + y.start
        cover[z, x] = np.clip((strongest / level - 0.6) / 0.8, 0, 1)
    return Surface(cover[::-1], _shade(depth[::-1]))


def _shade(depth: Floats) -> Floats:
    """Brightness of a depth map by its slope."""
    seen = np.isfinite(depth)
    filled = np.where(seen, depth, depth[seen].max() if seen.any() else 0)
    down, right = np.gradient(filled)
    normal = np.stack([right, down, np.ones_like(filled)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    shade: Floats = (0.25 + 0.8 * np.clip(normal @ LIGHT, 0, 1)).astype(np.float32)
    return shade


def _lay(canvas: Floats, layer: Surface, color: tuple[float, ...], opacity: float) -> None:
    cover = (layer.cover * opacity)[..., None]
    canvas += cover * (layer.shade[..., None] * np.array(color, dtype=np.float32) - canvas)


def _grid(image: sitk.Image) -> sitk.Image:
    """An empty LPS grid of cubic voxels over the whole image, however it is turned."""
    geometry = Geometry.of(image)
    last = np.array(geometry.size) - 1
    points = geometry.points_of_xyz([last * ends for ends in product((0, 1), repeat=3)])
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    voxel = VOXEL_MM * max(1.0, float(extent.max()) / LONGEST_MM)
    grid = sitk.Image([int(e / voxel) + 1 for e in extent], sitk.sitkUInt8)
    grid.SetOrigin(low.tolist())
    grid.SetSpacing((voxel, voxel, voxel))
    return grid


def _resampled(
    image: sitk.Image, grid: sitk.Image, interpolator: int, outside: float
) -> sitk.Image:
    return sitk.Resample(image, grid, sitk.Transform(), interpolator, outside)
