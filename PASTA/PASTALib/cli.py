"""The command line: ``pasta analyze``, ``pasta models``.

Also used inside 3D Slicer (``PASTA/Scripts/analyze.py``), with the same options: `build_parser`
and `run` take no part in how the program was started, and `carrier` gets every finished analysis.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PASTALib import __version__
from PASTALib.batch import SUMMARY, Outcome, run_batch
from PASTALib.case_folder import ERROR, FORMATS
from PASTALib.cases import find_cases
from PASTALib.catalog import PHASES
from PASTALib.console import Console, duration
from PASTALib.dicom_series import choose_series, list_series
from PASTALib.errors import Cancelled, PastaError
from PASTALib.grid import Roi
from PASTALib.job import AnalyzeJob, Carrier
from PASTALib.model import available_models, read_info
from PASTALib.progress import CancelToken

SUCCESS, SOME_FAILED, NOT_STARTED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""
DEFAULT_MODEL = "pasta-s"


class Parser(argparse.ArgumentParser):
    """An argument parser that takes a list with a leading minus as the value of ``--roi``."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """See `argparse.ArgumentParser.parse_known_args`."""
        given = list(sys.argv[1:] if args is None else args)
        for index in range(len(given) - 1, 0, -1):
            if given[index - 1] == "--roi":
                given[index - 1 : index + 1] = [f"--roi={given[index]}"]
        return super().parse_known_args(given, namespace)


def build_parser(prog: str = "pasta") -> argparse.ArgumentParser:
    """Parser of ``pasta`` with its subcommands; `run` executes what it returns."""
    parser = Parser(
        prog=prog, description="Finds tumors in CT and drafts the report. Research use only."
    )
    parser.add_argument("--version", action="version", version=f"PASTA {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    analyze = commands.add_parser(
        "analyze", help="find lesions in CT and report on them", description=ANALYZE_HELP
    )
    add_analyze_arguments(analyze)
    models = commands.add_parser("models", help="list the bundled models")
    models.set_defaults(command="models")
    return parser


ANALYZE_HELP = (
    "Finds lesions in CT. INPUT is any mix of NIfTI, NRRD, MHA and MHD files, DICOM folders, and "
    "folders of such. Each case gets a folder in OUT; summary.csv there lists all. The exit code "
    "is 0 only if all cases succeeded."
)


def build_analyze_parser(prog: str) -> argparse.ArgumentParser:
    """Parser for a program that does nothing but analyze, such as the script for 3D Slicer."""
    parser = Parser(prog=prog, description=ANALYZE_HELP)
    add_analyze_arguments(parser)
    return parser


def add_analyze_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``analyze`` to a parser."""
    parser.set_defaults(command="analyze")
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="CT, or folder of CT")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="folder for the results")
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, metavar="NAME_OR_FOLDER", help="default: %(default)s"
    )
    parser.add_argument(
        "--device", default="auto", metavar="DEVICE", help="auto (default), cpu, cuda[:n] or mps"
    )
    parser.add_argument(
        "--series", metavar="UID", help="UID (or number) of the DICOM series to analyze"
    )
    parser.add_argument(
        "--list-series", action="store_true", help="only list the DICOM series of the inputs"
    )
    parser.add_argument(
        "--organs",
        type=Path,
        metavar="MASK",
        help="organ segmentation to use instead of the model's own, or a folder with one for "
        "each case, named like the case",
    )
    parser.add_argument(
        "--organ-table",
        metavar="TABLE",
        help="label table of MASK: pasta, totalsegmentator_v1, totalsegmentator_v2, amos, or a "
        'JSON file such as {"5": "liver"}; guessed if not given',
    )
    parser.add_argument(
        "--roi", type=_roi, metavar="X0,Y0,Z0,X1,Y1,Z1", help="look only in this box, LPS mm"
    )
    parser.add_argument("--phase", choices=PHASES, help="contrast phase, if you know it")
    parser.add_argument(
        "--formats",
        type=_formats,
        default=FORMATS,
        metavar="LIST",
        help=f"what to write, of {','.join(FORMATS)} (default: all)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep cases that an earlier run has finished"
    )
    parser.add_argument(
        "--fail-fast", action="store_true", help="stop after the first case that fails"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")


def _roi(text: str) -> Roi:
    try:
        x0, y0, z0, x1, y1, z1 = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not six numbers with commas") from None
    try:
        return Roi((min(x0, x1), min(y0, y1), min(z0, z1)), (max(x0, x1), max(y0, y1), max(z0, z1)))
    except PastaError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _formats(text: str) -> tuple[str, ...]:
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(
            f"'{', '.join(unknown) or text}' is not one of {', '.join(FORMATS)}"
        )
    return tuple(name for name in FORMATS if name in wanted)


def main(arguments: Sequence[str] | None = None) -> int:
    """The console command ``pasta``. Returns the exit code."""
    return run(build_parser().parse_args(arguments))


def run(args: argparse.Namespace, carrier: Carrier | None = None) -> int:
    """Do what parsed arguments say, with messages on stderr. Returns the exit code.

    Args:
        args: from `build_parser` or `build_analyze_parser`.
        carrier: called with each finished analysis and its result folder.
    """
    console = Console(quiet=getattr(args, "quiet", False))
    cancel = CancelToken()
    try:
        with _cancelled_by_signal(cancel, console):
            if args.command == "models":
                return _models()
            if args.list_series:
                return _list_series(args)
            return _analyze(args, console, cancel, carrier)
    except PastaError as error:
        console.line(f"pasta: {error}")
        return NOT_STARTED
    except Cancelled:
        console.line("Stopped. Finished cases are kept; go on with --resume.")
        return INTERRUPTED


@contextmanager
def _cancelled_by_signal(cancel: CancelToken, console: Console) -> Iterator[None]:
    """Ctrl-C asks the work to stop; a second one stops it at once."""

    def stop(number: int, frame: object) -> None:
        console.line("Stopping ...")
        cancel.cancel()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not in the main thread: the caller has its own way to stop
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _models() -> int:
    for name, folder in available_models().items():
        info = read_info(folder)
        lesions = len(info.lesion_channels)
        print(
            f"{name} {info.version}: {lesions} lesion types, "
            f"{len(info.classes) - 1 - lesions} structures, {info.spacing_mm:g} mm voxels"
        )
    return SUCCESS


def _list_series(args: argparse.Namespace) -> int:
    for path in args.inputs:
        series = list_series(path if path.is_dir() else path.parent)
        if not series:
            raise PastaError(f"'{path}' holds no DICOM images; give the folder of a CT series.")
        try:
            chosen, _ = choose_series(series, f"'{path}'", args.series)
        except PastaError:
            chosen = None
        print(path)
        for item in series:
            mark = "*" if item is chosen else " "
            reason = item.why_not()
            print(f"  {mark} {item.uid or '(no UID)'}  {item}" + (f" ({reason})" if reason else ""))
    return SUCCESS


def _analyze(
    args: argparse.Namespace, console: Console, cancel: CancelToken, carrier: Carrier | None
) -> int:
    if args.out is None:
        raise PastaError("Say where the results go: -o OUT.")
    if args.organs is not None and not args.organs.exists():
        raise PastaError(f"--organs '{args.organs}' does not exist; check the path.")
    cases = find_cases(args.inputs, args.out)
    if args.organs is not None and len(cases) > 1 and not args.organs.is_dir():
        raise PastaError(
            f"One organ segmentation cannot fit {len(cases)} cases; give --organs a folder with "
            "one for each case, named like the case."
        )
    job = AnalyzeJob(args, cancel, carrier)
    key = job.key()
    if not args.resume:  # otherwise there may be nothing to do, and the model not be needed
        console(0.0, f"Loading the model {args.model}")
        job.model()

    def tell(outcome: Outcome) -> None:
        console.line(_told(outcome))

    outcomes = run_batch(
        cases,
        args.out,
        job,
        key=key,
        resume=args.resume,
        fail_fast=args.fail_fast,
        progress=console,
        cancel=cancel,
        finished=tell,
    )
    console.clear()
    counts = [
        f"{count} {status}"
        for status in ("done", "kept", "skipped", "failed")
        if (count := sum(outcome.status == status for outcome in outcomes))
    ]
    console.line(f"{', '.join(counts)}; see {args.out / SUMMARY}")
    good = sum(outcome.status in ("done", "kept") for outcome in outcomes)
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    return SUCCESS if good and not failed else SOME_FAILED


def _told(outcome: Outcome) -> str:
    name = outcome.case.name
    if outcome.status in ("failed", "skipped"):
        more = f" ({ERROR} has details)" if outcome.message.startswith("Unexpected") else ""
        return f"{name}: {outcome.status}. {outcome.message}{more}"
    found = outcome.facts.get("types") or "no lesion"
    how = "finished earlier" if outcome.status == "kept" else duration(outcome.seconds)
    return f"{name}: {found} ({how})"
