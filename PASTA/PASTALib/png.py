"""Text on a picture, and its PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
MARK: Color = (235, 235, 235)
SYNTHETIC_COLOR: Color = (255, 90, 190)
"""Of the word that is burned into every picture of a synthetic CT, since a picture can be taken out
of its report."""
Text = tuple[tuple[float, float], str, Color, str, int]
"""Place (column, row), text, color, Pillow's anchor and size in pixels."""


def write_texts(image: Image.Image, texts: Iterable[Text]) -> None:
    """Write texts on an image with a dark outline, so that they show on any gray."""
    draw = ImageDraw.Draw(image)
    for place, text, color, anchor, size in texts:
        font = ImageFont.load_default(size)
        draw.text(place, text, color, font, anchor, stroke_width=2, stroke_fill=(0, 0, 0))


def encode_png(image: Image.Image) -> bytes:
    """PNG bytes of an image."""
    data = io.BytesIO()
    image.save(data, "png", compress_level=6)
    return data.getvalue()
