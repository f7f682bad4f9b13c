"""How long work reports what it does, and how it is asked to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from PASTALib.errors import Cancelled

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and a short sentence about the present step."""


def silent(fraction: float, message: str) -> None:
    """A `Progress` that says nothing."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """A `Progress` whose 0 to 1 is the span from `start` to `end` of another one."""
    return lambda fraction, message: progress(start + (end - start) * fraction, message)


class CancelToken:
    """Asks running work to stop. Safe to set from another thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if a stop was asked for. Long work calls this at least every 0.5 s."""
        if self._event.is_set():
            raise Cancelled("Cancelled by the user.")
