"""The subcommand ``prompt`` of ``pasta-train``: the network that follows clicks and scribbles."""

from __future__ import annotations

import argparse
from pathlib import Path

from PASTALib.console import Console
from PASTALib.progress import CancelToken

SETTINGS = Path(__file__).parents[1] / "configs" / "pasta-prompt.yaml"


def add_prompt(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand, with ``run`` and ``export`` below it."""
    parser = commands.add_parser("prompt", help="train the network that follows clicks")
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="train; resumes where the last run ended")
    run.add_argument(
        "cases",
        type=Path,
        nargs="+",
        help="folders of cases that 'prepare' made, perhaps with different spacings",
    )
    run.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    run.add_argument("--minutes", type=float, help="stop after this time, keeping a checkpoint")
    run.set_defaults(handler=_run)
    export = actions.add_parser("export", help="write click.json and half-precision weights")
    export.add_argument("-o", "--out", type=Path, required=True, help="folder of the network")
    export.set_defaults(handler=_export)
    for action in (run, export):
        action.add_argument(
            "--settings", type=Path, default=SETTINGS, help="YAML (default: %(default)s)"
        )


def _run(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTALib.devices import choose_device
    from PASTATrain.prompting.config import read_prompting_config
    from PASTATrain.prompting.training import train

    config = read_prompting_config(options.settings)
    device = choose_device(options.device)
    step = train(options.cases, options.run, config, device, console, cancel, options.minutes)
    console.line(f"{step} steps done; checkpoint in {options.run}")


def _export(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTATrain.prompting.config import read_prompting_config
    from PASTATrain.prompting.export import export_prompting

    config = read_prompting_config(options.settings)
    info = export_prompting(options.run, config, options.out)
    console.line(f"{options.out}: {info.name} {info.version}")
