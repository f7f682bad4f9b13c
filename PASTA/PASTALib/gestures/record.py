"""Gestures and changes of outlines as JSON: for the worker, and for the record of edits."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from PASTALib.geometry import Geometry, as_index, as_vector
from PASTALib.gestures.marks import Gesture
from PASTALib.outlines import together
from PASTALib.region import Region

if TYPE_CHECKING:
    from PASTALib.report import Edit

GESTURES = "outline/gestures"
"""What the record of edits calls a change by gestures, after the finding."""
OTHER_CHANGES = ("outline", "reset", "merged", "split")
"""What it calls other changes of an outline; gestures from before them hold no more."""


def as_json(gesture: Gesture) -> dict[str, Any]:
    """A gesture as JSON: ``kind``, ``inside``, and ``points`` in LPS mm."""
    points = [[round(value, 3) for value in point] for point in gesture.points]
    return {"kind": gesture.kind, "inside": gesture.inside, "points": points}


def from_json(item: dict[str, Any]) -> Gesture:
    """The gesture of what `as_json` gave."""
    return Gesture(item["kind"], tuple(map(as_vector, item["points"])), item["inside"])


def change_of(before: Region | None, after: Region) -> dict[str, Any]:
    """The voxels that changed, as JSON.

    ``start`` and ``shape`` (z, y, x) are of a box of the CT, ``bits`` its changed voxels: packed
    eight a byte, deflated (RFC 1950), in base 64. A lesion of some ml takes about a kilobyte.
    """
    start, masks = together([after] if before is None else [before, after])
    changed = np.logical_xor.reduce(masks)
    bits = base64.b64encode(zlib.compress(np.packbits(changed).tobytes(), 9)).decode("ascii")
    return {"start": list(start), "shape": list(changed.shape), "bits": bits}


def applied(change: dict[str, Any], region: Region | None, geometry: Geometry) -> Region | None:
    """A region with the voxels of a change turned over: before to after, or back."""
    start, shape = as_index(change["start"]), as_index(change["shape"])
    packed = np.frombuffer(zlib.decompress(base64.b64decode(change["bits"])), np.uint8)
    changed = np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape).astype(bool)
    if region is not None:
        changed = changed ^ region.within(start, shape)
    return Region.of(changed, geometry, start)


def held(
    edits: Sequence[Edit], finding_id: str, region: Region
) -> tuple[tuple[Gesture, ...], Region | None]:
    """The gestures that an outline follows, and the outline before them, from the record of edits.

    Args:
        edits: of the report.
        finding_id: whose outline it is.
        region: the outline now.
    """
    gestures: tuple[Gesture, ...] = ()
    now: Region | None = region
    changes = [edit for edit in edits if edit.path.startswith(f"findings/{finding_id}/")]
    for edit in reversed(changes):
        what = edit.path.split("/", 2)[2]
        if what == GESTURES:
            if now is None or edit.new["volume_ml"] != now.ml:
                break  # it was drawn in where nobody watched
            gestures = (*map(from_json, edit.new["gestures"]), *gestures)
            now = applied(edit.new["change"], now, region.geometry)
        elif what in OTHER_CHANGES:
            break
    return gestures, now
