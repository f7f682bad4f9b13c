"""Key images of a lesion: axial with contour and measured axes, coronal, and its place in the body.

Pictures are PNG, drawn with numpy and Pillow. Lines are drawn from the distance of each pixel to
the line, so they are smooth at any angle. Orientation is radiological, see `PASTALib.planes`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from PASTALib.ct import CT, Segmentation
from PASTALib.lesions import Lesion
from PASTALib.measure import Axis
from PASTALib.planes import AIR_HU, Plane, axial_plane, coronal_plane, region_image
from PASTALib.statements import mm
from PASTALib.thumbnail import BodyView

Canvas = NDArray[np.float32]
Color = tuple[int, int, int]

PIXELS = 560
LEAST_SIDE_MM, MOST_SIDE_MM = 80.0, 400.0
SIDE_PER_LENGTH = 3.2
"""A picture's edge in long axes: the lesion fills about a third, its surroundings the rest."""
MARGIN_MM = 30.0
CONTOUR_PIXELS, AXIS_PIXELS = 1.6, 1.8
CONTOUR: Color = (255, 70, 60)
LONG: Color = (255, 214, 64)
SHORT: Color = (96, 214, 255)
MARK: Color = (235, 235, 235)
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
WINDOWS = {"lung": LUNG, "bone": BONE, "liver": LIVER, "pancreas": LIVER}


def window_of(organ: str) -> Window:
    """The window that an organ is read in."""
    return WINDOWS.get(organ, SOFT_TISSUE)


def draw_pictures(
    ct: CT, segmentation: Segmentation, lesions: Sequence[Lesion]
) -> dict[str, bytes]:
    """PNG bytes of all key images, by the ids that the report refers to (``L1-axial``)."""
    if not lesions:
        return {}
    body = BodyView(ct.image, segmentation.organs)
    pictures = {}
    for lesion in lesions:
        pictures[f"{lesion.id}-axial"] = draw_axial(ct, lesion)
        pictures[f"{lesion.id}-coronal"] = draw_coronal(ct, lesion)
        pictures[f"{lesion.id}-3d"] = body.draw(lesion)
    return pictures


def draw_axial(ct: CT, lesion: Lesion) -> bytes:
    """The slice of the long axis, with contour, both axes and their lengths."""
    size = lesion.measurements
    region = lesion.region
    middle = tuple((np.array(size.long_axis.start) + np.array(size.long_axis.end)) / 2)
    plane = axial_plane(region.geometry, middle, _side_mm(lesion), PIXELS)
    picture = _Picture(ct, lesion, plane)
    picture.axis(size.long_axis, LONG)
    picture.axis(size.short_axis, SHORT)
    count = ct.image.GetSize()[2 - size.slice_axis]
    picture.texts(
        top="A",
        left="R",
        right="L",
        corner=f"Slice {size.slice_index + 1}/{count}",
        second=f"z {middle[2]:.0f} mm",
    )
    picture.lengths(size.long_axis, size.short_axis)
    return picture.png()


def draw_coronal(ct: CT, lesion: Lesion) -> bytes:
    """The coronal plane through the lesion's center, with contour."""
    center = lesion.measurements.centroid
    plane = coronal_plane(center, _side_mm(lesion), PIXELS)
    picture = _Picture(ct, lesion, plane)
    picture.texts(top="H", left="R", right="L", corner="Coronal", second=f"y {center[1]:.0f} mm")
    return picture.png()


def _side_mm(lesion: Lesion) -> float:
    longest = lesion.measurements.diameter_3d.length_mm
    return float(
        np.clip(SIDE_PER_LENGTH * longest, max(LEAST_SIDE_MM, longest + MARGIN_MM), MOST_SIDE_MM)
    )


