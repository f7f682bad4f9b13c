"""Key images of a lesion: axial with contour and measured axes, coronal, and its place in the body.

Pictures are PNG, drawn with numpy and Pillow. Lines are drawn from the distance of each pixel to
the line, so they are smooth at any angle. Orientation is radiological, see `PASTALib.planes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from PASTALib.ct import CT, Segmentation
from PASTALib.lesions import Lesion
from PASTALib.measure import Axis
from PASTALib.planes import (
    AIR_HU,
    Plane,
    axial_plane,
    coronal_plane,
    region_image,
    whole_slice,
)
from PASTALib.png import (
    MARK,
    SYNTHETIC_COLOR,
    Color,
    encode_png,
    write_texts,
)
from PASTALib.statements import mm
from PASTALib.synthetic import SYNTHETIC
from PASTALib.thumbnail import BodyView

Canvas = NDArray[np.float32]
Place = NDArray[np.float64]
Box = tuple[slice, slice]

PIXELS = 560
LEAST_SIDE_MM, MOST_SIDE_MM = 90.0, 420.0
SIDE_PER_LENGTH = 3.2
"""A picture's edge in long axes: the lesion fills about a third, its surroundings the rest."""
MARGIN_MM = 30.0
CORONAL_SIDE = 1.7
"""The coronal picture shows more than the axial one, to tell the level."""
INSET_PIXELS = 150
CONTOUR_PIXELS, AXIS_PIXELS = 2.6, 2.4
CONTOUR: Color = (255, 70, 60)
LONG: Color = (255, 214, 64)
SHORT: Color = (96, 214, 255)
BAR_MM = (5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Window:
    """Which HU are black and white."""

    name: str
    level: float
    width: float

    def gray(self, hu: NDArray[np.float32]) -> NDArray[np.float32]:
        """0 to 255."""
        scaled: NDArray[np.float32] = np.clip((hu - self.level) / self.width + 0.5, 0, 1) * 255
        return scaled

    @property
    def text(self) -> str:
        """As workstations write it."""
        return f"W {self.width:.0f} L {self.level:.0f}"


SOFT_TISSUE = Window("soft tissue", 40, 400)
LIVER = Window("liver", 70, 220)
LUNG = Window("lung", -600, 1500)
BONE = Window("bone", 400, 1800)
MOST_ILLUSTRATED = 20
WINDOWS = {"lung": LUNG, "bone": BONE, "liver": LIVER, "pancreas": LIVER}


def window_of(organ: str) -> Window:
    """The window that an organ is read in."""
    return WINDOWS.get(organ, SOFT_TISSUE)


def draw_pictures(
    ct: CT, segmentation: Segmentation, lesions: Sequence[Lesion]
) -> dict[str, bytes]:
    """PNG bytes of the key images, by the ids that the report refers to (``L1-axial``).

    The `MOST_ILLUSTRATED` most confident lesions get pictures: nobody looks at a hundred, and they
    would make a page of 60 MB.
    """
    if not lesions:
        return {}
    body = BodyView(ct.image, segmentation.organs, synthetic=ct.synthetic)
    pictures = {}
    by_confidence = sorted(lesions, key=lambda lesion: -lesion.confidence)
    for lesion in by_confidence[:MOST_ILLUSTRATED]:
        pictures[f"{lesion.id}-axial"] = draw_axial(ct, lesion)
        pictures[f"{lesion.id}-coronal"] = draw_coronal(ct, lesion)
        pictures[f"{lesion.id}-3d"] = body.draw(lesion)
    return pictures


def draw_axial(ct: CT, lesion: Lesion) -> bytes:
    """The slice of the long axis with contour, both axes and lengths; the whole slice small."""
    size = lesion.measurements
    geometry = lesion.region.geometry
    x, y, z = ((a + b) / 2 for a, b in zip(size.long_axis.start, size.long_axis.end, strict=True))
    plane = axial_plane(geometry, (x, y, z), _side_mm(lesion), PIXELS)
    picture = _Picture(ct, lesion, plane)
    picture.axis(size.long_axis, LONG)
    picture.axis(size.short_axis, SHORT)
    count = ct.image.GetSize()[2 - size.slice_axis]
    picture.texts("A", f"Slice {size.slice_index + 1}/{count}", f"z {z:.0f} mm")
    picture.lengths(size.long_axis, size.short_axis)
    picture.inset(ct, whole_slice(geometry, plane, INSET_PIXELS))
    return picture.png()


def draw_coronal(ct: CT, lesion: Lesion) -> bytes:
    """The coronal plane through the lesion's center, with contour."""
    center = lesion.measurements.centroid
    side = min(CORONAL_SIDE * _side_mm(lesion), MOST_SIDE_MM)
    picture = _Picture(ct, lesion, coronal_plane(center, side, PIXELS))
    picture.texts("H", "Coronal", f"y {center[1]:.0f} mm")
    return picture.png()


def _side_mm(lesion: Lesion) -> float:
    longest = lesion.measurements.diameter_3d.length_mm
    return float(
        np.clip(SIDE_PER_LENGTH * longest, max(LEAST_SIDE_MM, longest + MARGIN_MM), MOST_SIDE_MM)
    )


def _smoothing(lesion: Lesion) -> float:
    """Smoothing of the mask in voxels: rounds the steps of large contours, keeps small ones."""
    voxels = lesion.measurements.short_axis.length_mm / max(lesion.region.geometry.spacing)
    return float(np.clip(0.06 * voxels - 0.25, 0.0, 0.7))


class _Picture:
    """A gray plane on which lines and text are drawn."""

    def __init__(self, ct: CT, lesion: Lesion, plane: Plane) -> None:
        self.plane = plane
        self.window = window_of(lesion.organ)
        gray = self.window.gray(plane.sample(ct.image, AIR_HU))
        self.canvas: Canvas = np.repeat(gray[:, :, None], 3, axis=2)
        self._texts: list[tuple[tuple[float, float], str, Color, str, int]] = []
        self._contour(lesion)
        if ct.synthetic:
            self.text((PIXELS / 2, PIXELS - 12), SYNTHETIC, SYNTHETIC_COLOR, "md", 26)

    def _contour(self, lesion: Lesion) -> None:
        """The 0.5 level of the mask; the distance to it in pixels is value over slope."""
        field = self.plane.sample(region_image(lesion.region), 0.0)
        smooth = _smoothing(lesion) * min(lesion.region.geometry.spacing) / self.plane.pixel_mm
        field = ndimage.gaussian_filter(field, smooth) if smooth > 0.3 else field
        rows, columns = np.gradient(field)
        slope = np.maximum(np.hypot(rows, columns), 1e-4)
        everywhere = (slice(None), slice(None))
        self._draw(everywhere, np.abs(field - 0.5) / slope, CONTOUR, CONTOUR_PIXELS)

    def _draw(self, box: Box, distance: Canvas, color: Color, width: float) -> None:
        """Draw where `distance` (pixels, of the pixels in `box`) is small, on a dark shadow."""
        part = self.canvas[box]
        shadow = np.clip(width / 2 + 1.4 - distance, 0, 1)[..., None] * 0.45
        cover = np.clip(width / 2 + 0.5 - distance, 0, 1)[..., None]
        part *= 1 - shadow
        part += cover * (np.array(color, dtype=np.float32) - part)

    def axis(self, axis: Axis, color: Color) -> None:
        """A measured axis with a small bar across each end."""
        a, b = np.array(self.plane.to_pixels(axis.start)), np.array(self.plane.to_pixels(axis.end))
        self._line(a, b, color, tick=6.0)

    def _line(self, a: Place, b: Place, color: Color, tick: float) -> None:
        """A line between two places (column, row) with bars across its ends."""
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
        across = tick * np.array([-along[1], along[0]])
        reach = tick + 4
        low = np.maximum(np.floor(np.minimum(a, b) - reach), 0).astype(int)
        high = np.minimum(np.ceil(np.maximum(a, b) + reach), self.plane.pixels).astype(int)
        if (high <= low).any():
            return
        distance = _distance(a, b, low, high)
        for end in (a, b):
            bar = _distance(end - across, end + across, low, high)
            distance = np.minimum(distance, bar)
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        self._draw(box, distance, color, AXIS_PIXELS)

    def lengths(self, long_axis: Axis, short_axis: Axis) -> None:
        """The lengths, in the axes' colors, at the lower left."""
        end = self.plane.pixels - 10
        self.text((12, end - 32), f"{mm(long_axis.length_mm)} mm", LONG, "ld", 30)
        self.text((12, end), f"{mm(short_axis.length_mm)} mm", SHORT, "ld", 30)

    def texts(self, top: str, corner: str, second: str) -> None:
        """Orientation, place, window and scale bar."""
        last, middle = self.plane.pixels - 10, self.plane.pixels / 2
        self.text((middle, 8), top, MARK, "ma", 26)
        self.text((10, middle), "R", MARK, "lm", 30)
        self.text((last, middle), "L", MARK, "rm", 30)
        self.text((10, 8), corner, MARK, "la", 24)
        self.text((10, 36), second, MARK, "la", 24)
        self.text((last, 8), self.window.text, MARK, "ra", 24)
        self._scale_bar()

    def _scale_bar(self) -> None:
        length = max(b for b in BAR_MM if b <= max(self.plane.side_mm / 4, BAR_MM[0]))
        end = np.array([self.plane.pixels - 14.0, self.plane.pixels - 14.0])
        start = end - np.array([length / self.plane.pixel_mm, 0.0])
        self._line(start, end, MARK, tick=5.0)
        column, row = ((start + end) / 2).tolist()
        self.text((column, row - 9), f"{length} mm", MARK, "md", 23)

    def inset(self, ct: CT, plane: Plane) -> None:
        """The whole slice, small, at the upper right; a frame marks what the picture shows."""
        gray = self.window.gray(plane.sample(ct.image, AIR_HU))
        small = np.repeat(gray[:, :, None], 3, axis=2)
        corner = self.plane.center - self.plane.side_mm / 2 * (self.plane.right + self.plane.down)
        start = plane.to_pixels(corner.tolist())
        left, top = (int(np.clip(round(v), 0, plane.pixels - 3)) for v in start)
        size = round(self.plane.side_mm / plane.pixel_mm)
        right, bottom = (min(v + size, plane.pixels - 1) for v in (left, top))
        small[top, left : right + 1] = small[bottom, left : right + 1] = LONG
        small[top : bottom + 1, left] = small[top : bottom + 1, right] = LONG
        row, column = 42, self.plane.pixels - 8 - plane.pixels
        self.canvas[row - 2 : row + plane.pixels + 2, column - 2 : column + plane.pixels + 2] = 90
        self.canvas[row : row + plane.pixels, column : column + plane.pixels] = small

    def text(
        self, place: tuple[float, float], text: str, color: Color, anchor: str, size: int
    ) -> None:
        """Text is drawn last, over all lines."""
        self._texts.append((place, text, color, anchor, size))

    def png(self) -> bytes:
        """The finished picture."""
        image = Image.fromarray(np.clip(self.canvas + 0.5, 0, 255).astype(np.uint8))
        write_texts(image, self._texts)
        return encode_png(image)


def _distance(a: Place, b: Place, low: NDArray[np.int_], high: NDArray[np.int_]) -> Canvas:
    """Distance in pixels to the line from `a` to `b`, of the pixels from `low` to `high`."""
    columns = np.arange(low[0], high[0], dtype=np.float32)[None, :]
    rows = np.arange(low[1], high[1], dtype=np.float32)[:, None]
    along = b - a
    length = max(float(along @ along), 1e-9)
    t = np.clip(((columns - a[0]) * along[0] + (rows - a[1]) * along[1]) / length, 0, 1)
    distance: Canvas = np.hypot(columns - a[0] - t * along[0], rows - a[1] - t * along[1])
    return distance
