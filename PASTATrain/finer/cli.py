"""The subcommand ``finer`` of ``pasta-train``: the network that outlines lesions anew, finer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from PASTALib.console import Console
from PASTALib.progress import CancelToken

if TYPE_CHECKING:
    from PASTALib.network import UNet
    from PASTATrain.states import TrainingState

SETTINGS = Path(__file__).parents[1] / "configs" / "pasta-finer.yaml"


def add_finer(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand, with ``run``, ``export``, ``pack`` and ``unpack`` below it."""
    parser = commands.add_parser("finer", help="train the network that outlines lesions finer")
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="train; resumes where the last run ended")
    run.add_argument("--data", type=Path, required=True, help="folder of the public scans")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    run.add_argument("--minutes", type=float, help="stop after this time")
    run.set_defaults(handler=_run)
    export = actions.add_parser("export", help="write finer.json and weights beside a model")
    export.add_argument("-o", "--out", type=Path, required=True, help="folder of the model")
    export.set_defaults(handler=_export)
    pack = actions.add_parser("pack", help="write the checkpoint as files of at most 15 MiB")
    pack.add_argument("-o", "--out", type=Path, required=True, help="folder of the files")
    pack.set_defaults(handler=_pack)
    unpack = actions.add_parser("unpack", help="make the checkpoint from such files")
    unpack.add_argument("parts", type=Path, help="folder of the files")
    unpack.set_defaults(handler=_unpack)
    for action in (run, export, pack, unpack):
        action.add_argument("--model", default="pasta-s", help="bundled name or folder")
        action.add_argument(
            "--settings", type=Path, default=SETTINGS, help="YAML (default: %(default)s)"
        )


def _run(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTALib.devices import choose_device
    from PASTATrain.finer.config import read_finer_config
    from PASTATrain.finer.training import first_network, train

    config = read_finer_config(options.settings)
    step = train(
        options.run,
        options.data,
        first_network(options.model),
        config,
        choose_device(options.device),
        console,
        cancel,
        options.minutes,
    )
    console.line(f"{step} steps done; checkpoint in {options.run}")


def _export(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTATrain.finer.config import read_finer_config
    from PASTATrain.finer.training import export_finer, first_network

    config = read_finer_config(options.settings)
    info = export_finer(options.run, config, first_network(options.model), options.out)
    console.line(f"{options.out}: finer network {info.version}")


def _pack(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTATrain.parts import pack

    console.line(f"{len(pack(options.run, _fresh(options), options.out))} files in {options.out}")


def _unpack(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTATrain.parts import unpack

    step = unpack(options.parts, _fresh(options), options.run)
    console.line(f"checkpoint of step {step}")


def _fresh(options: argparse.Namespace) -> TrainingState[UNet]:
    from PASTATrain.finer.config import read_finer_config
    from PASTATrain.finer.training import first_network, fresh_state

    return fresh_state(read_finer_config(options.settings), first_network(options.model), "cpu")
