"""Label maps that lie askew in the patient, for the tests of what writes and shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from PASTALib.geometry import Geometry

OBLIQUE = tuple(sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.3, -0.5, 0.8).GetMatrix())
"""Direction that is rotated about all three axes."""


@dataclass(frozen=True)
class Instance:
    """What the writers ask of a lesion."""

    id: str
    type: str
    side: str | None
    instance: int


def placed(array: np.ndarray, direction: tuple[float, ...] = OBLIQUE) -> sitk.Image:
    """An image of an array ``[z, y, x]`` with unequal spacing, oblique if not told otherwise."""
    z, y, x = array.shape
    geometry = Geometry((x, y, z), (0.7, 0.9, 2.5), (-101.5, 33.25, 712.125), direction)
    return geometry.place(sitk.GetImageFromArray(array))
