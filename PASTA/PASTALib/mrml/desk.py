"""The reading desk: one case, and everything that a reader may do with its findings.

Each method is one action of the panel and one line of a script. An action changes scene and report
at once, is one undo step, and hands the outlines to whoever measures them; sizes, attributes and
impression follow when the measures come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Vector
from PASTALib.mrml.case_desk import CaseDesk
from PASTALib.mrml.labelmaps import region_of
from PASTALib.mrml.measuring import Measurer
from PASTALib.mrml.segmentations import add_empty_segment, rename_segment
from PASTALib.mrml.volumes import ras_of, voxels_of_volume
from PASTALib.region import Region
from PASTALib.segments import lesion_segment

if TYPE_CHECKING:
    from PASTALib.gestures.marks import Gesture, GestureKind
    from PASTALib.report import Point, Report


class Desk(CaseDesk):
    """Everything that a reader may do with the findings of a case."""

    def __init__(self, measurer: Measurer, who: str = "") -> None:
        super().__init__(measurer, who)
        # Of an outline, not of a finding: after undo, those of the outline before hold again.
        self._gestures: WeakKeyDictionary[Region, tuple[Gesture, ...]] = WeakKeyDictionary()

    # What a reader says of a finding -------------------------------------------------------------

    def accept(self, finding_id: str) -> None:
        """Agree with a finding."""
        self._edit(f"findings/{finding_id}/review", "confirmed", f"Accept {finding_id}")

    def reject(self, finding_id: str) -> None:
        """Dismiss a finding: it stays in the table, but leaves impression and segmentations."""
        self._edit(f"findings/{finding_id}/review", "dismissed", f"Reject {finding_id}")

    def reopen(self, finding_id: str) -> None:
        """Take acceptance or rejection back."""
        self._edit(f"findings/{finding_id}/review", "open", f"Reopen {finding_id}")

    def set_type(self, finding_id: str, lesion_type: str) -> None:
        """Give a finding another type, and with it another organ if the type says so."""
        nodes, _ = self._open()
        self._edit(f"findings/{finding_id}/type", lesion_type, f"Change type of {finding_id}")
        rename_segment(nodes.lesions, lesion_segment(finding_id, lesion_type))
        self._measure()

    def set_attribute(self, finding_id: str, key: str, value: str) -> None:
        """Set one of the five attributes."""
        self._edit(f"findings/{finding_id}/attributes/{key}", value, f"Set {key} of {finding_id}")

    def set_sentence(self, finding_id: str, text: str) -> None:
        """Write the finding's sentence."""
        self._edit(f"findings/{finding_id}/sentence", text, f"Write on {finding_id}")

    def set_impression(self, sentences: Sequence[str]) -> None:
        """Write the impression; from then on it is only changed by a reader."""
        self._edit("impression", list(sentences), "Write the impression")

    def draft_impression(self) -> None:
        """Have the impression drafted again; what a reader wrote is kept in the record."""
        from PASTALib.report_changes import with_new_impression

        _, report = self._open()
        self._do("Draft the impression", with_new_impression(report, who=self.who))

    def set_axes(self, finding_id: str, axes: Mapping[str, tuple[Point, Point]]) -> None:
        """Lay ``long_axis``, ``short_axis`` or both; end points in LPS mm."""
        from PASTALib.report_changes import with_axes

        _, report = self._open()
        changed = with_axes(report, finding_id, dict(axes), who=self.who)
        self._do(f"Move axis of {finding_id}", changed)

    def _edit(self, path: str, value: Any, title: str) -> None:
        from PASTALib.report_changes import redrafted
        from PASTALib.report_edits import edited

        _, report = self._open()
        self._do(title, redrafted(edited(report, path, value, who=self.who)))

    # Outlines ------------------------------------------------------------------------------------

    def new_finding(self, lesion_type: str, point: Vector | None = None) -> str:
        """Add a finding; returns its id.

        Args:
            lesion_type: catalogue key.
            point: RAS mm of a click, around which it is outlined; without it the segment is empty,
                and the finding appears with the first stroke of a brush.
        """
        nodes, report = self._open()
        assert self._grid is not None
        if lesion_type not in catalog().lesion_types:
            raise PastaError(f"'{lesion_type}' is not a lesion type of the PASTA catalogue.")
        region = None
        if point is not None:
            region = self._outlined("", "point", [point], True)
        finding_id = self._next_id(report)
        add_empty_segment(nodes.lesions, lesion_segment(finding_id, lesion_type))
        self._drawing[finding_id] = lesion_type
        if region is not None:
            self._write(finding_id, region)
            self._drawn(finding_id, region)
        return finding_id

    def mark(
        self,
        finding_id: str,
        points: Sequence[Vector],
        *,
        kind: GestureKind = "point",
        inside: bool = True,
    ) -> None:
        """Have the outline of a finding follow what a reader points at.

        What was marked before on the same outline still holds.

        Args:
            finding_id: such as ``L3``.
            points: RAS mm.
            kind: what they are, see `PASTALib.gestures.marks.Gesture`.
            inside: whether they mark the lesion, or what is none.

        Raises:
            PastaError: the finding is not known, the points lie outside the CT, or nothing is left.
        """
        if finding_id not in self.regions:
            raise PastaError(f"{finding_id} has no outline yet; draw one or add it by a click.")
        region = self._outlined(finding_id, kind, points, inside)
        if not _same(region, self.regions[finding_id]):
            self._write(finding_id, region)
            self._drawn(finding_id, region)

    def _outlined(
        self, finding_id: str, kind: GestureKind, points: Sequence[Vector], inside: bool
    ) -> Region:
        from PASTALib.gestures.marks import Gesture
        from PASTALib.gestures.outlining import Scan, outlined

        nodes, _ = self._open()
        assert self._grid is not None
        others = [region for key, region in self.regions.items() if key != finding_id]
        scan = Scan(voxels_of_volume(nodes.volume), self._grid, others)
        before = self.regions.get(finding_id)
        earlier = self._gestures.get(before, ()) if before is not None else ()
        gestures = (*earlier, Gesture(kind, tuple(ras_of(point) for point in points), inside))
        region = outlined(scan, gestures, before)
        self._gestures[region] = gestures
        return region

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

    def _drawn(self, finding_id: str, region: Region) -> None:
        from PASTALib.report_changes import recorded, recorded_stroke

        _, report = self._open()
        before = self.regions.get(finding_id)
        if before is None:
            kind = self._drawing[finding_id]
            report = recorded(report, f"findings/{finding_id}", None, kind, who=self.who)
            title = f"Add {finding_id}"
        else:
            report = recorded_stroke(report, finding_id, _ml(before), _ml(region), who=self.who)
            title = f"Draw {finding_id}"
        self.regions[finding_id] = region
        self._do(title, report, {finding_id: before})
        self._measure()

    def merge(self, finding_ids: Sequence[str]) -> None:
        """Make one finding of several; it keeps the first one's id and type."""
        from PASTALib.outlines import joined

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
        report = _without(report, others, path, old, first, self.who)
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
            add_empty_segment(nodes.lesions, lesion_segment(new_id, finding.type))
            self._write(new_id, part)
            self.regions[new_id] = part
            self._drawing[new_id] = finding.type
            ids.append(new_id)
        path = f"findings/{finding_id}/split"
        report = recorded(report, path, finding_id, ", ".join(ids), who=self.who)
        self._do(f"Split {finding_id}", report, before)
        self._measure()
        return tuple(ids)

    def delete(self, finding_id: str) -> None:
        """Take a finding and its segment away."""
        nodes, report = self._open()
        report.finding(finding_id)
        before = {finding_id: self.regions.get(finding_id)}
        self._remove(nodes, finding_id)
        path = f"findings/{finding_id}/deleted"
        report = _without(report, [finding_id], path, finding_id, None, self.who)
        self._do(f"Delete {finding_id}", report, before)
        self._measure()


def _without(
    report: Report, finding_ids: Sequence[str], path: str, old: Any, new: Any, who: str
) -> Report:
    """The report without some findings, and the record of it."""
    from PASTALib.report_changes import recorded, redrafted

    left = tuple(f for f in report.findings if f.id not in finding_ids)
    changed = report.model_copy(update={"findings": left})
    return redrafted(recorded(changed, path, old, new, who=who))


def _same(first: Region, second: Region | None) -> bool:
    return (
        second is not None
        and first.start == second.start
        and first.mask.shape == second.mask.shape
        and bool((first.mask == second.mask).all())
    )


def _ml(region: Region) -> float:
    return round(region.voxels * region.geometry.voxel_mm3 / 1000, 3)