class _Picture:
    """A gray plane on which lines and text are drawn."""

    def __init__(self, ct: CT, lesion: Lesion, plane: Plane) -> None:
        self.plane = plane
        self.window = window_of(lesion.organ)
        gray = self.window.gray(plane.sample(ct.image, AIR_HU))
        self.canvas: Canvas = np.repeat(gray[:, :, None], 3, axis=2)
        self._texts: list[tuple[tuple[float, float], str, Color, str, int]] = []
        self._contour(lesion)

    def _contour(self, lesion: Lesion) -> None:
        """The 0.5 level of the mask; its distance in pixels is value over slope."""
        field = self.plane.sample(region_image(lesion.region), 0.0)
        smooth = 0.35 * min(lesion.region.geometry.spacing) / self.plane.pixel_mm
        field = ndimage.gaussian_filter(field, smooth)
        rows, columns = np.gradient(field)
        slope = np.maximum(np.hypot(rows, columns), 1e-4)
        self._line(np.abs(field - 0.5) / slope, CONTOUR, CONTOUR_PIXELS)

    def _line(self, distance: NDArray[np.float32], color: Color, width: float) -> None:
        shadow = np.clip(width / 2 + 1.4 - distance, 0, 1)[..., None] * 0.45
        self.canvas *= 1 - shadow
        cover = np.clip(width / 2 + 0.5 - distance, 0, 1)[..., None]
        self.canvas += cover * (np.array(color, dtype=np.float32) - self.canvas)

    def axis(self, axis: Axis, color: Color) -> None:
        """A measured axis with a small bar across each end."""
        a, b = np.array(self.plane.to_pixels(axis.start)), np.array(self.plane.to_pixels(axis.end))
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
        across = 5 * np.array([-along[1], along[0]])
        distance = self._distance(a, b)
        for end in (a, b):
            distance = np.minimum(distance, self._distance(end - across, end + across))
        self._line(distance, color, AXIS_PIXELS)

    def _distance(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float32]:
        rows, columns = np.mgrid[: self.plane.pixels, : self.plane.pixels].astype(np.float32)
        along = b - a
        length = max(float(along @ along), 1e-9)
        t = np.clip(((columns - a[0]) * along[0] + (rows - a[1]) * along[1]) / length, 0, 1)
        distance: NDArray[np.float32] = np.hypot(
            columns - a[0] - t * along[0], rows - a[1] - t * along[1]
        )
        return distance

    def lengths(self, long_axis: Axis, short_axis: Axis) -> None:
        """The lengths, in the axes' colors, at the lower left."""
        end = self.plane.pixels - 12
        self.text((12, end - 24), f"{mm(long_axis.length_mm)} mm", LONG, "ld", 22)
        self.text((12, end), f"{mm(short_axis.length_mm)} mm", SHORT, "ld", 22)

    def texts(self, top: str, left: str, right: str, corner: str, second: str) -> None:
        """Orientation, slice, window and scale bar."""
        last, middle = self.plane.pixels - 10, self.plane.pixels / 2
        self.text((middle, 8), top, MARK, "ma", 18)
        self.text((10, middle), left, MARK, "lm", 22)
        self.text((last, middle), right, MARK, "rm", 22)
        self.text((10, 8), corner, MARK, "la", 17)
        self.text((10, 30), second, MARK, "la", 17)
        self.text((last, 8), self.window.text, MARK, "ra", 17)
        self._scale_bar()

    def _scale_bar(self) -> None:
        length = max(b for b in BAR_MM if b <= max(self.plane.side_mm / 4, BAR_MM[0]))
        end = np.array([self.plane.pixels - 14.0, self.plane.pixels - 14.0])
        start = end - np.array([length / self.plane.pixel_mm, 0.0])
        distance = self._distance(start, end)
        tick = np.array([0.0, 4.0])
        for tip in (start, end):
            distance = np.minimum(distance, self._distance(tip - tick, tip + tick))
        self._line(distance, MARK, AXIS_PIXELS)
        middle = (start + end) / 2
        self.text((float(middle[0]), float(middle[1]) - 8), f"{length} mm", MARK, "md", 16)

    def text(
        self, place: tuple[float, float], text: str, color: Color, anchor: str, size: int
    ) -> None:
        """Text is drawn last, over all lines."""
        self._texts.append((place, text, color, anchor, size))

    def png(self) -> bytes:
        """The finished picture."""
        image = Image.fromarray(np.clip(self.canvas + 0.5, 0, 255).astype(np.uint8))
        draw = ImageDraw.Draw(image)
        for place, text, color, anchor, size in self._texts:
            font = ImageFont.load_default(size)
            draw.text(
                place,
                text,
                fill=color,
                font=font,
                anchor=anchor,
                stroke_width=2,
                stroke_fill=(0, 0, 0),
            )
        return encode_png(image)


def encode_png(image: Image.Image) -> bytes:
    """PNG bytes of an image."""
    data = io.BytesIO()
    image.save(data, "png", optimize=False, compress_level=6)
    return data.getvalue()
