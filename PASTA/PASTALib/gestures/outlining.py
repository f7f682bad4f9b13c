"""The outline of a lesion from gestures, the CT and, where there is one, the outline before.

However it is drawn, see `PASTALib.gestures.drawing`, what a reader marks holds exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from PASTALib.cubes import box_of
from PASTALib.errors import PastaError
from PASTALib.gestures.drawing import Draw, draw_without_training
from PASTALib.gestures.marks import Gesture, check_inside, marks_of
from PASTALib.gestures.scan import Scan, within
from PASTALib.gestures.voxels import held, largest
from PASTALib.region import Region

__all__ = ["Scan", "outlined"]


def outlined(
    scan: Scan,
    gestures: Sequence[Gesture],
    before: Region | None = None,
    draw: Draw = draw_without_training,
) -> Region:
    """The outline that agrees with all gestures.

    Args:
        scan: the CT.
        gestures: all that concern this lesion, in the order in which they were drawn.
        before: its outline until now: from a model, a reader or a file.
        draw: how the outline is drawn.

    Returns:
        The voxels of the CT. They hold everything that is marked as lesion, but for what belongs
        to other findings, and nothing that is marked as none.

    Raises:
        PastaError: there is neither an outline nor a positive mark, a gesture lies outside the CT,
            all that is marked belongs to other findings, or nothing is left of the lesion.
    """
    check_inside(gestures, scan.geometry)
    if before is None and not any(gesture.inside for gesture in gestures):
        raise PastaError("Mark the lesion first; there is no outline yet that could be cut.")
    _check_free(gestures, scan)
    drawn = draw(scan, gestures, before).as_asked(gestures)
    points = [gesture.extent for gesture in gestures if gesture.inside]
    points += [box_of(region).corners() for region in (before,) if region is not None]
    box = scan.geometry.box_around(np.concatenate([*points, drawn.corners()]), margin=1)
    place = scan.geometry.cropped(box)
    known = within([before] if before else [], box[0], place.shape_zyx)
    marks = marks_of(gestures, place).apart_from(within(scan.others, box[0], place.shape_zyx))
    mask = drawn.on(place, known) & ~marks.outside | marks.inside
    certain = marks.inside | (known & ~marks.outside)
    kept = held(mask, certain) if certain.any() else largest(mask)
    filled = ndimage.binary_fill_holes(kept) & ~marks.outside
    region = Region.of(filled, scan.geometry, box[0][::-1])
    if region is None:
        raise PastaError("Nothing is left of the lesion; delete it, or mark where it is.")
    return region


def _check_free(gestures: Sequence[Gesture], scan: Scan) -> None:
    """Refuse marks all of whose voxels are of other findings.

    Raises:
        PastaError: they are.
    """
    marked = [gesture for gesture in gestures if gesture.inside and gesture.kind != "box"]
    if not marked or not scan.others:
        return
    box = scan.geometry.box_around(np.concatenate([gesture.extent for gesture in marked]), margin=1)
    place = scan.geometry.cropped(box)
    inside = marks_of(gestures, place).inside
    if inside.any() and not (inside & ~within(scan.others, box[0], place.shape_zyx)).any():
        raise PastaError("That belongs to another finding already; correct or split that one.")
