"""The subcommand ``choose`` of ``pasta-train``: the chooser of outlines that follows clicks."""

from __future__ import annotations

import argparse
from pathlib import Path

from PASTALib.console import Console
from PASTALib.progress import CancelToken

SETTINGS = Path(__file__).parents[1] / "configs" / "pasta-click.yaml"


def add_choose(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand, with ``collect`` and ``export`` below it."""
    parser = commands.add_parser("choose", help="train the chooser of outlines that follows clicks")
    actions = parser.add_subparsers(dest="action", required=True)
    collect = actions.add_parser(
        "collect", help="let simulated readers outline inserted lesions; resumes"
    )
    collect.add_argument("--data", type=Path, required=True, help="folder of the public scans")
    collect.add_argument("--model", default="pasta-s", help="finds organs: bundled name or folder")
    collect.add_argument("--torsos", type=int, default=36, help="torsos made by rule")
    collect.add_argument("--turns", type=int, default=6, help="uses of each scan")
    collect.add_argument(
        "--chooser", type=Path, help="folder of a chooser that the sessions follow; else chance"
    )
    collect.set_defaults(handler=_collect)
    export = actions.add_parser("export", help="fit, and write chooser.json and weights")
    export.add_argument("-o", "--out", type=Path, required=True, help="folder of the chooser")
    export.add_argument(
        "--with",
        dest="others",
        type=Path,
        nargs="*",
        default=[],
        metavar="RUN",
        help="runs whose sessions are used, too",
    )
    export.set_defaults(handler=_export)
    for action in (collect, export):
        action.add_argument(
            "--settings", type=Path, default=SETTINGS, help="YAML (default: %(default)s)"
        )


def _collect(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTALib.gestures.chooser import load_chooser
    from PASTALib.model import load_model
    from PASTATrain.choosing.collecting import SESSIONS, collect
    from PASTATrain.choosing.config import read_choosing_config
    from PASTATrain.choosing.lesions import LesionSource

    config = read_choosing_config(options.settings)
    chooser = load_chooser(options.chooser) if options.chooser else None
    model = load_model(options.model)
    source = LesionSource(options.data, model, range(options.torsos), config.seed)
    out = options.run / SESSIONS
    count = collect(source, options.turns, out, config, console, chooser, cancel)
    console.line(f"sessions in {count} scans in {out}")


def _export(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTATrain.choosing.config import read_choosing_config
    from PASTATrain.choosing.export import export

    config = read_choosing_config(options.settings)
    info = export((options.run, *options.others), config, options.out, console, cancel)
    for stage in ("first", "later"):
        told = info.training[stage]
        console.line(
            f"{stage}: Dice {told['dice_of_chosen']:.3f} of the chosen outline, "
            f"{told['dice_of_best']:.3f} of the best, on {told['held_out']} gestures held out"
        )
    console.line(f"{options.out}: {info.name} {info.version}")
