"""From what a reader wants to an outline: in this process, or in the worker."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.gestures.chooser import bundled_chooser
from PASTALib.gestures.drawing import ChosenDrawing, Draw, draw_without_training
from PASTALib.gestures.likely import likely_type
from PASTALib.gestures.outlining import Scan, outlined
from PASTALib.gestures.wish import Answer, EditableArea, Wish
from PASTALib.outlines import together
from PASTALib.region import Region


@cache
def bundled_drawing() -> Draw:
    """How outlines are drawn: by the bundled chooser, loaded once; without training if it is not
    there.

    Raises:
        PastaError: its files are damaged.
    """
    chooser = bundled_chooser()
    return draw_without_training if chooser is None else ChosenDrawing(chooser)


def answered(
    wish: Wish,
    hu: NDArray[np.int16],
    geometry: Geometry,
    organs: NDArray[np.uint8],
    phase: str,
) -> Answer:
    """The outline that a reader wants.

    Args:
        wish: what is wanted.
        hu: of the CT, ``[z, y, x]``.
        geometry: of the CT.
        organs: catalogue labels of structures, ``[z, y, x]``.
        phase: contrast phase.

    Raises:
        PastaError: see `outlined`; or nothing may change where the gestures are.
    """
    scan = Scan(hu, geometry, wish.others)
    region = outlined(scan, wish.gestures, wish.before, bundled_drawing())
    region = within_area(region, wish.before, wish.area, hu)
    kind = likely_type(region, hu, organs, phase) if wish.untyped else None
    return Answer(region, kind)


def within_area(
    after: Region, before: Region | None, area: EditableArea, hu: NDArray[np.int16]
) -> Region:
    """The outline with those changes only that the editable area allows.

    Raises:
        PastaError: that leaves no voxel.
    """
    if area.hu is None and area.inside is None and area.outside is None:
        return after
    parts = [after] if before is None else [before, after]
    start, masks = together(parts)
    mask, was = masks[-1], masks[0] if before is not None else np.zeros_like(masks[-1])
    place = tuple(slice(a, a + n) for a, n in zip(start, mask.shape, strict=True))
    may = np.ones(mask.shape, bool)
    if area.hu is not None:
        may &= (hu[place] >= area.hu[0]) & (hu[place] <= area.hu[1])
    if area.inside is not None:
        may &= area.inside.within(start, mask.shape)
    if area.outside is not None:
        may &= ~area.outside.within(start, mask.shape)
    region = Region.of(np.where(may, mask, was), after.geometry, start)
    if region is None:
        raise PastaError("The editable area of the segment editor allows no lesion there.")
    return region
