"""What went wrong in the worker: one sentence for the user, the traceback for who wants to know."""

from __future__ import annotations

import errno
import traceback
from dataclasses import asdict, dataclass
from typing import Any, Literal

from PASTALib.errors import PastaError

Kind = Literal["user", "memory", "package", "device", "disk", "crash"]
CPU_HELPS = ("memory", "device")
"""Kinds of failure after which the CPU is worth a try."""

_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_KERNEL = ("no kernel image", "not compiled with cuda", "sm_", "invalid device function")
_MEMORY = ("out of memory", "can't allocate memory", "bad_alloc", "alloc_failed")

SMALL_MEMORY = "Memory was too small for this scan; close other programs or use the CPU."
NO_KERNEL = (
    "The installed PyTorch has no code for this graphics card; reinstall PyTorch for it with the "
    "extension PyTorch, or use the CPU."
)
DEVICE_FAILED = "The graphics card failed; use the CPU, or restart 3D Slicer and try again."


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes:
        kind: what to do about it; `CPU_HELPS` names those that the CPU may get around.
        sentence: what is wrong and what to do.
        details: log or traceback.
    """

    kind: Kind
    sentence: str
    details: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For a message."""
        return asdict(self)

    @property
    def cpu_helps(self) -> bool:
        """Whether the same job may succeed on the CPU."""
        return self.kind in CPU_HELPS


class WorkerFailed(PastaError):
    """A job in the worker failed; the text is the failure's sentence."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


def explain(error: BaseException) -> Failure:
    """The failure that an exception means."""
    kind, sentence = _kind_and_sentence(error)
    return Failure(kind, sentence, "".join(traceback.format_exception(error)))


def _kind_and_sentence(error: BaseException) -> tuple[Kind, str]:
    text = str(error).lower()
    match error:
        case PastaError():
            found: tuple[Kind, str] = ("memory" if "memory" in text else "user", str(error))
        case ImportError():
            found = ("package", _package_sentence(error))
        case OSError() if error.errno in _NO_SPACE:
            found = ("disk", _space_sentence(error))
        case _ if isinstance(error, MemoryError) or any(sign in text for sign in _MEMORY):
            found = ("memory", SMALL_MEMORY)
        case RuntimeError() if any(sign in text for sign in _NO_KERNEL):
            found = ("device", NO_KERNEL)
        case RuntimeError() if "cuda" in text or "mps" in text:
            found = ("device", DEVICE_FAILED)
        case _:
            name = type(error).__name__
            found = ("crash", f"PASTA failed by a fault of its own ({name}); see the details.")
    return found


def _package_sentence(error: ImportError) -> str:
    name = (error.name or str(error)).split(".")[0]
    return (
        f"The Python package {name} is missing or damaged; install it again, in Slicer's Python "
        f"console: slicer.util.pip_install('--force-reinstall {name}')."
    )


def _space_sentence(error: OSError) -> str:
    """The sentence for a disk that is full."""
    place = f" ({error.filename})" if error.filename else ""
    return f"There is no space left in the temporary folder{place}; free some and try again."


def explain_end(code: int, crashed: bool, log: str) -> Failure:
    """The failure that the end of the whole process means.

    Args:
        code: its exit code; on Unix, minus the signal that ended it, or the signal (Qt).
        crashed: whether the system ended it.
        log: the last lines that it wrote.
    """
    killed = crashed and abs(code) in (0, 9)
    if killed or any(sign in log.lower() for sign in _MEMORY):
        sentence = (
            "The computation was ended from outside, most likely because memory ran out; close "
            "other programs and try again."
        )
        return Failure("memory", sentence, log)
    if "ModuleNotFoundError" in log or "ImportError" in log:
        sentence = "The worker could not start for lack of a Python package; see the details."
        return Failure("package", sentence, log)
    sentence = f"The computation ended unexpectedly (code {code}); see the details and try again."
    return Failure("crash", sentence, log)
