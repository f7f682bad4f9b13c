"""What a model found of the lesions that were put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PASTALib.region import Region, overlap

if TYPE_CHECKING:
    from PASTALib.report import Report

FOUND_DICE = 0.1
"""A finding that overlaps a lesion less than this has not found it."""


@dataclass(frozen=True)
class Outcome:
    """One lesion beside the finding that covers it best, if any does.

    Attributes:
        lesion: its id.
        finding: id of the finding; None if the lesion was missed.
        type: lesion type of the finding.
        dice: overlap of both.
        size_error_mm: long axis of the finding less that of the lesion.
    """

    lesion: str
    finding: str | None = None
    type: str | None = None
    dice: float = 0.0
    size_error_mm: float = 0.0


def outcomes(
    lesions: Mapping[str, tuple[Region, float]], report: Report, found: Mapping[str, Region]
) -> tuple[Outcome, ...]:
    """What was found of each lesion.

    Args:
        lesions: by id the voxels and the long axis in mm.
        report: of the model.
        found: voxels of its findings, by id.
    """
    rows = []
    for lesion_id, (region, long_axis_mm) in lesions.items():
        best = max(found, key=lambda key: overlap(region, found[key]), default=None)
        dice = overlap(region, found[best]) if best is not None else 0.0
        if best is None or dice < FOUND_DICE:
            rows.append(Outcome(lesion_id))
            continue
        finding = report.finding(best)
        error = finding.size.long_axis.length_mm - long_axis_mm
        rows.append(Outcome(lesion_id, best, finding.type, dice, error))
    return tuple(rows)
