"""Progress on a terminal: one line with a bar and the time left, or plain lines into a file."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

BAR_WIDTH = 24
PLAIN_SECONDS = 10.0
"""Without a terminal, at most one line in this time within a step."""
REDRAW_SECONDS = 0.1


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 05 s`` or ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Console:
    """A `Progress` that writes to a stream, and lines that do not break its bar."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._quiet = quiet
        self._start = time.monotonic()
        self._shown_at = float("-inf")
        self._bar = ""

    def __call__(self, fraction: float, message: str) -> None:
        """Show the fraction done (0 to 1) and the present step."""
        now = time.monotonic()
        if self._quiet:
            return
        if self._terminal:
            if now - self._shown_at >= REDRAW_SECONDS or fraction >= 1:
                self._shown_at = now
                self._draw(fraction, message, now - self._start)
        elif now - self._shown_at >= PLAIN_SECONDS:
            self._shown_at = now
            self._write(f"{fraction:4.0%} {message}\n")

    def line(self, text: str) -> None:
        """Write a line above the bar."""
        self.clear()
        self._write(text + "\n")

    def clear(self) -> None:
        """Remove the bar from the terminal."""
        if self._bar:
            self._write("\r" + " " * len(self._bar) + "\r")
            self._bar = ""

    def _draw(self, fraction: float, message: str, elapsed: float) -> None:
        full = round(BAR_WIDTH * min(max(fraction, 0.0), 1.0))
        left = ""
        if 0.02 < fraction < 1 and elapsed > 2:
            left = f", {duration(elapsed * (1 - fraction) / fraction)} left"
        text = f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] {fraction:4.0%}{left}  {message}"
        text = text[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + text + " " * max(0, len(self._bar) - len(text)))
        self._bar = text

    def _write(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
