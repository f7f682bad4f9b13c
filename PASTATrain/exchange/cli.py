"""``pasta-model``: import, export, list and verify models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PASTALib.errors import PastaError
from PASTATrain.exchange.pasta_names import PASTA_FEATURES


def numbers(text: str) -> tuple[int, ...]:
    """``64,128`` as numbers."""
    return tuple(int(part) for part in text.split(","))


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``pasta-model``."""
    parser = argparse.ArgumentParser(prog="pasta-model", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    into = commands.add_parser(
        "import",
        help="PASTA's checkpoint becomes a folder of ours",
        description="Imports PASTA_final.pth (or a file of the same network) as weights that "
        "'pasta-train finetune' starts from. Nothing in the file is executed.",
    )
    into.add_argument("source", type=Path, help="the .pth file")
    into.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    into.add_argument(
        "--features",
        type=numbers,
        default=PASTA_FEATURES,
        metavar="N,N,...",
        help="channels of each level, where the network is a smaller one than PASTA's",
    )
    listing = commands.add_parser("list", help="bundled models, and those in folders")
    listing.add_argument("folders", nargs="*", type=Path, help="folders of models to list as well")
    check = commands.add_parser("verify", help="check that a model is complete and works")
    check.add_argument("model", help="bundled name or folder")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        dispatch(options)
    except PastaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def dispatch(options: argparse.Namespace) -> None:
    """Call what the command names."""
    if options.command == "import":
        from PASTATrain.exchange.pasta_import import import_pasta

        imported = import_pasta(options.source, options.out, options.features)
        print(f"{imported.summary()}\nwritten: {options.out}")
    elif options.command == "list":
        from PASTATrain.exchange.inventory import listed

        for line in listed(options.folders):
            print(line)
    else:
        from PASTATrain.exchange.inventory import verify

        print(verify(options.model))


if __name__ == "__main__":
    sys.exit(main())
