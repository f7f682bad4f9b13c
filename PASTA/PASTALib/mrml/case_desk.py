"""The case on the reading desk: opened and put away, changed step by step, measured as it goes."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.mrml.case import CaseNodes
from PASTALib.mrml.labelmaps import put_region, regions_of
from PASTALib.mrml.measuring import Measurer
from PASTALib.mrml.segmentations import add_empty_segment, rename_segment, segment_keys
from PASTALib.mrml.volumes import grid_of
from PASTALib.region import Region, overlap
from PASTALib.segments import lesion_segment
from PASTALib.signals import Signal

if TYPE_CHECKING:
    from PASTALib.report import Finding, Report
    from PASTALib.study import Measured, Outline

MOST_STEPS = 100
"""Undo steps that are kept; one holds the masks of the changed lesions, some kilobytes each."""


@dataclass(frozen=True)
class Step:
    """How things were before an action.

    Attributes:
        title: what the action was, for the button.
        report: the report before; None if the action brought the case itself.
        regions: voxels before of the findings that it changed; None where there was none.
        kinds: types of those that its report does not know yet.
    """

    title: str
    report: Report | None
    regions: Mapping[str, Region | None] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What a reader made of an outline of the model.

    Attributes:
        dice: overlap of both.
        before_ml, after_ml: volumes.
        seconds: that the reader was at the finding.
    """

    dice: float
    before_ml: float
    after_ml: float
    seconds: float


