"""A signal in plain Python: ``qt.Signal`` on a Python class crashes PythonQt (its issue 44)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Signal:
    """Calls its slots, in the order in which they were connected."""

    def __init__(self) -> None:
        self._slots: list[Callable[..., Any]] = []

    def connect(self, slot: Callable[..., Any]) -> None:
        """Call `slot` with what is emitted from now on."""
        self._slots.append(slot)

    def disconnect(self, slot: Callable[..., Any]) -> None:
        """Do not call `slot` any more."""
        self._slots = [known for known in self._slots if known != slot]

    def emit(self, *values: Any) -> None:
        """Call every slot; one that connects or disconnects others does not disturb this."""
        for slot in list(self._slots):
            slot(*values)
