"""``pasta-eval``: judge predictions, and compare models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PASTALib.console import Console
from PASTALib.errors import PastaError
from PASTATrain.judging.intervals import RESAMPLES
from PASTATrain.manifest import read_manifest


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``pasta-eval``."""
    parser = argparse.ArgumentParser(
        prog="pasta-eval",
        description="Compares predictions with the masks and reports of a manifest: outlines, "
        "lesions, attributes, malignancy and survival, with 95 % intervals, tests between models "
        "and pictures of the worst cases, on one page.",
    )
    parser.add_argument("manifest", type=Path, help="JSON file that lists the cases")
    parser.add_argument(
        "--predictions",
        type=named_folder,
        action="append",
        required=True,
        metavar="[NAME=]FOLDER",
        help="results of 'pasta analyze', label files, or scores.csv of 'pasta-train apply'; "
        "once for each model",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the page")
    parser.add_argument("--split", default="test", help="which cases (default: %(default)s)")
    parser.add_argument(
        "--tolerance", type=float, default=2.0, metavar="MM", help="of surface Dice (default: 2)"
    )
    parser.add_argument(
        "--resamples", type=int, default=RESAMPLES, help="of the bootstrap (default: %(default)s)"
    )
    return parser


def named_folder(text: str) -> tuple[str, Path]:
    """``NAME=FOLDER`` or ``FOLDER`` as name and folder."""
    name, _, folder = text.rpartition("=")
    return name or Path(folder).name, Path(folder)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    console = Console()
    try:
        from PASTATrain.judging.evaluate import FIGURES, PAGE, evaluate_models
        from PASTATrain.judging.judge import chosen

        folders = dict(options.predictions)
        if len(folders) < len(options.predictions):
            raise PastaError("Two models have the same name; give names: --predictions A=FOLDER.")
        entries = chosen(read_manifest(options.manifest), options.split, str(options.manifest))
        source = f"{options.manifest.name}, split {options.split}"
        evaluate_models(
            entries,
            folders,
            options.out,
            source,
            options.tolerance,
            options.resamples,
            console,
        )
    except PastaError as error:
        console.clear()
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        console.clear()
        print("Stopped before the page was complete; run the same command again.", file=sys.stderr)
        return 130
    console.line(f"written: {options.out / PAGE} and {FIGURES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
