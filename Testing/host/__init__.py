"""A stand-in for the 3D Slicer application around the package slicer-core, for tests and pictures.

It runs the module files as they are: real MRML from slicer-core; ``qt``, ``ctk`` and the widgets of
Slicer on PySide6 with the manners of PythonQt (`host.pythonqt`); views drawn by Slicer's own
displayable managers. Names that Slicer 5.12 does not have are refused (``slicer_api.json``). The
last word has the real Slicer, in which the same tests run.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from host.host import Host

_running: list[Host] = []


def start() -> Host:
    """The running host; it is started if there is none."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Mesa draws in this thread, so that few threads are left to a process that may be forked.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    from host.host import Host

    if not _running:
        _running.append(Host())
        atexit.register(stop)  # Qt and VTK crash if Python ends before them
    return _running[0]


def stop() -> None:
    """Stop the running host, if there is one."""
    while _running:
        _running.pop().stop()
