"""The outline of a lesion from gestures, the CT and, where there is one, the outline before.

The promptable network says where the lesion is; without one, a random walker does. Whichever it is,
what a reader marks holds exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.cubes import box_of
from PASTALib.errors import PastaError
from PASTALib.geometry import Box, Geometry, slices
from PASTALib.gestures.changes import as_asked
from PASTALib.gestures.click_network import ClickNetwork
from PASTALib.gestures.guess import holding
from PASTALib.gestures.marks import Gesture, Marks, check_inside, marks_of
from PASTALib.gestures.prompting import Answer, ask
from PASTALib.gestures.scan import Scan, within
from PASTALib.gestures.training_free import walked
from PASTALib.region import Region

__all__ = ["FIRST_MARGIN_MM", "MARGIN_MM", "Scan", "outlined"]

MARGIN_MM = 14.0
"""How far beyond the outline before and the marks the new one may reach."""
FIRST_MARGIN_MM = 30.0
"""The same where there was no outline and no network."""


def outlined(
    scan: Scan,
    gestures: Sequence[Gesture],
    before: Region | None = None,
    network: ClickNetwork | None = None,
) -> Region:
    """The outline that agrees with all gestures.

    Args:
        scan: the CT.
        gestures: all that concern this lesion, in the order in which they were drawn.
        before: its outline until now: from a model, a reader or a file.
        network: see `PASTALib.gestures.click_network.bundled_network`; without one, the method
            that needs no training finds the outline.

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
    answer = ask(network, scan, gestures, before) if network is not None else None
    box = _box(scan.geometry, gestures, before, answer)
    place = scan.geometry.cropped(box)
    known = within([before] if before else [], box[0], place.shape_zyx)
    taken = within(scan.others, box[0], place.shape_zyx)
    drawn = marks_of(gestures, place)
    if drawn.inside.any() and not (drawn.inside & ~taken).any():
        raise PastaError("That belongs to another finding already; correct or split that one.")
    marks = Marks(drawn.inside & ~taken, drawn.outside | taken)
    if answer is None:
        lesion = walked(scan.hu[slices(box)], place, marks, known)
    else:
        lesion = answer.on(place, known)
    if known.any():
        lesion = as_asked(lesion, known, marks)
    mask = lesion & ~marks.outside | marks.inside
    certain = marks.inside | (known & ~marks.outside)
    kept = holding(mask, certain) if certain.any() else _largest(mask)
    filled = ndimage.binary_fill_holes(kept) & ~marks.outside
    region = Region.of(filled, scan.geometry, box[0][::-1])
    if region is None:
        raise PastaError("Nothing is left of the lesion; delete it, or mark where it is.")
    return region


def _box(
    geometry: Geometry, gestures: Sequence[Gesture], before: Region | None, answer: Answer | None
) -> Box:
    """The voxels that may change."""
    points = [g.extent for g in gestures if g.inside or (g.kind != "box" and not before)]
    if before is not None:
        points.append(box_of(before).corners())
    if answer is not None:
        points.append(answer.corners())
        reach = max(geometry.spacing)
    else:
        reach = MARGIN_MM if before is not None else FIRST_MARGIN_MM
    around = reach * np.array(list(product((-1, 1), repeat=3)))
    return geometry.box_around((np.concatenate(points)[:, None] + around).reshape(-1, 3))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a mask."""
    parts, count = ndimage.label(mask)
    sizes = np.bincount(parts.ravel(), minlength=2)[1:]
    largest: NDArray[np.bool_] = parts == 1 + sizes.argmax() if count else mask
    return largest
