"""The commands that GPU.md tells are ones that there are, with options that they have."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from PASTALib.cli import build_parser as pasta_parser
from PASTATrain.cli import build_parser as train_parser
from PASTATrain.judging.cli import build_parser as eval_parser

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "PASTATrain" / "GPU.md"
PROGRAMS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "pasta": pasta_parser,
    "pasta-train": train_parser,
    "pasta-eval": eval_parser,
}


def commands_in(text: str) -> Iterator[list[str]]:
    """Words of every command of ours in the blocks of a page, with the shell's variables put in."""
    for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        known: dict[str, str] = {}
        joined = block.replace("\\\n", " ")
        for command in re.split(r"&&|;|\n", joined):
            line = command.strip().removeprefix("then ")
            if found := re.fullmatch(r'(\w+)="(.*)"', line):
                known[found[1]] = found[2]
                continue
            for name, value in known.items():
                line = line.replace(f"${name} ", f"{value} ")
            line = line.replace("python3 -m PASTATrain ", "pasta-train ")
            words = shlex.split(line)
            if words and words[0] in PROGRAMS:
                yield words


COMMANDS = list(commands_in(GUIDE.read_text(encoding="utf-8")))


def test_the_guide_tells_every_step() -> None:
    text = [" ".join(words) for words in COMMANDS]
    for step in ("prepare", "unpack", "run", "pack", "export", "tune", "evaluate", "closer", "add"):
        assert any(re.search(rf"\b{step}\b", line) for line in text), step


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_command_exists(words: list[str]) -> None:
    options = PROGRAMS[words[0]]().parse_args(words[1:])
    for name in ("config", "settings"):
        path = getattr(options, name, None)
        if path is not None and path.name != "MY.yaml":
            assert (ROOT / path).is_file(), f"{path} is not there"


@pytest.mark.parametrize("line", ["pasta-train runn", "pasta-train run --gpu", "pasta-eval M"])
def test_a_command_that_has_gone_would_be_noticed(line: str) -> None:
    (words,) = commands_in(f"```\n{line}\n```\n")
    with pytest.raises(SystemExit):
        PROGRAMS[words[0]]().parse_args(words[1:])
