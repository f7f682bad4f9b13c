"""Outlines on the reading desk that a reader draws, joins, parts and takes away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PASTALib.errors import PastaError
from PASTALib.mrml.case_desk import CaseDesk
from PASTALib.mrml.labelmaps import region_of
from PASTALib.mrml.segmentations import add_empty_segment
from PASTALib.region import Region
from PASTALib.segments import lesion_segment

if TYPE_CHECKING:
    from PASTALib.gestures.marks import Gesture
    from PASTALib.mrml.case import CaseNodes


class OutlineDesk(CaseDesk):
    """A case whose outlines are changed by hand."""

    def outline_changed(self, finding_id: str) -> None:
        """Somebody drew in a segment: keep the step, and measure it again."""
        if self.writing or self.nodes is None or self._grid is None:
            return
        known = finding_id in self.regions or finding_id in self._drawing
        region = region_of(self.nodes.lesions, finding_id, self._grid) if known else None
        if region is None:
            if finding_id in self.regions:
                self.failed.emit(f"{finding_id} has no voxel left; draw some, or delete it.")
            return
        if not _same(region, self.regions.get(finding_id)):
            self._drawn(finding_id, region)

    def merge(self, finding_ids: Sequence[str]) -> None:
        """Make one finding of several; it keeps the first one's id and type."""
        from PASTALib.outlines import joined
        from PASTALib.report_changes import without

        nodes, report = self._open()
        if len(set(finding_ids)) < 2:
            raise PastaError("Choose at least two findings to merge.")
        for finding_id in finding_ids:
            report.finding(finding_id)
        first, *others = finding_ids
        before = {finding_id: self.regions[finding_id] for finding_id in finding_ids}
        region = joined(list(before.values()))
        for finding_id in others:
            self._remove(nodes, finding_id)
        self._write(first, region)
        self.regions[first] = region
        path, old = f"findings/{first}/merged", ", ".join(finding_ids)
        report = without(report, others, path, old, first, who=self.who)
        self._do(f"Merge {old}", report, before)
        self._measure()

    def split(self, finding_id: str) -> tuple[str, ...]:
        """Part a finding: into its pieces, or in two halves if it hangs together.

        The largest part keeps the id. Returns the ids of all parts.
        """
        from PASTALib.outlines import parted
        from PASTALib.report_changes import recorded

        nodes, report = self._open()
        finding = report.finding(finding_id)
        first, *others = parted(self.regions[finding_id])
        before: dict[str, Region | None] = {finding_id: self.regions[finding_id]}
        ids = [finding_id]
        self._write(finding_id, first)
        self.regions[finding_id] = first
        for part in others:
            new_id = self._next_id(report)
            before[new_id] = None
            self._add_segment(nodes, new_id, finding.type)
            self._write(new_id, part)
            self.regions[new_id] = part
            ids.append(new_id)
        path = f"findings/{finding_id}/split"
        report = recorded(report, path, finding_id, ", ".join(ids), who=self.who)
        self._do(f"Split {finding_id}", report, before)
        self._measure()
        return tuple(ids)

    def delete(self, finding_id: str) -> None:
        """Take a finding and its segment away."""
        from PASTALib.report_changes import without

        nodes, report = self._open()
        report.finding(finding_id)
        before = {finding_id: self.regions.get(finding_id)}
        self._remove(nodes, finding_id)
        path = f"findings/{finding_id}/deleted"
        report = without(report, [finding_id], path, finding_id, None, who=self.who)
        self._do(f"Delete {finding_id}", report, before)
        self._measure()

    def _add_segment(self, nodes: CaseNodes, finding_id: str, kind: str) -> None:
        add_empty_segment(nodes.lesions, lesion_segment(finding_id, kind))
        self._drawing[finding_id] = kind

    def _drawn(self, finding_id: str, region: Region, gestures: Sequence[Gesture] = ()) -> None:
        """Keep the step that an outline is another now, and have it measured."""
        from PASTALib.report_changes import recorded, recorded_gestures, recorded_stroke

        _, report = self._open()
        before = self.regions.get(finding_id)
        title = f"{'Mark' if gestures else 'Draw'} {finding_id}"
        if before is None:
            kind = self._drawing[finding_id]
            report = recorded(report, f"findings/{finding_id}", None, kind, who=self.who)
            title = f"Add {finding_id}"
        if gestures:
            report = recorded_gestures(report, finding_id, before, region, gestures, who=self.who)
        elif before is not None:
            report = recorded_stroke(report, finding_id, before.ml, region.ml, who=self.who)
        self.regions[finding_id] = region
        self._do(title, report, {finding_id: before})
        self._measure()


def _same(first: Region, second: Region | None) -> bool:
    return (
        second is not None
        and first.start == second.start
        and first.mask.shape == second.mask.shape
        and bool((first.mask == second.mask).all())
    )
