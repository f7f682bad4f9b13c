"""What went wrong where Qt would only print it; a test that leaves any fails."""

from __future__ import annotations

import traceback

faults: list[str] = []
"""Exceptions in slots, connections that were refused, dialogs that nobody answered."""


def fault(text: str) -> None:
    """Remember a fault."""
    faults.append(text)


def exception_fault(where: str, error: BaseException) -> None:
    """Remember an exception that Qt would print and forget."""
    faults.append(f"{where}: {''.join(traceback.format_exception(error)).strip()}")


def take_faults() -> list[str]:
    """The faults so far; the list is empty afterwards."""
    taken = list(faults)
    faults.clear()
    return taken
