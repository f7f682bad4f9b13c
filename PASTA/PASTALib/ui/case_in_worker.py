"""The open scan and case as the worker knows them: sends what it lacks, then asks for the job.

Nothing here waits. Voxels go to the worker a chunk at each turn of the event loop, so that a CT of
a gigabyte does not hold the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from PASTALib.errors import PastaError
from PASTALib.mrml.case import CaseNodes
from PASTALib.mrml.labelmaps import regions_of
from PASTALib.mrml.measuring import KnownMasks
from PASTALib.mrml.segmentations import organ_map, segment_keys
from PASTALib.mrml.volumes import grid_of, voxels_of_volume
from PASTALib.synthetic import NODE_ATTRIBUTE
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure, explain
from PASTALib.worker.messages import array_in_steps, image_reference, put_array, put_image

if TYPE_CHECKING:
    from PASTALib.report import Report
    from PASTALib.study import Measured, Outline

Done = Callable[[dict[str, Any]], None]
Failed = Callable[[Failure], None]


class Request:
    """A job on its way: first its scan is sent, then it is asked for. Can be given up throughout.

    Attributes:
        listener: who is told.
    """

    def __init__(self, worker: WorkerProcess, listener: Listener) -> None:
        self.listener = listener
        self._worker = worker
        self._number: int | None = None
        self._over = False
        self._name = ""

    def ask(self, job: str, arguments: dict[str, Any], then: Done | None = None) -> None:
        """Send one of the requests that it takes; the last one has no `then`."""
        if self._over:
            return
        done = self._done if then is None else then
        listener = Listener(self.listener.progress, done, self.fail, self._cancelled)
        self._number = self._worker.request(job, arguments, listener)

    def send(self, steps: Iterator[str], then: Callable[[str], None]) -> None:
        """Write an array a chunk at a time, then go on with the name of its file."""
        if self._over:
            steps_close = getattr(steps, "close", None)
            if steps_close is not None:
                steps_close()
            return
        try:
            name = next(steps)
        except StopIteration:
            then(self._name)
            return
        except OSError as error:
            self.fail(explain(error))
            return
        self._name = name
        qt.QTimer.singleShot(0, lambda: self.send(steps, then))

    def cancel(self) -> None:
        """Give it up: the listener hears so at once."""
        if self._over:
            return
        if self._number is not None:
            self._worker.cancel(self._number)
        else:
            self._cancelled()

    def drop(self) -> None:
        """Give it up because another takes its place; see `WorkerProcess.drop`."""
        if self._number is not None and not self._over:
            self._worker.drop(self._number)
        self._cancelled()

    def fail(self, failure: Failure) -> None:
        """End it by a failure."""
        if not self._over:
            self._over = True
            self.listener.failed(failure)

    def _done(self, result: dict[str, Any]) -> None:
        if not self._over:
            self._over = True
            self.listener.done(result)

    def _cancelled(self) -> None:
        if not self._over:
            self._over = True
            self.listener.cancelled()


class CaseInWorker:
    """Runs jobs on a scan or a case; see `PASTALib.worker.jobs`. It is a `Measurer` of the desk."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self._scan = ""
        self._case: CaseNodes | None = None
        self._known = KnownMasks()
        self._measuring = False
        self._next: Callable[[], None] | None = None
        worker.ended.connect(self._forget)

    def _forget(self) -> None:
        self._scan, self._case, self._measuring, self._next = "", None, False, None
        self._known.forget()

    def analyze(
        self, volume: Any, organs: Any, choices: dict[str, str], listener: Listener
    ) -> Request:
        """Find lesions in a volume; `choices` are ``model``, ``device`` and ``mode``."""
        request = Request(self.worker, listener)

        def ask() -> None:
            self._case = None
            arguments: dict[str, Any] = {"key": self._scan, **choices}
            if organs is not None:
                arguments["organs"] = put_image(organ_map(organs, volume), self.worker.folder)
            request.ask("analyze", arguments)

        guarded(request, lambda: self._with_scan(request, volume, lambda: guarded(request, ask)))
        return request

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

        def resume() -> None:
            if self._case is nodes:
                measure()
                return
            self._known.forget()
            organs = put_image(organ_map(nodes.organs, nodes.volume), self.worker.folder)
            asked = {"key": self._scan, "report": document, "organs": organs}
            request.ask("resume", asked, resumed)

        def resumed(_result: dict[str, Any]) -> None:
            self._case = nodes
            guarded(request, measure)

        guarded(
            request,
            lambda: self._with_scan(request, nodes.volume, lambda: guarded(request, resume)),
        )
        return request

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
            self._scan, self._case = key, None
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

        request.listener.progress(0.0, "Handing the CT over")
        request.send(array_in_steps(voxels, folder), ask)


def scan_key(volume: Any) -> str:
    """Changes when the voxels or the place of a volume change."""
    data = volume.GetImageData()
    return f"{volume.GetID()}/{data.GetMTime() if data else 0}/{grid_of(volume).origin}"


def guarded(request: Request, step: Callable[[], None]) -> None:
    """Do a step; what goes wrong in it ends the request with a sentence."""
    try:
        step()
    except (PastaError, OSError, MemoryError) as error:
        request.fail(explain(error))
