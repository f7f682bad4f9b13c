"""How the report follows the study: measured again, added, merged or taken away, axes moved.

What a reader has set stays: an attribute, a type, a sentence, an axis, the impression. Only what
nobody has touched is drafted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.impression import write_impression
from PASTALib.organs_seen import negatives
from PASTALib.report import Axis, Edit, Finding, Point, Report, TargetCandidates

if TYPE_CHECKING:
    from PASTALib.gestures.marks import Gesture
    from PASTALib.region import Region

Status = Literal["AI", "edited", "accepted", "rejected", "added by reader"]


def status(report: Report, finding: Finding) -> Status:
    """What a reader has done with a finding."""
    if finding.review == "confirmed":
        return "accepted"
    if finding.review == "dismissed":
        return "rejected"
    if any(edit.path == f"findings/{finding.id}" and edit.old is None for edit in report.edits):
        return "added by reader"
    if any(edit.path.startswith(f"findings/{finding.id}/") for edit in report.edits):
        return "edited"
    return "AI"


def reader_wrote(report: Report, path: str) -> bool:
    """Whether a reader has changed that place."""
    return any(edit.path == path for edit in report.edits)


def recorded(
    report: Report,
    path: str,
    old: Any,
    new: Any,
    *,
    who: str,
    reason: str = "",
    when: datetime | None = None,
) -> Report:
    """The report with the record of a change."""
    edit = Edit(
        who=who,
        when=when or datetime.now(timezone.utc),
        path=path,
        old=old,
        new=new,
        reason=reason,
    )
    return report.model_copy(update={"edits": (*report.edits, edit)})


def recorded_stroke(
    report: Report, finding_id: str, old_ml: float, new_ml: float, *, who: str
) -> Report:
    """The report with the record that an outline was drawn; strokes in a row are one record."""
    path = f"findings/{finding_id}/outline"
    last = report.edits[-1] if report.edits else None
    if last is not None and last.path == path and last.who == who:
        old_ml = last.old
        report = report.model_copy(update={"edits": report.edits[:-1]})
    return recorded(report, path, old_ml, new_ml, who=who)


def recorded_gestures(
    report: Report,
    finding_id: str,
    before: Region | None,
    after: Region,
    gestures: Sequence[Gesture],
    *,
    who: str,
) -> Report:
    """The report with the record that an outline followed gestures, and of the voxels it changed.

    See `PASTALib.gestures.record` for how both are written.
    """
    from PASTALib.gestures.record import GESTURES, as_json, change_of

    new = {
        "volume_ml": after.ml,
        "gestures": [as_json(gesture) for gesture in gestures],
        "change": change_of(before, after),
    }
    old = 0.0 if before is None else before.ml
    return recorded(report, f"findings/{finding_id}/{GESTURES}", old, new, who=who)


def without(
    report: Report, finding_ids: Sequence[str], path: str, old: Any, new: Any, *, who: str
) -> Report:
    """The report without some findings, and the record of it."""
    left = tuple(f for f in report.findings if f.id not in finding_ids)
    changed = report.model_copy(update={"findings": left})
    return redrafted(recorded(changed, path, old, new, who=who))


def with_findings(
    report: Report, findings: Sequence[Finding], targets: TargetCandidates | None
) -> Report:
    """The report with findings as they are measured now; those it has keep what a reader set."""
    before = {finding.id: finding for finding in report.findings}
    kept = tuple(
        _measured_again(report, before[now.id], now) if now.id in before else now
        for now in findings
    )
    return redrafted(report.model_copy(update={"findings": kept, "targets": targets}))


def _measured_again(report: Report, before: Finding, now: Finding) -> Finding:
    attributes = {
        key: before.attributes[key]
        if key in before.attributes and before.attributes[key].provenance == "reader"
        else entry
        for key, entry in now.attributes.items()
    }
    update: dict[str, Any] = {"attributes": attributes, "review": before.review}
    if before.size.provenance == "reader":
        axes = ("long_axis", "short_axis", "slice_index", "slice_position_mm", "provenance")
        update["size"] = now.size.model_copy(update={k: getattr(before.size, k) for k in axes})
    if reader_wrote(report, f"findings/{now.id}/sentence"):
        update["sentence"] = before.sentence
    return now.model_copy(update=update)


def redrafted(report: Report) -> Report:
    """The report with impression and negatives that fit its findings, where no reader wrote them.

    Rejected findings are left out of both.
    """
    findings = [finding for finding in report.findings if finding.review != "dismissed"]
    can_find = frozenset(report.model.finds if report.model else catalog().lesion_types)
    update: dict[str, Any] = {}
    if not reader_wrote(report, "impression"):
        update["impression"] = write_impression(findings, report.organs, can_find)
    if not reader_wrote(report, "negatives"):
        update["negatives"] = negatives(report.organs, findings, can_find)
    return report.model_copy(update=update)


def impression_is_old(report: Report) -> bool:
    """Whether the reader's own impression is older than a change of the findings."""
    last = max((k for k, e in enumerate(report.edits) if e.path == "impression"), default=None)
    return last is not None and any(e.path.startswith("findings") for e in report.edits[last:])


def with_new_impression(report: Report, *, who: str) -> Report:
    """The report with a drafted impression in place of the reader's, who has agreed to that.

    From then on it follows the findings again; the record keeps what the reader had written.
    """
    old = list(report.impression)
    edits = tuple(
        edit.model_copy(update={"path": "impression/withdrawn"})
        if edit.path == "impression"
        else edit
        for edit in report.edits
    )
    fresh = redrafted(report.model_copy(update={"edits": edits}))
    return recorded(fresh, "impression/drafted", old, list(fresh.impression), who=who)


def with_axes(
    report: Report, finding_id: str, axes: dict[str, tuple[Point, Point]], *, who: str
) -> Report:
    """The report with axes that a reader has laid.

    Args:
        report: the report before.
        finding_id: whose axes they are.
        axes: end points in LPS mm of ``long_axis``, ``short_axis`` or both.
        who: the reader.

    Raises:
        PastaError: no such finding, or an axis without length.
    """
    finding = report.finding(finding_id)
    update: dict[str, Any] = {"provenance": "reader"}
    old, new = {}, {}
    for key, (start, end) in axes.items():
        length = round(float(np.linalg.norm(np.subtract(end, start))), 2)
        if length <= 0:
            raise PastaError("An axis needs two different end points; drag one of them away.")
        update[key] = Axis(length_mm=length, start=_rounded(start), end=_rounded(end))
        old[key], new[key] = getattr(finding.size, key).length_mm, length
    changed = finding.model_copy(update={"size": finding.size.model_copy(update=update)})
    findings = tuple(changed if f is finding else f for f in report.findings)
    path = f"findings/{finding_id}/axes"
    return redrafted(
        recorded(report.model_copy(update={"findings": findings}), path, old, new, who=who)
    )


def _rounded(point: Point) -> Point:
    x, y, z = (round(float(value), 2) for value in point)
    return x, y, z