class CaseDesk:
    """One case being read, and what can be undone of it.

    Attributes:
        changed: emitted when findings or report have changed.
        failed: emitted with a sentence when something could not be measured.
        nodes: the case; None if none is open.
        report: as it is now.
        regions: voxels of the findings, by id.
        seconds: how long a reader was at each finding.
        steps: what can be undone, the latest last.
        undone: what was undone and can be done again, the latest last.
        pending: whether measures are awaited.
    """

    def __init__(self, measurer: Measurer, who: str = "") -> None:
        self.changed, self.failed = Signal(), Signal()
        self.nodes: CaseNodes | None = None
        self.report: Report | None = None
        self.regions: dict[str, Region] = {}
        self.seconds: dict[str, float] = {}
        self.steps: list[Step] = []
        self.undone: list[Step] = []
        self.pending = False
        self.who = who or getpass.getuser()
        self._measurer = measurer
        self._grid: Geometry | None = None
        self._drawing: dict[str, str] = {}
        self._original: dict[str, Region] | None = None
        self.writing = False
        self._asked = 0

    # The case ------------------------------------------------------------------------------------

    def take(self, nodes: CaseNodes, *, fresh: bool = False) -> None:
        """Open a case; `fresh` if it was made just now, so that undo takes it away again."""
        self.nodes, self.report = nodes, nodes.read_report()
        self._grid = grid_of(nodes.volume)
        found = regions_of(nodes.lesions, self._grid)
        self.regions = {f.id: found[f.id] for f in self.report.findings if f.id in found}
        self.seconds, self._drawing = nodes.read_seconds(), {}
        self.steps = [Step("Find lesions", None)] if fresh else []
        self.undone, self._original = [], None
        self._asked += 1
        self.pending = False
        self.changed.emit()

    def put_away(self) -> None:
        """Close the case; its nodes stay in the scene."""
        self.nodes, self.report, self._grid = None, None, None
        self.regions, self.seconds, self._drawing = {}, {}, {}
        self.steps, self.undone, self._original = [], [], None
        self._asked += 1
        self.pending = False
        self.changed.emit()

    def _open(self) -> tuple[CaseNodes, Report]:
        if self.nodes is None or self.report is None:
            raise PastaError("No case is open; run PASTA on a CT first.")
        return self.nodes, self.report

    def finding(self, finding_id: str) -> Finding:
        """A finding by its id, such as ``L3``."""
        return self._open()[1].finding(finding_id)

    # Undo ----------------------------------------------------------------------------------------

    def undo(self) -> str | None:
        """Take the latest action back; returns what it was, None if there was none."""
        if not self.steps or self.nodes is None:
            return None
        step = self.steps.pop()
        if step.report is None:
            nodes = self.nodes
            self.put_away()
            nodes.remove()
            return step.title
        self.undone.append(self._swapped(step))
        self._restore(step)
        return step.title

    def redo(self) -> str | None:
        """Do again what was undone last; returns what it was, None if there was none."""
        if not self.undone or self.nodes is None:
            return None
        step = self.undone.pop()
        self.steps.append(self._swapped(step))
        self._restore(step)
        known = {finding.id for finding in step.report.findings} if step.report else set()
        drawn = {key for key, region in step.regions.items() if region is not None}
        self._drawing.update({key: step.kinds[key] for key in drawn - known})
        if step.regions:  # it may have been undone before it was measured
            self._measure()
        return step.title

    def _swapped(self, step: Step) -> Step:
        """How things are now, as far as `step` will change them."""
        assert self.nodes is not None
        now = {finding_id: self.regions.get(finding_id) for finding_id in step.regions}
        return Step(step.title, self.report, now, segment_keys(self.nodes.lesions))

    def _restore(self, step: Step) -> None:
        """Bring report and voxels back to what a step has kept."""
        assert self.nodes is not None
        assert step.report is not None
        for finding_id, region in step.regions.items():
            if region is None:
                self._remove(self.nodes, finding_id)
                continue
            if self.nodes.lesions.GetSegmentation().GetSegment(finding_id) is None:
                kind = step.kinds.get(finding_id) or step.report.finding(finding_id).type
                add_empty_segment(self.nodes.lesions, lesion_segment(finding_id, kind))
            self._write(finding_id, region)
            self.regions[finding_id] = region
        for finding in step.report.findings:
            rename_segment(self.nodes.lesions, lesion_segment(finding.id, finding.type))
        self._asked += 1  # measures that are under way are of what is undone
        self.pending = False
        self._keep(step.report)

    def _do(
        self, title: str, report: Report, regions: Mapping[str, Region | None] | None = None
    ) -> None:
        self.steps.append(Step(title, self.report, regions or {}))
        self.undone.clear()
        del self.steps[:-MOST_STEPS]
        self._keep(report)

    def _keep(self, report: Report) -> None:
        assert self.nodes is not None
        self.report = report
        self.nodes.write_report(report)
        self.changed.emit()

    def change(self, finding_id: str) -> Change | None:
        """How far the outline of a finding is from the model's own; None for a reader's finding."""
        nodes, _ = self._open()
        if self._original is None:
            assert self._grid is not None
            self._original = regions_of(nodes.original, self._grid)
        original, now = self._original.get(finding_id), self.regions.get(finding_id)
        if original is None or now is None:
            return None
        ml = original.geometry.voxel_mm3 / 1000
        seconds = self.seconds.get(finding_id, 0.0)
        return Change(overlap(original, now), original.voxels * ml, now.voxels * ml, seconds)

    # Measures ------------------------------------------------------------------------------------

    def outlines(self) -> list[Outline]:
        """All findings as they are drawn now, in the order of the report; new ones last."""
        from PASTALib.study import Outline

        _, report = self._open()
        found = [
            Outline(
                f.id,
                f.type,
                self.regions[f.id].mask,
                self.regions[f.id].start,
                f.confidence,
                f.type_confidence,
                f.provenance,
            )
            for f in report.findings
            if f.id in self.regions
        ]
        known = {outline.id for outline in found}
        for finding_id, kind in self._drawing.items():
            region = self.regions.get(finding_id)
            if region is not None and finding_id not in known:
                found.append(Outline(finding_id, kind, region.mask, region.start))
        return found

    def _measure(self) -> None:
        nodes, report = self._open()
        self._asked += 1
        asked = self._asked
        self.pending = True

        def done(measured: Measured) -> None:
            from PASTALib.report_changes import with_findings

            if asked == self._asked and self.report is not None:
                self.pending = False
                self._keep(with_findings(self.report, measured.findings, measured.targets))

        def failed(sentence: str) -> None:
            if asked == self._asked:
                self.pending = False
                self.failed.emit(sentence)

        self._measurer.measure(nodes, report, self.outlines(), done, failed)

    def spent(self, finding_id: str, seconds: float) -> None:
        """Add to the time that a reader was at a finding; it is kept in the scene."""
        if self.nodes is not None:
            self.seconds[finding_id] = self.seconds.get(finding_id, 0.0) + seconds
            self.nodes.write_seconds(self.seconds)

    # Segments ------------------------------------------------------------------------------------

    def _write(self, finding_id: str, region: Region) -> None:
        nodes, _ = self._open()
        self.writing = True
        try:
            put_region(nodes.lesions, finding_id, region)
        finally:
            self.writing = False

    def _remove(self, nodes: CaseNodes, finding_id: str) -> None:
        self.writing = True
        try:
            nodes.lesions.GetSegmentation().RemoveSegment(finding_id)
        finally:
            self.writing = False
        self.regions.pop(finding_id, None)
        self._drawing.pop(finding_id, None)

    def _next_id(self, report: Report) -> str:
        from PASTALib.study import number_of

        assert self.nodes is not None
        ids = {f.id for f in report.findings} | self._ids() | set(segment_ids(self.nodes.original))
        return f"L{1 + max(map(number_of, ids), default=0)}"

    def _ids(self) -> set[str]:
        """Ids that are in use, whether the report knows them yet or not."""
        return set(self.regions) | set(self._drawing)


def segment_ids(node: Any) -> list[str]:
    """Ids of all segments of a node."""
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
