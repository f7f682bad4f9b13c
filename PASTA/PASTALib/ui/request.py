"""A job of the worker on its way, with all that has to be sent before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import qt

from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure, explain

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
        self._name = ""

    @property
    def sending(self) -> bool:
        """Whether it has asked for nothing yet: it still sends its scan."""
        return self._number is None and not self.over

    def ask(self, job: str, arguments: dict[str, Any], then: Done | None = None) -> None:
        """Send one of the requests that it takes; the last one has no `then`."""
        if self.over:
            return
        self.asked = then is None
        done = self._done if then is None else then
        listener = Listener(self.listener.progress, done, self.fail, self._cancelled)
        self._number = self._worker.request(job, arguments, listener)

    def send(self, steps: Iterator[str], then: Callable[[str], None]) -> None:
        """Write an array a chunk at a time, then go on with the name of its file."""
        if self.over:
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
