"""Draws the lesions of a case in the worker: a newer preview takes the place of an older one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PASTAGenLib.mrml.engines import Bench, Failed, Wish
from PASTALib.errors import PastaError
from PASTALib.mrml.dicom_facts import patient_position
from PASTALib.mrml.organs import organs_in_steps
from PASTALib.mrml.volumes import grid_of, voxels_of_volume
from PASTALib.steps import Steps
from PASTALib.ui.case_in_worker import scan_key
from PASTALib.ui.request import Request, guarded
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure
from PASTALib.worker.messages import (
    array_in_steps,
    grid_wanted,
    image_reference,
    put_image,
    take_image,
)
from PASTALib.worker.warped import parts_in_steps

if TYPE_CHECKING:
    import SimpleITK as sitk

    from PASTAGenLib.insertion_plan import InsertionPlan
    from PASTAGenLib.workbench import Patch
    from PASTALib.geometry import Vector

Result = dict[str, Any]


class WorkerEngine:
    """An `PASTAGenLib.mrml.engines.Engine` whose work is done in a process of its own."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self._key = ""
        self._facts: Result = {}
        self._opening: Bench | None = None
        self._waiting: list[tuple[Callable[[], None], Failed]] = []
        self._preview: Request | None = None
        worker.ended.connect(self._forget)

    def _forget(self) -> None:
        self._key, self._opening = "", None

    def open(self, bench: Bench, done: Callable[[Result], None], failed: Failed) -> None:
        """See `Engine`."""
        self._with_scan(bench, lambda: done(self._facts), failed)

    def preview(
        self,
        bench: Bench,
        kept: Sequence[InsertionPlan],
        wish: Wish,
        shown: Callable[[Patch], None],
        failed: Failed,
    ) -> None:
        """See `Engine`."""
        self.give_up()
        asked = {"kept": _texts(kept), **_wished(wish)}
        listener = Listener(
            done=lambda result: shown(self._taken(result["patch"])),
            failed=lambda failure: failed(failure.sentence),
        )
        request = self._preview = Request(self.worker, listener)

        def sketch() -> None:
            request.ask("bench_sketch", {"key": self._key, **asked}, sketched)

        def sketched(result: Result) -> None:
            shown(self._taken(result["patch"]))
            request.ask("bench_draw", {"key": self._key, **asked})

        self._with_scan(bench, sketch, lambda sentence: request.fail(Failure("user", sentence)))

    def give_up(self) -> None:
        """See `Engine`."""
        if self._preview is not None:
            self._preview.drop()
            self._preview = None

    def compose(
        self,
        bench: Bench,
        plans: Sequence[InsertionPlan],
        done: Callable[[Sequence[Patch]], None],
        failed: Failed,
    ) -> None:
        """See `Engine`."""
        asked = {"plans": _texts(plans)}

        def composed(result: Result) -> None:
            done([self._taken(patch) for patch in result["patches"]])

        self._ask("bench_compose", bench, asked, Listener(done=composed), failed)

    def nearest(
        self,
        bench: Bench,
        kept: Sequence[InsertionPlan],
        wish: Wish,
        done: Callable[[Vector], None],
        failed: Failed,
    ) -> None:
        """See `Engine`."""
        asked = {"kept": _texts(kept), **_wished(wish)}
        listener = Listener(done=lambda result: done(tuple(result["center"])))
        self._ask("bench_nearest", bench, asked, listener, failed)

    def export(
        self,
        bench: Bench,
        name: str,
        lesions: Sequence[tuple[InsertionPlan, Wish]],
        folder: Path,
        formats: Sequence[str],
        listener: Listener,
    ) -> None:
        """Write a case; ``files`` are in the result."""
        asked = {
            "name": name,
            "plans": _texts([plan for plan, _ in lesions]),
            "asked": [{**wish.asked, "seed": wish.seed} for _, wish in lesions],
            "folder": str(folder),
            "formats": list(formats),
        }

        def failed(sentence: str) -> None:
            listener.failed(Failure("user", sentence))

        self._ask("bench_export", bench, asked, listener, failed)

    def outline_organs(
        self, volume: Any, choices: Mapping[str, str], listener: Listener
    ) -> Request:
        """Have a model outline the organs of a volume; `organs_of` takes the result."""
        request = Request(self.worker, listener)

        def ask(name: str) -> None:
            image = image_reference(name, grid_of(volume))
            request.ask("bench_organs", {"name": volume.GetName(), "image": image, **choices})

        guarded(
            request,
            lambda: request.send(array_in_steps(voxels_of_volume(volume), self.worker.folder), ask),
        )
        return request

    def fit_organs(self, organs: Any, volume: Any, listener: Listener) -> Request:
        """Bring organs onto the grid of a volume; `organs_of` takes the result."""
        request, grid = Request(self.worker, listener), grid_of(volume)

        def ask(given: Result) -> None:
            request.ask("fit_organs", {"organs": given, **grid_wanted(grid)})

        def sent() -> Steps[Result]:
            given = yield from organs_in_steps(organs, grid)
            return (yield from parts_in_steps(given, self.worker.folder))

        guarded(request, lambda: request.send(sent(), ask))
        return request

    def organs_of(self, result: Result) -> sitk.Image:
        """The labels of a result of `outline_organs` or `fit_organs`."""
        return take_image(result["organs"], self.worker.folder)

    def _ask(
        self, job: str, bench: Bench, asked: Result, listener: Listener, failed: Failed
    ) -> None:
        """Ask for a job that is not given up."""

        def ask() -> None:
            told = Listener(
                listener.progress, listener.done, lambda failure: failed(failure.sentence)
            )
            self.worker.request(job, {"key": self._key, **asked}, told)

        self._with_scan(bench, ask, failed)

    def _taken(self, sent: Result) -> Patch:
        from PASTAGenLib.jobs import take_patch

        return take_patch(sent, self.worker.folder)

    def _with_scan(self, bench: Bench, then: Callable[[], None], failed: Failed) -> None:
        """Go on when the worker has the scan. Others that ask meanwhile wait with this one."""
        if self._opening is None and self._key == self._key_of(bench):
            then()
            return
        self._waiting.append((then, failed))
        if self._opening == bench:
            return
        self._opening = bench
        request = Request(self.worker, Listener(done=self._opened, failed=self._not_opened))
        guarded(request, lambda: self._send(request, bench))

    def _send(self, request: Request, bench: Bench) -> None:
        grid, voxels = grid_of(bench.volume), voxels_of_volume(bench.volume)
        folder = self.worker.folder

        def ask(name: str) -> None:
            self._key = self._key_of(bench)
            arguments = {
                "key": self._key,
                "name": bench.volume.GetName() or "CT",
                "image": image_reference(name, grid),
                "organs": put_image(bench.labels, folder),
                "position": patient_position(bench.volume),
            }
            request.ask("bench_open", arguments)

        request.send(array_in_steps(voxels, folder), ask)

    def _opened(self, facts: Result) -> None:
        self._facts, self._opening = facts, None
        waiting, self._waiting = self._waiting, []
        for then, failed in waiting:
            try:
                then()
            except PastaError as error:
                failed(str(error))

    def _not_opened(self, failure: Failure) -> None:
        self._key, self._opening = "", None
        waiting, self._waiting = self._waiting, []
        for _, failed in waiting:
            failed(failure.sentence)

    def _key_of(self, bench: Bench) -> str:
        return f"{self.worker.starts}/{scan_key(bench.volume)}/{id(bench.labels)}"


def _texts(plans: Sequence[InsertionPlan]) -> list[str]:
    return [plan.to_json() for plan in plans]


def _wished(wish: Wish) -> Result:
    return {"type": wish.type, "asked": dict(wish.asked), "seed": wish.seed}
