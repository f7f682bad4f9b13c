"""What a reader wants of an outline: gestures, and what has to be respected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PASTALib.gestures.marks import Gesture
from PASTALib.region import Region


@dataclass(frozen=True, eq=False)
class EditableArea:
    """Where an outline may change, as the masks of the segment editor say.

    Attributes:
        hu: least and largest HU that may change.
        inside: voxels that may change; all where None.
        outside: voxels that must not.
    """

    hu: tuple[float, float] | None = None
    inside: Region | None = None
    outside: Region | None = None


@dataclass(frozen=True, eq=False)
class Wish:
    """An outline that agrees with gestures.

    Attributes:
        gestures: all that hold, in the order in which they were drawn.
        before: the outline until now.
        others: other findings, which keep their voxels.
        area: where it may change.
        untyped: whether a type is to be proposed, too.
    """

    gestures: tuple[Gesture, ...]
    before: Region | None = None
    others: Sequence[Region] = ()
    area: EditableArea = field(default_factory=EditableArea)
    untyped: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """An outline, and the proposed type where one was wanted and could be told."""

    region: Region
    type: str | None = None
