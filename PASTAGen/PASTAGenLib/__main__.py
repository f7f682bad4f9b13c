"""``python -m PASTAGenLib COMMAND``: the commands of the generator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

COMMANDS = {
    "demo": ("PASTAGenLib.demo", "from CT to report, with a lesion inserted on the way"),
    "torso": ("PASTAGenLib.torso.__main__", "write a torso made by rule, and its organs"),
    "produce": ("PASTAGenLib.production.cli", "make many cases by a recipe, as pasta-gen does"),
    "evaluate": ("PASTAGenLib.quality.evaluate", "measure the quality of what is generated"),
}
"""Module with a function ``main``, and what the command does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Hand over to a command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in COMMANDS:
        wide = max(map(len, COMMANDS))
        print("usage: python -m PASTAGenLib COMMAND [--help]\n")
        print("\n".join(f"  {name:{wide}}  {what}" for name, (_, what) in COMMANDS.items()))
        return 0 if given in (["-h"], ["--help"]) else 2
    command: Callable[[Sequence[str]], int] = import_module(COMMANDS[given[0]][0]).main
    return command(given[1:])


if __name__ == "__main__":
    sys.exit(main())
