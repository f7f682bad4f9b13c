"""Outlines on the reading desk that follow gestures.

Gestures are answered by whoever also measures, here at once and in the panel a little later. They
add up: one that is drawn while an earlier one is being computed goes with it into a new request, so
that what is shown last agrees with all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Vector
from PASTALib.gestures.marks import Gesture, GestureKind, check_inside
from PASTALib.gestures.record import held
from PASTALib.gestures.wish import Answer, Wish
from PASTALib.mrml.case_desk import segment_ids
from PASTALib.mrml.editable import editable_area
from PASTALib.mrml.labelmaps import region_of
from PASTALib.mrml.measuring import Measurer
from PASTALib.mrml.outline_desk import OutlineDesk
from PASTALib.mrml.volumes import ras_of
from PASTALib.region import Region
from PASTALib.signals import Signal

if TYPE_CHECKING:
    from PASTALib.mrml.case import CaseNodes
    from PASTALib.worker.failures import Failure

FAR_MM = 40.0
"""A positive mark so far from a finding's outline is another lesion."""
DEFAULT_TYPE = "liver_tumor"
"""Of a finding that no organ is near to."""


@dataclass(frozen=True, eq=False)
class Marked:
    """What an outline follows: gestures, and the outline before the first of them."""

    gestures: tuple[Gesture, ...] = ()
    base: Region | None = None


@dataclass(frozen=True)
class Waiting:
    """Gestures that are not answered yet, and the type of a finding that is to be new."""

    gestures: tuple[Gesture, ...]
    type: str | None = None


