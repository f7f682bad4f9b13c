"""A worker for scripts and tests: starts it as a plain subprocess and waits for each answer."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from PASTALib.errors import Cancelled
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.worker.conversation import (
    ANALYSIS_JOBS,
    Conversation,
    Listener,
    command_arguments,
    make_folder,
    python_program,
)
from PASTALib.worker.failures import Failure, WorkerFailed
from PASTALib.worker.server import GRACE_S

POLL_S = 0.05


class Worker:
    """A worker process, used as a context manager.

    Attributes:
        folder: shared with it, for arrays.
        process: the process.
    """

    def __init__(self, modules: Iterable[str] = (ANALYSIS_JOBS,)) -> None:
        self.folder: Path = make_folder()
        self.process = subprocess.Popen(
            [python_program(), *command_arguments(self.folder, modules)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._talk = Conversation(self._write, self.folder)
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._log)]
        for thread in self._threads:
            thread.start()

    def run(
        self,
        job: str,
        arguments: dict[str, Any] | None = None,
        *,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> dict[str, Any]:
        """Run a job and wait for its result.

        Raises:
            WorkerFailed: it failed, or the process ended.
            Cancelled: asked to stop.
        """
        outcome: list[dict[str, Any] | Failure | None] = []
        listener = Listener(progress, outcome.append, outcome.append, lambda: outcome.append(None))
        asked: float | None = None
        with self._changed:
            number = self._talk.request(job, arguments or {}, listener)
            while not outcome:
                if cancel is not None and cancel.cancelled:
                    self._talk.cancel(number)
                    asked = time.monotonic()
                else:
                    self._changed.wait(POLL_S)
        if asked is not None:
            self._wait_or_kill(number, asked + GRACE_S)
        match outcome[0]:
            case Failure() as failure:
                raise WorkerFailed(failure)
            case None:
                raise Cancelled("Cancelled by the user.")
            case result:
                return result

    def _wait_or_kill(self, number: int, until: float) -> None:
        """A worker that does not acknowledge a cancel in time is ended."""
        with self._changed:
            while number in self._talk.stopping:
                if time.monotonic() > until:
                    self.process.kill()
                    return
                self._changed.wait(POLL_S)

    def close(self) -> None:
        """End the process and remove the folder."""
        try:
            if self.process.stdin:
                self.process.stdin.close()
        except OSError:
            pass  # it has ended already
        try:
            self.process.wait(2 * GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for thread in self._threads:
            thread.join(GRACE_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except OSError:
            return  # the end of its answers tells whoever waits

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self._talk.hear(line)
                self._changed.notify_all()
        code = self.process.wait()
        self._threads[1].join(GRACE_S)
        with self._changed:
            self._talk.end(code, code < 0)
            self._changed.notify_all()

    def _log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._talk.note(line)
