"""A case in the making: lesions are tried out, kept, hidden, edited, ordered and taken away.

Each method is one action of the panel and one line of a script. The lesion that is being tried out
is the preview: it is in the voxels of the synthetic volume already, but not in the list. Everything
that changes the list is one undo step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PASTAGenLib.mrml.engines import Bench, Engine, Wish
from PASTAGenLib.mrml.lesion_list import CaseState, Kept, Preview, Step, not_shown
from PASTALib.errors import PastaError
from PASTALib.mrml.organs import organ_map
from PASTALib.mrml.volumes import grid_of
from PASTALib.signals import Signal

if TYPE_CHECKING:
    from PASTAGenLib.boxes import Box
    from PASTAGenLib.insertion_plan import InsertionPlan
    from PASTAGenLib.mrml.bench_nodes import BenchNodes
    from PASTAGenLib.workbench import Patch

MOST_STEPS = 100
TRY_OUT = "Try a lesion out"


class BenchDesk:
    """One scan, and the lesions that are put into it.

    Attributes:
        changed: emitted when list or preview have changed.
        failed: emitted with a sentence when something could not be done.
        bench: the scan; None if none is chosen.
        nodes: the case; None until there is a lesion to see.
        preview: what is being tried out.
        busy: whether something is being computed.
        places: structures that lesions can be asked into, by organ.
    """

    def __init__(self, engine: Engine) -> None:
        self.changed, self.failed = Signal(), Signal()
        self.engine = engine
        self.bench: Bench | None = None
        self.nodes: BenchNodes | None = None
        self.preview: Preview | None = None
        self.busy = False
        self.places: Mapping[str, Sequence[str]] = {}
        self._state = CaseState()
        self._outlined: dict[str, Patch] = {}
        self._asked = 0

    @property
    def lesions(self) -> tuple[Kept, ...]:
        """The list, in the order in which the lesions are put in."""
        return self._state.lesions

    @property
    def steps(self) -> list[Step]:
        """What can be undone, the latest last."""
        return self._state.steps

    @property
    def undone(self) -> list[Step]:
        """What can be done again, the latest last."""
        return self._state.undone

    @property
    def boxes(self) -> list[Box]:
        """Where the volume differs from the original, the lesion that is tried out included."""
        patches = [kept.patch for kept in self.lesions if kept.shown]
        if self.preview is not None and self.preview.patch is not None:
            patches.append(self.preview.patch)
        return [patch.plan.box for patch in patches]

    def lesion(self, lesion_id: str) -> Kept:
        """A lesion by its id.

        Raises:
            PastaError: there is none.
        """
        for lesion in self.lesions:
            if lesion.id == lesion_id:
                return lesion
        raise PastaError(f"There is no lesion {lesion_id}.")

    # The scan ------------------------------------------------------------------------------------

    def take(self, volume: Any, organs: Any, nodes: BenchNodes | None = None) -> None:
        """Choose the scan; with `nodes`, go on with a case that the scene has.

        Raises:
            PastaError: volume or organs cannot be used.
        """
        self.put_away()
        self.bench = Bench(volume, organs, organ_map(organs, volume))
        if nodes is not None:
            self._resume(nodes)

        def opened(facts: dict[str, Any]) -> None:
            self.places = facts["places"]
            self.changed.emit()

        self.engine.open(self.bench, opened, self.failed.emit)
        self.changed.emit()

    def put_away(self) -> None:
        """Leave the scan; the nodes of its case stay in the scene."""
        if self.preview is not None:
            self.discard()
        self.forget()

    def forget(self) -> None:
        """Leave the scan, whose nodes are going."""
        self._asked += 1
        self.engine.give_up()
        self.bench, self.nodes, self.preview = None, None, None
        self.places, self.busy, self._outlined = {}, False, {}
        self._state = CaseState()
        self.changed.emit()

    def _resume(self, nodes: BenchNodes) -> None:
        import SimpleITK as sitk

        from PASTAGenLib.insertion_plan import InsertionPlan
        from PASTAGenLib.mrml.bench_nodes import boxes_meet

        organs = sitk.GetArrayFromImage(organ_map(nodes.organs, nodes.volume))
        kept = []
        facts = nodes.read()
        for row in facts.get("lesions", []):
            plan = InsertionPlan.from_json(json.dumps(row["plan"]))
            patch = nodes.patch(plan, row["id"], row["truth"], organs)
            patch = patch or not_shown(plan, row["truth"])
            wish = Wish(row["type"], row["asked"], row["seed"])
            kept.append(Kept(row["id"], wish, patch, row["shown"]))
        self.nodes, self._state = nodes, CaseState(tuple(kept))
        if "preview" in facts:  # it was being tried out when the scene was saved
            plan = InsertionPlan.from_json(json.dumps(facts["preview"]["plan"]))
            self._write([not_shown(plan, {})])
            shown = tuple(k for k in kept if k.shown)
            if any(boxes_meet(plan.box, k.patch.plan.box) for k in shown):
                self._compose(tuple(kept), self._set)  # its voxels are in theirs

    def _open(self) -> Bench:
        if self.bench is None:
            raise PastaError("Choose a CT and the segmentation of its organs first.")
        return self.bench

    # The preview ---------------------------------------------------------------------------------

    def ask(self, wish: Wish) -> None:
        """Try a lesion out; it takes the place of the one that is being tried out."""
        bench = self._open()
        before = self.preview
        self.preview = Preview(wish) if before is None else replace(before, wish=wish)
        asked = self._begin()

        def shown(patch: Patch) -> None:
            if asked == self._asked and self.preview is not None:
                self.busy = not patch.truth
                self._show_preview(patch)

        self.engine.preview(bench, self._base(), wish, shown, self._if_asked(asked))

    def nearest(self) -> None:
        """Try the lesion out at the nearest place that holds it."""
        bench, preview = self._open(), self.preview
        if preview is None or "center" not in preview.wish.asked:
            raise PastaError("Click a place in a slice first.")
        wish = preview.wish
        asked = self._begin()

        def found(center: Sequence[float]) -> None:
            if asked == self._asked:
                self.ask(replace(wish, asked={**wish.asked, "center": tuple(center)}))

        self.engine.nearest(bench, self._base(), wish, found, self._if_asked(asked))

    def discard(self) -> None:
        """Drop the lesion that is being tried out."""
        self._asked += 1
        self.engine.give_up()
        preview, self.preview, self.busy = self.preview, None, False
        if preview is not None and preview.patch is not None:
            again = [k.patch for k in self.lesions if k.id == preview.of and k.shown]
            self._write([preview.patch, *again])
        self.changed.emit()

    def keep(self) -> str:
        """Take the lesion that is being tried out into the list; returns its id.

        Raises:
            PastaError: there is none, or it is not finished.
        """
        preview = self.preview
        if preview is None or preview.patch is None or not preview.finished:
            raise PastaError("There is no finished lesion to keep; wait for the preview.")
        name = preview.wish.type.replace("_", " ")
        lesion_id = preview.of or self._next_id()
        kept = Kept(lesion_id, preview.wish, preview.patch)
        if preview.of is None:
            lesions, title = (*self.lesions, kept), f"Keep {name} {lesion_id}"
        else:
            lesions = tuple(kept if k.id == lesion_id else k for k in self.lesions)
            title = f"Edit {lesion_id}"
        self.preview, self.busy = None, False
        following = lesions[[k.id for k in lesions].index(lesion_id) + 1 :]
        if any(k.shown for k in following):  # they were put in after it: their voxels follow
            self._composed(title, lesions)
        else:
            self._do(title, lesions, [preview.patch])
        return lesion_id

    def edit(self, lesion_id: str) -> Wish:
        """Try a lesion of the list out again, where it is; returns what to ask for.

        `keep` puts it back changed, `discard` as it was.
        """
        lesion = self.lesion(lesion_id)
        self.discard()
        center = lesion.patch.plan.blob.center
        wish = replace(lesion.wish, asked={**lesion.wish.asked, "center": tuple(center)})
        self.preview = Preview(wish, lesion.patch, lesion_id)
        self._write([lesion.patch])
        self.changed.emit()
        return wish

    def _begin(self) -> int:
        self._asked += 1
        self.busy = True
        self.changed.emit()
        return self._asked

    def _if_asked(self, asked: int) -> Any:
        """Tells of a failure, if it is of the latest request, and takes what it is of away."""

        def failed(sentence: str) -> None:
            if asked != self._asked:
                return
            self.busy = False
            if self.preview is not None and self.preview.patch is not None:
                old, self.preview.patch = self.preview.patch, None
                self._write([old])
            self.failed.emit(sentence)
            self.changed.emit()

        return failed

    def _show_preview(self, patch: Patch) -> None:
        assert self.preview is not None
        old, self.preview.patch = self.preview.patch, patch
        self._write([p for p in (old, patch) if p is not None])
        self.changed.emit()

    # The list ------------------------------------------------------------------------------------

    def hide(self, lesion_id: str) -> None:
        """Take a lesion out of the volume, or put it back; it stays in the list."""
        lesion = self.lesion(lesion_id)
        title = f"{'Hide' if lesion.shown else 'Show'} {lesion_id}"
        changed = replace(lesion, shown=not lesion.shown)
        self._composed(title, tuple(changed if k.id == lesion_id else k for k in self.lesions))

    def delete(self, lesion_id: str) -> None:
        """Take a lesion out of the list."""
        self.lesion(lesion_id)
        left = tuple(k for k in self.lesions if k.id != lesion_id)
        self._composed(f"Delete {lesion_id}", left)

    def move(self, lesion_id: str, by: int) -> None:
        """Put a lesion in earlier (negative) or later than others."""
        lesions = list(self.lesions)
        at = lesions.index(self.lesion(lesion_id))
        to = min(max(at + by, 0), len(lesions) - 1)
        if to != at:
            lesions.insert(to, lesions.pop(at))
            self._composed(f"Move {lesion_id}", tuple(lesions))

    def undo(self) -> str | None:
        """Take the latest action back; returns what it was, None if there was none.

        A lesion that is being tried out is the latest one.
        """
        if self.preview is not None:
            self.discard()
            return TRY_OUT
        return self._swap(self.steps, self.undone)

    def redo(self) -> str | None:
        """Do again what was undone last; returns what it was, None if there was none."""
        return self._swap(self.undone, self.steps)

    def _swap(self, source: list[Step], target: list[Step]) -> str | None:
        if not source or self.nodes is None:
            return None
        self.discard()
        step = source.pop()
        target.append(Step(step.title, self.lesions))
        self._set(step.lesions)
        return step.title

    def _composed(self, title: str, lesions: tuple[Kept, ...]) -> None:
        """Do an action after which the lesions have to be put in again."""
        self.discard()
        self._compose(lesions, lambda fresh: self._do(title, fresh))

    def _compose(self, lesions: tuple[Kept, ...], then: Callable[[tuple[Kept, ...]], None]) -> None:
        """Put lesions in one after another, and go on with their new patches."""
        bench, shown = self._open(), [k for k in lesions if k.shown]
        asked = self._begin()

        def done(patches: Sequence[Patch]) -> None:
            if asked != self._asked:
                return
            self.busy = False
            fresh = {k.id: p for k, p in zip(shown, patches, strict=True)}
            then(tuple(replace(k, patch=fresh.get(k.id, k.patch)) for k in lesions))

        self.engine.compose(bench, [k.patch.plan for k in shown], done, self._if_asked(asked))

    def _do(self, title: str, lesions: tuple[Kept, ...], more: Iterable[Patch] = ()) -> None:
        self.steps.append(Step(title, self.lesions))
        self.undone.clear()
        del self.steps[:-MOST_STEPS]
        self._set(lesions, more)

    def _set(self, lesions: tuple[Kept, ...], more: Iterable[Patch] = ()) -> None:
        both = (*self.lesions, *lesions)
        self._state.lesions = lesions
        self._write([*(k.patch for k in both if k.shown), *more])
        self.changed.emit()

    # The scene -----------------------------------------------------------------------------------

    def _base(self) -> list[InsertionPlan]:
        """Plans of the lesions that the preview is put on top of."""
        of = self.preview.of if self.preview is not None else None
        return [k.patch.plan for k in self.lesions if k.shown and k.id != of]

    def _write(self, changed: Iterable[Patch]) -> None:
        """Bring nodes up to date with list and preview where patches have changed."""
        from PASTAGenLib.mrml.bench_nodes import PREVIEW, add_bench, region_in

        bench = self._open()
        if self.nodes is None:
            self.nodes = add_bench(bench.volume, bench.organs, bench.labels)
        nodes, grid, preview = self.nodes, grid_of(bench.volume), self.preview
        of = preview.of if preview is not None else None
        kept = [k for k in self.lesions if k.shown and k.id != of]
        shown = [k.patch for k in kept]
        if preview is not None and preview.patch is not None:
            shown.append(preview.patch)
        nodes.show([patch.plan.box for patch in changed], shown, bench.labels)
        wanted = {k.id: (k.patch, k.wish.type) for k in kept}
        if preview is not None and preview.patch is not None:
            wanted[PREVIEW] = (preview.patch, preview.patch.plan.type)
        for segment_id in nodes.segment_ids():
            if segment_id not in wanted:
                nodes.outline(segment_id, "", None)
        for segment_id, (patch, kind) in wanted.items():
            if self._outlined.get(segment_id) is not patch:
                nodes.outline(segment_id, kind, region_in(patch, grid))
        self._outlined = {segment_id: patch for segment_id, (patch, _) in wanted.items()}
        facts: dict[str, Any] = {"lesions": [k.facts() for k in self.lesions]}
        if PREVIEW in wanted:  # what the volume holds is in the list, also if it is saved now
            assert preview is not None
            facts["preview"] = Kept(PREVIEW, preview.wish, wanted[PREVIEW][0]).facts()
        nodes.write(facts)

    def _next_id(self) -> str:
        known = [k.id for step in self.steps for k in step.lesions] + [k.id for k in self.lesions]
        return f"L{1 + max((int(i[1:]) for i in known), default=0)}"
