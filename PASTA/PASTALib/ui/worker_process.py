"""The worker under Qt: a ``QProcess`` whose answers arrive between two events of the window."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import qt

from PASTALib.errors import PastaError
from PASTALib.signals import Signal
from PASTALib.worker.conversation import (
    Conversation,
    Listener,
    command_arguments,
    make_folder,
    python_program,
)
from PASTALib.worker.failures import Failure
from PASTALib.worker.server import GRACE_S

KILL_MS = 500
"""Longest wait for a killed process to be gone."""


class WorkerProcess:
    """One worker, started at the first request and again after it has ended.

    Attributes:
        ended: emitted when the process has ended, for whatever reason: what it knew is lost.
        starts: how many processes there were so far.
        ends: how many of them have ended.
        why_ended: why the last one of these did.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        self.ended = Signal()
        self.starts = self.ends = 0
        self.why_ended: Failure | None = None
        self._modules = tuple(modules)
        self._process: Any = None
        self._talk: Conversation | None = None
        self._unread = b""

    @property
    def folder(self) -> Path:
        """Shared with the worker, for arrays. Starts it, if need be."""
        return self._running().folder

    @property
    def log(self) -> str:
        """The last lines that the worker wrote."""
        return "\n".join(self._talk.log) if self._talk else ""

    @property
    def process_id(self) -> int:
        """Of the running worker; 0 if there is none."""
        return int(self._process.processId()) if self._process is not None else 0

    def request(self, job: str, arguments: dict[str, Any], listener: Listener) -> int:
        """Ask for a job; returns the number of the request."""
        return self._running().request(job, arguments, listener)

    def cancel(self, number: int) -> None:
        """Give a request up. A worker that does not heed that within `GRACE_S` is killed.

        Not so if another request waits by then, which would be lost: it has its turn when the
        worker, perhaps still loading PyTorch, comes to it.
        """
        talk, process = self._talk, self._process
        if talk is None:
            return
        talk.cancel(number)

        def kill_if_deaf() -> None:
            if process is self._process and number in talk.stopping and not talk.open:
                process.kill()

        qt.QTimer.singleShot(int(1000 * GRACE_S), kill_if_deaf)

    def drop(self, number: int) -> None:
        """Give a request up that is superseded; the worker may take its time to notice."""
        if self._talk is not None:
            self._talk.cancel(number)

    def close(self) -> None:
        """End the worker now."""
        if self._process is not None:
            process = self._process
            process.kill()
            process.waitForFinished(KILL_MS)
            if process is self._process:
                self._finished(0, None)

    def _running(self) -> Conversation:
        if self._talk is None:
            try:
                folder = make_folder()
            except OSError as error:
                raise PastaError(
                    f"The temporary folder cannot be used ({error.strerror}); free some space or "
                    "set TMPDIR to another one."
                ) from error
            self._talk = Conversation(self._write, folder)
            self._process = qt.QProcess()
            self._process.connect("readyReadStandardOutput()", self._read)
            self._process.connect("readyReadStandardError()", self._read_log)
            self._process.connect("finished(int,QProcess::ExitStatus)", self._finished)
            self._process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
            self.starts += 1
            self._unread = b""
            self._process.start(python_program(), command_arguments(folder, self._modules))
        return self._talk

    def _write(self, line: str) -> None:
        self._process.write(line.encode("utf-8"))

    def _read(self) -> None:
        *lines, self._unread = (self._unread + _bytes(self._process.readAllStandardOutput())).split(
            b"\n"
        )
        talk = self._talk
        for line in lines:
            if talk is not None and talk is self._talk:
                talk.hear(line.decode("utf-8", errors="replace"))

    def _read_log(self) -> None:
        if self._talk is not None:
            text = _bytes(self._process.readAllStandardError())
            self._talk.note(text.decode("utf-8", errors="replace"))

    def _failed(self, error: int) -> None:
        if error == qt.QProcess.FailedToStart:
            if self._talk is not None:
                self._talk.note(f"{python_program()} could not be started.")
            self._finished(-1, qt.QProcess.NormalExit)

    def _finished(self, code: int, status: Any) -> None:
        talk, process = self._talk, self._process
        if talk is None:
            return
        self._read_log()
        self._talk, self._process = None, None
        process.disconnect("finished(int,QProcess::ExitStatus)", self._finished)
        process.deleteLater()
        shutil.rmtree(talk.folder, ignore_errors=True)
        self.ends += 1
        self.ended.emit()
        talk.end(code, status == qt.QProcess.CrashExit)
        self.why_ended = talk.ended


def _bytes(data: Any) -> bytes:
    """What a ``QByteArray`` holds."""
    raw = data.data()
    return raw.encode("utf-8") if isinstance(raw, str) else bytes(raw)