class GestureDesk(OutlineDesk):
    """A case whose outlines follow what a reader points at.

    Attributes:
        marked: emitted when gestures were added, answered or taken back.
    """

    def __init__(self, measurer: Measurer, who: str = "") -> None:
        super().__init__(measurer, who)
        self.marked = Signal()
        # Of an outline, not of a finding: after undo, those of the outline before hold again.
        self._marks: WeakKeyDictionary[Region, Marked] = WeakKeyDictionary()
        self._waiting: dict[str, Waiting] = {}
        self._running: str | None = None
        self._turn = 0

    # Gestures ------------------------------------------------------------------------------------

    @property
    def outlining(self) -> bool:
        """Whether an outline is being computed."""
        return self._running is not None

    def gestures(self, finding_id: str) -> tuple[Gesture, ...]:
        """The gestures that a finding's outline follows, or will follow once they are answered."""
        region, waiting = self.regions.get(finding_id), self._waiting.get(finding_id)
        held = self._marks.get(region, Marked()).gestures if region is not None else ()
        return held + (waiting.gestures if waiting is not None else ())

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
            PastaError: the finding is not known or accepted, the points lie outside the CT or far
                from the finding, or nothing is left.
        """
        if finding_id not in self.regions and finding_id not in self._waiting:
            raise PastaError(f"{finding_id} has no outline yet; draw one or add it by a click.")
        self._refuse_accepted(finding_id)
        gesture = self._gesture(points, kind, inside)
        region = self.regions.get(finding_id)
        if region is not None and inside and (away := _distance(gesture, region)) > FAR_MM:
            raise PastaError(
                f"That is {away:.0f} mm away from {finding_id}; begin a new finding there."
            )
        self._add(finding_id, gesture, None)

    def new_finding(
        self,
        lesion_type: str | None = None,
        point: Vector | None = None,
        *,
        points: Sequence[Vector] = (),
        kind: GestureKind = "point",
    ) -> str:
        """Add a finding; returns its id.

        Args:
            lesion_type: catalogue key; proposed by organ and HU where it is not given.
            point: RAS mm of a click, around which it is outlined.
            points: the same for any other `kind` of gesture. Without either the segment is empty,
                and the finding appears with the first stroke of a brush.
            kind: see `PASTALib.gestures.marks.Gesture`.
        """
        nodes, report = self._open()
        if lesion_type is not None and lesion_type not in catalog().lesion_types:
            raise PastaError(f"'{lesion_type}' is not a lesion type of the PASTA catalogue.")
        finding_id = self._next_id(report)
        if point is None and not points:
            self._add_segment(nodes, finding_id, lesion_type or DEFAULT_TYPE)
        else:
            gesture = self._gesture(points or [point or (0.0, 0.0, 0.0)], kind, True)
            self._add(finding_id, gesture, lesion_type)
        return finding_id

    def reset(self, finding_id: str) -> None:
        """Take all gestures of a finding back: the outline before the first of them holds again.

        A finding that began with a gesture is deleted.
        """
        from PASTALib.report_changes import recorded

        self._refuse_accepted(finding_id)
        if self._waiting.pop(finding_id, None) is not None and self._running == finding_id:
            self._stop()
        region = self.regions.get(finding_id)
        marks = self._marks.get(region) if region is not None else None
        if region is not None and marks is not None:
            if marks.base is None:
                self.delete(finding_id)
            else:
                _, report = self._open()
                path, old, new = f"findings/{finding_id}/reset", region.ml, marks.base.ml
                self._write(finding_id, marks.base)
                self.regions[finding_id] = marks.base
                report = recorded(report, path, old, new, who=self.who)
                self._do(f"Reset {finding_id}", report, {finding_id: region})
                self._measure()
        self.marked.emit()
        self._go_on()

    def undo(self) -> str | None:
        """Take the latest gesture back that is not answered yet, else the latest action.

        Gestures that were answered together are taken back together.
        """
        if not self._waiting:
            title = super().undo()
            self.marked.emit()
            return title
        finding_id, waiting = self._waiting.popitem()
        if waiting.gestures[1:]:
            self._waiting[finding_id] = Waiting(waiting.gestures[:-1], waiting.type)
        if self._running == finding_id:
            self._stop()
        self.marked.emit()
        self._go_on()
        return f"Mark {finding_id}"

    def take(self, nodes: CaseNodes, *, fresh: bool = False) -> None:
        """See `PASTALib.mrml.case_desk.CaseDesk.take`; gestures of a saved scene still hold."""
        self._forget_gestures()
        super().take(nodes, fresh=fresh)
        _, report = self._open()
        for finding_id, region in self.regions.items():
            gestures, base = held(report.edits, finding_id, region)
            if gestures:
                self._marks[region] = Marked(gestures, base)

    def put_away(self) -> None:
        """See `PASTALib.mrml.case_desk.CaseDesk.put_away`."""
        self._forget_gestures()
        super().put_away()

    def _forget_gestures(self) -> None:
        self._waiting.clear()
        self._stop()

    def _refuse_accepted(self, finding_id: str) -> None:
        _, report = self._open()
        for finding in report.findings:
            if finding.id == finding_id and finding.review == "confirmed":
                raise PastaError(f"{finding_id} is accepted; reopen it to correct it.")

    def _gesture(self, points: Sequence[Vector], kind: GestureKind, inside: bool) -> Gesture:
        self._open()
        assert self._grid is not None
        gesture = Gesture(kind, tuple(ras_of(point) for point in points), inside)
        check_inside([gesture], self._grid)
        return gesture

    def _add(self, finding_id: str, gesture: Gesture, lesion_type: str | None) -> None:
        waiting = self._waiting.pop(finding_id, Waiting((), lesion_type))
        self._waiting[finding_id] = Waiting((*waiting.gestures, gesture), waiting.type)
        self.marked.emit()
        if self._running in (None, finding_id):
            self._ask(finding_id)

    def _ask(self, finding_id: str) -> None:
        """Ask for the outline of a finding; an earlier answer is not waited for any more."""
        nodes, report = self._open()
        self._turn += 1
        turn, wish = self._turn, self._wish(nodes, finding_id)
        self._running = finding_id

        def done(answer: Answer) -> None:
            if turn == self._turn:
                self._stop()
                self._answered(finding_id, wish, answer)
                self._go_on()

        def failed(failure: Failure) -> None:
            if turn == self._turn:
                self._stop()
                # What the reader can do nothing about is not forgotten: it goes with the next one.
                if failure.kind == "user":
                    self._waiting.pop(finding_id, None)
                self.marked.emit()
                self.failed.emit(failure.sentence)
                self._go_on(but=finding_id)

        try:
            self._measurer.outline(nodes, report, wish, done, failed)
        except PastaError:
            self._stop()
            self._waiting.pop(finding_id, None)
            self.marked.emit()
            raise

    def _stop(self) -> None:
        self._turn += 1
        self._running = None

    def _go_on(self, but: str | None = None) -> None:
        """Ask for the next outline that gestures wait for."""
        following = next((key for key in self._waiting if key != but), None)
        if self._running is None and following is not None:
            self._ask(following)

    def _wish(self, nodes: CaseNodes, finding_id: str) -> Wish:
        assert self._grid is not None
        waiting, before = self._waiting[finding_id], self.regions.get(finding_id)
        others = [region for key, region in self.regions.items() if key != finding_id]
        for key in set(segment_ids(nodes.lesions)) - {finding_id, *self.regions}:
            region = region_of(nodes.lesions, key, self._grid)  # a segment of the reader's own
            others += [region] if region is not None else []
        area = editable_area(nodes.lesions, finding_id, self._grid)
        untyped = before is None and waiting.type is None
        return Wish(self.gestures(finding_id), before, others, area, untyped)

    def _answered(self, finding_id: str, wish: Wish, answer: Answer) -> None:
        nodes, _ = self._open()
        before, waiting = self.regions.get(finding_id), self._waiting[finding_id]
        if before is not wish.before or any(
            all(region is not other for other in wish.others)
            for key, region in self.regions.items()
            if key != finding_id
        ):
            if wish.before is not None and before is None:  # it was deleted meanwhile
                del self._waiting[finding_id]
            return  # an outline has changed meanwhile: asked again
        del self._waiting[finding_id]
        if before is None:
            kind = waiting.type or answer.type or DEFAULT_TYPE
            self._add_segment(nodes, finding_id, kind)
            base = None
        else:
            base = self._marks.get(before, Marked(base=before)).base
        self._marks[answer.region] = Marked(wish.gestures, base)
        self._write(finding_id, answer.region)
        self._drawn(finding_id, answer.region, waiting.gestures)
        self.marked.emit()

    def _ids(self) -> set[str]:
        return super()._ids() | set(self._waiting)


def _distance(gesture: Gesture, region: Region) -> float:
    """Millimeters from the nearest point of a gesture to the box of a region."""
    index = region.geometry.indices_zyx(gesture.extent)
    last = np.add(region.start, region.mask.shape) - 1
    off = np.maximum(0, np.maximum(region.start - index, index - last))
    return float(np.linalg.norm(off * region.geometry.spacing_zyx, axis=1).min())
