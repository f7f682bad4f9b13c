"""What the command line shows while it works."""

from __future__ import annotations

import io

import pytest

from PASTALib.console import Console, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"), [(41.6, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_terminal_gets_one_line_that_is_redrawn() -> None:
    stream = Terminal()
    console = Console(stream)
    console(0.5, "Reading")
    console(1.0, "Done")
    assert "\n" not in stream.getvalue()
    assert "[############............]  50%" in stream.getvalue()
    console.line("case: 1 lesion")
    assert stream.getvalue().endswith("\rcase: 1 lesion\n")


def test_a_file_gets_plain_lines_and_quiet_gets_no_progress() -> None:
    plain, silent = io.StringIO(), io.StringIO()
    console = Console(plain)
    for step in range(50):
        console(step / 50, "Reading")
    assert plain.getvalue() == "  0% Reading\n"
    quiet = Console(silent, quiet=True)
    quiet(0.5, "Reading")
    quiet.line("case: failed")
    assert silent.getvalue() == "case: failed\n"
