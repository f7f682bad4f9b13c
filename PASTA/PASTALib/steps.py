"""Work that is done a step at a time, so that something else can be done between two steps."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")
Steps = Generator[None, None, Result]
"""Each step ends with a ``yield``; what it returns is the result."""


def finished(steps: Steps[Result]) -> Result:
    """Do all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
