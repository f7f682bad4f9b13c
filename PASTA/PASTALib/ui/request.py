"""A job of the worker on its way, with all that has to be sent before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import qt

from PASTALib.steps import Steps
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure, explain

Sent = TypeVar("Sent")
Done = Callable[[dict[str, Any]], None]


class Request:
    """A job on its way: first its scan is sent, then it is asked for. Can be given up throughout.

    Attributes:
        listener: who is told.
        asked: whether its job has been asked for.
        over: whether it has been told how it ended.
    """

    def __init__(self, worker: WorkerProcess, listener: Listener) -> None:
        self.listener = listener
        self._worker = worker
        self._number: int | None = None
        self.asked = self.over = False

    @property
    def sending(self) -> bool:
        """Whether it waits for no answer of the worker: it gets ready what it sends."""
        return self._number is None and not self.over

    def ask(self, job: str, arguments: dict[str, Any], then: Done | None = None) -> None:
        """Send one of the requests that it takes; the last one has no `then`."""
        if self.over:
            return
        self.asked = then is None
        go_on = self._done if then is None else then

        def answered(result: dict[str, Any]) -> None:
            self._number = None  # there is nothing in the worker to cancel until the next one
            go_on(result)

        listener = Listener(self.listener.progress, answered, self.fail, self._cancelled)
        self._number = self._worker.request(job, arguments, listener)

    def send(self, steps: Steps[Sent], then: Callable[[Sent], None]) -> None:
        """Get something ready a step at each turn of the event loop, then go on with its result.

        A worker that ends meanwhile takes with it what it was sent, and ends the request.
        """
        self._step(steps, then, self._worker.ends)

    def _step(self, steps: Steps[Sent], then: Callable[[Sent], None], ends: int) -> None:
        if self.over:
            steps.close()
            return
        if self._worker.ends > ends and self._worker.why_ended is not None:
            steps.close()
            self.fail(self._worker.why_ended)
            return
        try:
            next(steps)
        except StopIteration as end:
            sent: Sent = end.value
            guarded(self, lambda: then(sent))
            return
        except Exception as error:  # no space, or a segmentation that cannot be used
            self.fail(explain(error))
            return
        qt.QTimer.singleShot(0, lambda: self._step(steps, then, ends))

    def cancel(self) -> None:
        """Give it up: the listener hears so at once."""
        if self.over:
            return
        if self._number is not None:
            self._worker.cancel(self._number)
        else:
            self._cancelled()

    def drop(self) -> None:
        """Give it up because another takes its place; see `WorkerProcess.drop`."""
        if self._number is not None and not self.over:
            self._worker.drop(self._number)
        self._cancelled()

    def fail(self, failure: Failure) -> None:
        """End it by a failure."""
        if not self.over:
            self.over = True
            self.listener.failed(failure)

    def _done(self, result: dict[str, Any]) -> None:
        if not self.over:
            self.over = True
            self.listener.done(result)

    def _cancelled(self) -> None:
        if not self.over:
            self.over = True
            self.listener.cancelled()


def guarded(request: Request, step: Callable[[], None]) -> None:
    """Do a step; what goes wrong in it ends the request with a sentence."""
    try:
        step()
    except Exception as error:  # also a fault of our own: others wait for the request to end
        request.fail(explain(error))
