"""``pasta-gen``: synthetic cases by recipe, from one to as many as the disk holds."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PASTAGenLib.production.recipe import Recipe, read_recipe
from PASTAGenLib.production.run import Summary, produce
from PASTAGenLib.production.sources import list_sources
from PASTAGenLib.production.workers import workers
from PASTALib import __version__
from PASTALib.console import Console, duration
from PASTALib.devices import choose_device
from PASTALib.errors import Cancelled, PastaError
from PASTALib.progress import CancelToken

SUCCESS, SOME_FAILED, NOT_STARTED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""
HELP = (
    "Makes CT with synthetic lesions by a recipe (YAML or JSON): which lesions and how many, in "
    "which scans or made torsos, written as PASTA-Gen-30K, nnU-Net or MONAI want it. A run that "
    "was stopped or killed goes on when the same command is given again. The same recipe gives "
    "the same files, whatever the number of workers. Research use only."
)


def build_parser(prog: str = "pasta-gen") -> argparse.ArgumentParser:
    """The options of ``pasta-gen``."""
    parser = argparse.ArgumentParser(prog=prog, description=HELP)
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="YAML or JSON file")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="folder for the output")
    parser.add_argument(
        "-j", "--workers", type=int, default=1, metavar="N", help="processes here (default: 1)"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute on the Dask cluster of this scheduler, such as tcp://10.0.0.1:8786",
    )
    parser.add_argument(
        "--device",
        default="cpu",
        metavar="DEVICE",
        help="where lesions are painted: cpu (default), cuda, cuda:N or mps; the workers of one "
        "machine share it, each with lesions of its own. The same device gives the same files; "
        "another one gives the same lesions but for rounding",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check the recipe, make one case in a temporary folder, and say what all would take",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
    parser.add_argument("--version", action="version", version=f"PASTAGen {__version__}")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The console command ``pasta-gen``. Returns the exit code."""
    return run(build_parser().parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Do what parsed options say, with messages on stderr. Returns the exit code."""
    console = Console(quiet=options.quiet)
    cancel = CancelToken()
    try:
        recipe = read_recipe(options.recipe)
        if options.workers < 1:
            raise PastaError(f"--workers must be 1 or more, not {options.workers}.")
        device = "cpu" if options.device == "cpu" else choose_device(options.device)
        with _cancelled_by_signal(cancel, console):
            if options.dry_run:
                return _dry_run(recipe, device, console, cancel)
            if options.out is None:
                raise PastaError("Say where the output goes: -o OUT.")
            with workers(options.workers, options.scheduler) as (executor, in_flight):
                summary = produce(
                    recipe, options.out, executor, in_flight,
                    progress=console, tell=console.line, cancel=cancel, device=device,
                )  # fmt: skip
    except PastaError as error:
        console.line(f"pasta-gen: {error}")
        return NOT_STARTED
    except Cancelled:
        console.line("Stopped. Finished cases are kept; give the same command to go on.")
        return INTERRUPTED
    console.clear()
    console.line(_told(summary, options.out))
    return SOME_FAILED if summary.failed or not summary.done else SUCCESS


def _told(summary: Summary, out: Path) -> str:
    speed = ""
    if summary.made and summary.seconds > 0:
        speed = f", {60 * summary.made / summary.seconds:.1f} cases a minute"
    return (
        f"{summary.done} cases ({summary.made} made now in {duration(summary.seconds)}{speed}), "
        f"{summary.failed} failed, {summary.size / 1e6:.0f} MB; see {out / 'manifest.csv'}"
    )


def _dry_run(recipe: Recipe, device: str, console: Console, cancel: CancelToken) -> int:
    """Say what would be made, measured on the first case."""
    counts = Counter(plan.entry.mix.type for plan in recipe.cases())
    for kind, count in counts.items():
        print(f"{count:7d} {kind}")
    print(f"{recipe.total:7d} cases from {len(list_sources(recipe))} scans, as {recipe.layout}")
    first = next(entry for entry in recipe.lesions if entry.count)
    single = replace(recipe, lesions=(replace(first, count=1),))
    with (
        tempfile.TemporaryDirectory(prefix="pasta-gen-") as folder,
        workers(1, None) as (executor, in_flight),
    ):
        summary = produce(
            single, Path(folder) / "one", executor, in_flight,
            progress=console, tell=console.line, cancel=cancel, device=device,
        )  # fmt: skip
    console.clear()
    print(
        f"About {duration(summary.seconds * recipe.total)} with one worker, after the scans are "
        f"prepared, and {summary.size * recipe.total / 1e9:.2f} GB, by one {first.mix.type}."
    )
    return SUCCESS


@contextmanager
def _cancelled_by_signal(cancel: CancelToken, console: Console) -> Iterator[None]:
    """Ctrl-C finishes the cases in hand and stops; a second one stops at once."""

    def stop(number: int, frame: object) -> None:
        console.line("Stopping after the cases in hand ...")
        cancel.cancel()
        signal.signal(number, signal.default_int_handler)

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: the caller has its own way to stop
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
