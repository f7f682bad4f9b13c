"""The subcommand ``closer`` of ``pasta-train``: the second look at what may be a lesion."""

from __future__ import annotations

import argparse
from pathlib import Path

from PASTALib.console import Console
from PASTALib.progress import CancelToken

SETTINGS = Path(__file__).parents[1] / "configs" / "pasta-closer.yaml"


def add_closer(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand, with ``collect``, ``begin``, ``run`` and ``export`` below it."""
    parser = commands.add_parser("closer", help="train the second look at what may be a lesion")
    actions = parser.add_subparsers(dest="action", required=True)
    collect = actions.add_parser(
        "collect", help="find candidates in scans with inserted lesions; resumes"
    )
    collect.add_argument("--data", type=Path, required=True, help="folder of the public scans")
    collect.add_argument("--model", default="pasta-s", help="bundled name or folder")
    collect.add_argument("--torsos", type=int, default=120, help="torsos made by rule")
    collect.add_argument("--rounds", type=int, default=12, help="uses of each real scan")
    collect.add_argument("--processes", type=int, default=1, help="scans at once")
    collect.set_defaults(handler=_collect)
    begin = actions.add_parser("begin", help="begin a run with the weights of a model")
    begin.add_argument("--model", default="pasta-s", help="bundled name or folder")
    begin.set_defaults(handler=_begin)
    run = actions.add_parser("run", help="train; resumes where the last run ended")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    run.add_argument(
        "--hold-out", nargs="*", default=[], help="scans to judge with, instead of training"
    )
    run.set_defaults(handler=_run)
    export = actions.add_parser("export", help="write closer.json and weights beside a model")
    export.add_argument("-o", "--out", type=Path, required=True, help="folder of the model")
    export.set_defaults(handler=_export)
    for action in (collect, begin, run, export):
        action.add_argument(
            "--settings", type=Path, default=SETTINGS, help="YAML (default: %(default)s)"
        )


def _collect(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTALib.model import load_model
    from PASTATrain.closer.collecting import collect
    from PASTATrain.closer.config import read_closer_config
    from PASTATrain.closer.training import CANDIDATES

    config = read_closer_config(options.settings)
    out = options.run / CANDIDATES
    count = collect(
        load_model(options.model),
        options.data,
        options.rounds,
        options.torsos,
        out,
        config.seed,
        console,
        cancel,
        options.processes,
    )
    console.line(f"candidates of {count} scans in {out}")


def _begin(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTALib.errors import PastaError
    from PASTALib.model import load_model
    from PASTATrain.closer.config import read_closer_config
    from PASTATrain.closer.training import fresh_state

    look = load_model(options.model).closer
    if look is None:
        raise PastaError(f"The model '{options.model}' has no closer look to begin with.")
    config = read_closer_config(options.settings)
    fresh_state(config, "cpu").begin_with(look.network, options.run)
    console.line(f"{options.run} begins with the closer look of {options.model}")


def _run(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTALib.devices import choose_device
    from PASTATrain.closer.config import read_closer_config
    from PASTATrain.closer.training import train

    config = read_closer_config(options.settings)
    device = choose_device(options.device)
    step = train(options.run, config, device, console, cancel, tuple(options.hold_out))
    console.line(f"{step} steps done; checkpoint in {options.run}")


def _export(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTATrain.closer.config import read_closer_config
    from PASTATrain.closer.training import export_closer

    config = read_closer_config(options.settings)
    info = export_closer(options.run, config, options.out)
    console.line(f"{options.out}: closer look {info.version}")
