"""The parent's side of the talk with a worker, whatever carries the lines.

`Conversation` knows which requests are open and whom to tell. A transport starts the process, hands
in the lines that it reads and says when it has ended: ``subprocess`` in `PASTALib.worker.client`,
Qt's ``QProcess`` in `PASTALib.ui.worker_process`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from PASTALib.worker.failures import Failure, explain_end
from PASTALib.worker.messages import decode, encode, remove_files

ANALYSIS_JOBS = "PASTALib.worker.jobs"
LOG_LINES = 200
PREFIX = "pasta-worker-"
ABANDONED_S = 86_400.0
"""A folder that was not touched for this long lost both of its processes."""


def _nothing(*_values: Any) -> None:
    """Told, and does nothing."""


@dataclass(frozen=True)
class Listener:
    """Who is told about a request; exactly one of the last three is called, once."""

    progress: Callable[[float, str], None] = _nothing
    done: Callable[[dict[str, Any]], None] = _nothing
    failed: Callable[[Failure], None] = _nothing
    cancelled: Callable[[], None] = _nothing


@dataclass
class Conversation:
    """Open requests of one worker process, and what it wrote to its log."""

    write: Callable[[str], None]
    folder: Path
    open: dict[int, Listener] = field(default_factory=dict)
    stopping: set[int] = field(default_factory=set)
    """Cancelled requests that the worker has not yet acknowledged."""
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    ended: Failure | None = None
    """Why the process ended, once it has."""
    _numbers: Any = field(default_factory=lambda: count(1))

    def request(self, job: str, arguments: dict[str, Any], listener: Listener) -> int:
        """Ask for a job; returns the number of the request."""
        number = next(self._numbers)
        if self.ended is not None:
            listener.failed(self.ended)
            return number
        self.open[number] = listener
        self.write(encode({"id": number, "job": job, "arguments": arguments}))
        return number

    def cancel(self, number: int) -> None:
        """Give a request up. Its listener hears so at once; a late result is dropped."""
        listener = self.open.pop(number, None)
        if listener is not None:
            self.stopping.add(number)
            self.write(encode({"cancel": number}))
            listener.cancelled()

    def hear(self, line: str) -> None:
        """Handle a line from the worker. A result that nobody waits for any more is dropped."""
        message = decode(line)
        if message is None or "id" not in message:
            return
        number = message["id"]
        if "progress" in message:
            if number in self.open:
                self.open[number].progress(message["progress"], message["message"])
            return
        self.stopping.discard(number)
        listener = self.open.pop(number, None)
        if listener is None:
            remove_files(message, self.folder)
        elif "result" in message:
            listener.done(message["result"])
        elif "failure" in message:
            listener.failed(Failure(**message["failure"]))
        else:
            listener.cancelled()

    def note(self, text: str) -> None:
        """Keep what the worker wrote to its log."""
        self.log.extend(text.splitlines())

    def end(self, code: int, crashed: bool) -> None:
        """The process has ended: whoever still waits is told why."""
        waiting = list(self.open.values())
        self.open.clear()
        self.stopping.clear()
        self.ended = explain_end(code, crashed, "\n".join(self.log))
        for listener in waiting:
            listener.failed(self.ended)


def make_folder() -> Path:
    """A private folder for arrays. Removes what killed processes left long ago."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{PREFIX}*"):
        try:
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def python_program() -> str:
    """The Python to run: Slicer's ``PythonSlicer`` inside Slicer, else this one."""
    return shutil.which("PythonSlicer") or sys.executable


def command_arguments(folder: Path, modules: Iterable[str]) -> list[str]:
    """Arguments of the Python program that make it a worker with the jobs of these modules."""
    modules = list(modules)
    places = [_place_of(name.split(".")[0]) for name in ("PASTALib", *modules)]
    main = Path(__file__).with_name("__main__.py")
    return [str(main), str(folder), os.pathsep.join(dict.fromkeys(places)), *modules]


def _place_of(name: str) -> str:
    """The folder that a package or module is imported from."""
    spec = find_spec(name)
    assert spec is not None, name
    assert spec.origin is not None, name
    file = Path(spec.origin)
    return str(file.parents[1] if spec.submodule_search_locations else file.parent)
