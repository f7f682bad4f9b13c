"""The worker's side: reads requests, runs one job at a time, answers.

The process ends when its parent does: the pipe of requests is then at its end. A job that does not
notice within `GRACE_S` is not waited for.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import SimpleITK as sitk

from PASTALib.errors import Cancelled
from PASTALib.progress import CancelToken
from PASTALib.worker.failures import explain
from PASTALib.worker.messages import (
    decode,
    encode,
    own_prefix,
    put_image,
    remove_files,
    take_image,
)

GRACE_S = 2.0
PROGRESS_S = 0.1
"""Least time between two messages of progress."""


@dataclass(frozen=True)
class Context:
    """What a job is given besides its arguments.

    Attributes:
        folder: shared with the parent, for arrays.
        progress: tells the parent how far it is.
        cancel: asks to stop.
    """

    folder: Path
    progress: Callable[[float, str], None]
    cancel: CancelToken

    def take(self, reference: dict[str, Any] | None) -> sitk.Image | None:
        """The image of an argument; None for none."""
        return None if reference is None else take_image(reference, self.folder)

    def put(self, image: sitk.Image) -> dict[str, Any]:
        """An image as part of the result."""
        return put_image(image, self.folder)


Job = Callable[[dict[str, Any], Context], dict[str, Any]]
"""Arguments in, result out; both are what JSON can hold."""


def load_jobs(modules: Iterable[str]) -> dict[str, Job]:
    """The jobs of all modules: each has a function ``jobs()`` that gives its table."""
    table: dict[str, Job] = {}
    for name in modules:
        table |= importlib.import_module(name).jobs()
    return table


class Server:
    """Runs requests one after the other."""

    def __init__(self, jobs: dict[str, Job], folder: Path, answers: IO[str]) -> None:
        self._jobs = jobs
        self._folder = folder
        self._answers = answers
        self._lock = threading.Lock()
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._tokens: dict[int, CancelToken] = {}

    def serve(self, requests: IO[str]) -> None:
        """Answer requests until there are no more."""
        threading.Thread(target=self._listen, args=(requests,), daemon=True).start()
        self._send({"ready": os.getpid()})
        while (request := self._waiting.get()) is not None:
            self._answer(request)
            self._tokens.pop(request["id"], None)

    def _listen(self, requests: IO[str]) -> None:
        for line in requests:
            message = decode(line)
            if message is None:
                continue
            if "cancel" in message:
                token = self._tokens.get(message["cancel"])
                if token is not None:
                    token.cancel()
            else:
                self._tokens[message["id"]] = CancelToken()
                self._waiting.put(message)
        for token in list(self._tokens.values()):
            token.cancel()
        self._waiting.put(None)
        time.sleep(GRACE_S)
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(1)

    def _answer(self, request: dict[str, Any]) -> None:
        number = request["id"]
        context = Context(self._folder, self._progress_of(number), self._tokens[number])
        before = set(os.listdir(self._folder))
        try:
            context.cancel.check()
            result = self._jobs[request["job"]](request["arguments"], context)
            context.cancel.check()
        except Cancelled:
            answer: dict[str, Any] = {"cancelled": True}
        except Exception as error:
            answer = {"failure": explain(error).as_dict()}
        else:
            answer = {"result": result}
        if "result" not in answer:
            self._clean(before)
        remove_files(request["arguments"], self._folder)
        self._send({"id": number, **answer})

    def _clean(self, before: set[str]) -> None:
        """Remove what a job made that did not come to its end."""
        for name in set(os.listdir(self._folder)) - before:
            if name.startswith(own_prefix()):
                (self._folder / name).unlink(missing_ok=True)

    def _progress_of(self, number: int) -> Callable[[float, str], None]:
        last = [0.0]

        def progress(fraction: float, message: str) -> None:
            now = time.monotonic()
            if now - last[0] >= PROGRESS_S or fraction >= 1:
                last[0] = now
                self._send({"id": number, "progress": fraction, "message": message})

        return progress

    def _send(self, message: dict[str, Any]) -> None:
        with self._lock:
            try:
                self._answers.write(encode(message))
                self._answers.flush()
            except OSError:  # the parent is gone; the end of its requests ends us
                return


def main(folder: Path, modules: Iterable[str]) -> None:
    """Serve the process that started this one."""
    faulthandler.enable()
    # Libraries print; the pipe of answers is not theirs.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    code = 1
    try:
        requests = os.fdopen(os.dup(0), encoding="utf-8", errors="replace")
        Server(load_jobs(modules), folder, answers).serve(requests)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.flush()
        os._exit(code)  # libraries with threads of their own do not always end
