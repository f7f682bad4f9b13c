"""The open scan and case as the worker knows them: sends what it lacks, then asks for the job.

Nothing here waits. Voxels go to the worker a chunk at each turn of the event loop, so that a CT of
a gigabyte does not hold the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from PASTALib.mrml.case import CaseNodes
from PASTALib.mrml.labelmaps import regions_of
from PASTALib.mrml.measuring import KnownMasks
from PASTALib.mrml.organs import organs_in_steps
from PASTALib.mrml.segmentations import segment_keys
from PASTALib.mrml.volumes import grid_of, voxels_of_volume
from PASTALib.steps import Steps
from PASTALib.synthetic import NODE_ATTRIBUTE
from PASTALib.ui.request import Request, guarded
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure
from PASTALib.worker.messages import array_in_steps, image_reference, put_array
from PASTALib.worker.warped import parts_in_steps
from PASTALib.worker.wishes import put_wish, take_answer

if TYPE_CHECKING:
    from PASTALib.gestures.wish import Answer, Wish
    from PASTALib.report import Report
    from PASTALib.study import Measured, Outline

ENDED = Failure("crash", "The computation ended while the CT was handed over; try again.")
HANDING_MS = 10
"""How often a request looks whether another one has handed its scan over."""


class CaseInWorker:
    """Runs jobs on a scan or a case; see `PASTALib.worker.jobs`. It is a `Measurer` of the desk."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self._scan = ""
        self._case: CaseNodes | None = None
        self._known = KnownMasks()
        self._measuring = False
        self._next: Callable[[], None] | None = None
        self._outlining: Request | None = None
        self._wish: Wish | None = None
        self._handing: Request | None = None
        self._closed = False
        worker.ended.connect(self._forget)

    def close(self) -> None:
        """Hand nothing over any more, so that nothing starts the worker again."""
        self._closed = True
        if self._handing is not None:
            self._handing.cancel()

    def _forget(self) -> None:
        if self._handing is not None and self._handing.sending:
            self._handing.fail(ENDED)  # no open request of the worker tells it
        self._scan, self._case, self._measuring, self._next = "", None, False, None
        self._known.forget()

    def analyze(
        self, volume: Any, organs: Any, choices: dict[str, str], listener: Listener
    ) -> Request:
        """Find lesions in a volume; `choices` are ``model``, ``device`` and ``mode``."""
        request = Request(self.worker, listener)

        def ask(given: dict[str, Any] | None = None) -> None:
            self._case = None
            request.ask("analyze", {"key": self._scan, "organs": given, **choices})

        def opened() -> None:
            if organs is None:
                ask()
            else:
                request.listener.progress(0.0, "Handing the organs over")
                request.send(self._organs(organs, volume), ask)

        scan = lambda: self._with_scan(request, volume, lambda: guarded(request, opened))  # noqa: E731
        self._in_turn(request, scan)
        return request

    def _organs(self, node: Any, volume: Any) -> Steps[dict[str, Any]]:
        """A segmentation's organs for a message, as they lie; the worker puts them on the grid."""
        given = yield from organs_in_steps(node, grid_of(volume))
        return (yield from parts_in_steps(given, self.worker.folder))

    def adopt(self, nodes: CaseNodes, outlines: Sequence[Outline]) -> None:
        """The case that was just made from the worker's own result; it knows these outlines."""
        self._case = nodes
        self._known.changed(outlines)

    def measure(
        self,
        nodes: CaseNodes,
        report: Report,
        outlines: Sequence[Outline],
        done: Callable[[Measured], None],
        failed: Callable[[str], None],
    ) -> None:
        """See `PASTALib.mrml.measuring.Measurer`. Of requests that wait, only the last is run."""
        from PASTALib.report import Finding, TargetCandidates
        from PASTALib.study import Measured as AllMeasured

        def start() -> None:
            self._measuring = True
            self._on_case("measure", nodes, report, outlines, {}, Listener(done=ok, failed=no))

        def ok(result: dict[str, Any]) -> None:
            self._measured()
            targets = result["targets"] and TargetCandidates.model_validate(result["targets"])
            findings = tuple(Finding.model_validate(item) for item in result["findings"])
            done(AllMeasured(findings, targets))

        def no(failure: Failure) -> None:
            self._known.forget()
            self._measured()
            failed(failure.sentence)

        if self._measuring:
            self._next = start
        else:
            start()

    def prepare(self, nodes: CaseNodes, report: Report) -> None:
        """Have the worker ready for the first gesture: it gets the case and loads what it needs."""
        request = Request(self.worker, Listener())
        self._with_case(request, nodes, report, lambda: request.ask("prepare", {}))

    def outline(
        self,
        nodes: CaseNodes,
        report: Report,
        wish: Wish,
        done: Callable[[Answer], None],
        failed: Callable[[Failure], None],
    ) -> None:
        """See `PASTALib.mrml.measuring.Measurer`."""
        grid, request = grid_of(nodes.volume), self._outlining

        def ok(result: dict[str, Any]) -> None:
            done(take_answer(result, self.worker.folder, grid))

        self._wish, listener = wish, Listener(done=ok, failed=failed)
        if request is not None and not request.over and not request.asked:
            request.listener = listener  # the case is on its way; it will ask for this wish
            return
        if request is not None:
            request.drop()
        request = self._outlining = Request(self.worker, listener)

        def ask() -> None:
            assert self._wish is not None
            arguments = {"key": self._scan, "wish": put_wish(self._wish, self.worker.folder)}
            request.ask("outline", arguments)

        self._with_case(request, nodes, report, ask)

    def _measured(self) -> None:
        self._measuring = False
        if self._next is not None:
            start, self._next = self._next, None
            start()

    def page(
        self,
        nodes: CaseNodes,
        report: Report,
        outlines: Sequence[Outline],
        path: Path,
        listener: Listener,
    ) -> Request:
        """Write the report's page to `path`."""
        return self._on_case("page", nodes, report, outlines, {"path": str(path)}, listener)

    def export(
        self,
        nodes: CaseNodes,
        report: Report,
        outlines: Sequence[Outline],
        folder: Path,
        formats: Sequence[str],
        listener: Listener,
    ) -> Request:
        """Write files of the wanted formats."""
        wanted = {"folder": str(folder), "formats": list(formats)}
        return self._on_case("export", nodes, report, outlines, wanted, listener)

    def corrections(
        self,
        nodes: CaseNodes,
        report: Report,
        outlines: Sequence[Outline],
        seconds: dict[str, float],
        folder: Path,
        listener: Listener,
    ) -> Request:
        """Write the case for training."""
        kinds = segment_keys(nodes.original)
        original = [
            {
                "id": lesion,
                "type": kinds[lesion],
                "mask": put_array(region.mask, self.worker.folder),
                "start": list(region.start),
            }
            for lesion, region in regions_of(nodes.original, grid_of(nodes.volume)).items()
        ]
        wanted = {"folder": str(folder), "original": original, "seconds": seconds}
        return self._on_case("corrections", nodes, report, outlines, wanted, listener)

    def _on_case(
        self,
        job: str,
        nodes: CaseNodes,
        report: Report,
        outlines: Sequence[Outline],
        arguments: dict[str, Any],
        listener: Listener,
    ) -> Request:
        """A job on the case as it is drawn now."""
        request = Request(self.worker, listener)
        document = report.model_dump(mode="json")

        def measure() -> None:
            items = [self._sent(outline) for outline in self._known.changed(outlines)]
            asked = {"key": self._scan, "report": document, "outlines": items}
            request.ask("measure", asked, None if job == "measure" else finish)

        def finish(_measured: dict[str, Any]) -> None:
            request.ask(job, {"key": self._scan, "report": document, **arguments})

        self._with_case(request, nodes, report, measure)
        return request

    def _with_case(
        self, request: Request, nodes: CaseNodes, report: Report, then: Callable[[], None]
    ) -> None:
        """Go on when the worker has the scan and its organs."""
        document = report.model_dump(mode="json")

        def resume() -> None:
            if request.over:
                return
            if self._case is nodes:
                then()
                return
            self._handing = request
            self._known.forget()
            request.send(self._organs(nodes.organs, nodes.volume), ask)

        def ask(organs: dict[str, Any]) -> None:
            asked = {"key": self._scan, "report": document, "organs": organs}
            request.ask("resume", asked, resumed)

        def resumed(_result: dict[str, Any]) -> None:
            self._case, self._handing = nodes, None
            guarded(request, then)

        def start() -> None:
            self._with_scan(request, nodes.volume, lambda: guarded(request, resume))

        self._in_turn(request, start)

    def _in_turn(self, request: Request, step: Callable[[], None]) -> None:
        """Go on when no other request is handing over a scan or a case, which this one may need."""
        other = self._handing
        if request.over or self._closed:
            return
        if other is None or other.over:
            guarded(request, step)
        else:
            qt.QTimer.singleShot(HANDING_MS, lambda: self._in_turn(request, step))

    def _sent(self, outline: Outline) -> dict[str, Any]:
        item = asdict(outline)
        if outline.mask is not None:
            item["mask"] = put_array(outline.mask, self.worker.folder)
        return item

    def _with_scan(self, request: Request, volume: Any, then: Callable[[], None]) -> None:
        """Go on when the worker has the scan."""
        key = f"{self.worker.starts}/{scan_key(volume)}"
        if self._scan == key:
            then()
            return
        grid, voxels, folder = grid_of(volume), voxels_of_volume(volume), self.worker.folder
        key = f"{self.worker.starts}/{scan_key(volume)}"  # the folder may have started it

        def opened(_result: dict[str, Any]) -> None:
            self._scan, self._case, self._handing = key, None, None
            self._known.forget()
            then()

        def ask(name: str) -> None:
            arguments = {
                "key": key,
                "name": volume.GetName() or "CT",
                "image": image_reference(name, grid),
                "synthetic": volume.GetAttribute(NODE_ATTRIBUTE) == "1",
            }
            request.ask("open", arguments, opened)

        self._handing = request
        request.listener.progress(0.0, "Handing the CT over")
        request.send(array_in_steps(voxels, folder), ask)


def scan_key(volume: Any) -> str:
    """Changes when the voxels or the place of a volume change."""
    data = volume.GetImageData()
    return f"{volume.GetID()}/{data.GetMTime() if data else 0}/{grid_of(volume).origin}"
