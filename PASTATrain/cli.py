"""``pasta-train``: prepare data, train, export and judge the model, without Slicer."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from PASTALib.console import Console
from PASTALib.errors import Cancelled, PastaError
from PASTALib.progress import CancelToken
from PASTATrain.allocator import keep_freed_memory
from PASTATrain.attributes.cli import add_attributes
from PASTATrain.carrying.cli import add_carry
from PASTATrain.choosing.cli import add_choose
from PASTATrain.closer.cli import add_closer
from PASTATrain.config import read_config
from PASTATrain.corrections import add_corrections
from PASTATrain.finetuning.cli import add_finetune
from PASTATrain.froc.cli import add_froc
from PASTATrain.heads.cli import add_heads
from PASTATrain.prompting.cli import add_prompt
from PASTATrain.stored import add_stored

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "pasta-s.yaml"
FIRST_TUNING_TORSO = 1000
"""Seed of the first torso for tuning; training and evaluation count from 0."""


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``pasta-train``."""
    parser = argparse.ArgumentParser(prog="pasta-train", description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="YAML of the run")
    parser.add_argument("--run", type=Path, default=Path("runs/pasta-s"), help="folder of the run")
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="put every source on the model grid")
    prepare.add_argument("--data", type=Path, required=True, help="folder of the public scans")
    prepare.add_argument("--processes", type=int, default=1, help="cases made at once")
    begin = commands.add_parser("begin", help="begin a run with the weights of a model")
    begin.add_argument("--model", default="pasta-s", help="bundled name or folder")
    run = commands.add_parser("run", help="train; resumes where the last run ended")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    run.add_argument("--minutes", type=float, help="stop after this time, keeping a checkpoint")
    commands.add_parser("label", help="let the present model label what is unknown in scans")
    export = commands.add_parser("export", help="write model.json and half-precision weights")
    export.add_argument("-o", "--out", type=Path, required=True, help="folder of the model")
    pack = commands.add_parser("pack", help="write the checkpoint as files of at most 15 MiB")
    pack.add_argument("-o", "--out", type=Path, required=True, help="folder of the files")
    unpack = commands.add_parser("unpack", help="make the checkpoint from such files")
    unpack.add_argument("parts", type=Path, help="folder of the files")
    evaluate = commands.add_parser("evaluate", help="measure on the scans kept out of training")
    evaluate.add_argument("--data", type=Path, required=True, help="folder of the public scans")
    evaluate.add_argument("--model", default="pasta-s", help="bundled name or folder")
    evaluate.add_argument("-o", "--out", type=Path, required=True, help="folder of the figures")
    evaluate.add_argument("--lesions", type=int, default=4, help="inserted lesions of each type")
    tune = commands.add_parser("tune", help="calibrate a model's findings on scans of their own")
    tune.add_argument("--data", type=Path, required=True, help="folder of the public scans")
    tune.add_argument("--model", default="pasta-s", help="bundled name or folder; is changed")
    tune.add_argument("--torsos", type=int, default=12, help="torsos made by rule")
    tune.add_argument("--rounds", type=int, default=2, help="insertions of all types a scan")
    tune.add_argument(
        "--false-per-scan", type=float, default=1.0, help="findings allowed without a lesion"
    )
    for several in (evaluate, tune):
        several.add_argument("--processes", type=int, default=1, help="scans looked at at once")
    add_froc(commands)
    add_attributes(commands)
    add_heads(commands)
    add_corrections(commands)
    add_stored(commands)
    add_carry(commands)
    add_finetune(commands)
    add_prompt(commands)
    add_closer(commands)
    add_choose(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    keep_freed_memory()
    cancel = CancelToken()
    signal.signal(signal.SIGTERM, lambda *_: cancel.cancel())
    try:
        dispatch(options, cancel)
    except PastaError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Cancelled):
        print("\nStopped; run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def dispatch(options: argparse.Namespace, cancel: CancelToken) -> None:
    """Call what the command names."""
    console = Console()
    if hasattr(options, "handler"):
        options.handler(options, console, cancel)
        return
    config = read_config(options.config)
    cases = options.run / "cases"
    if options.command == "prepare":
        from PASTATrain.sources import prepare

        count = prepare(
            options.data,
            cases,
            config.spacing_mm,
            config.torsos,
            console,
            options.processes,
            config.transplants,
        )
        console.line(f"{count} cases in {cases}")
    elif options.command == "run":
        from PASTALib.devices import choose_device
        from PASTATrain.training import train

        device = choose_device(options.device)
        step = train(cases, options.run, config, device, console, cancel, options.minutes)
        console.line(f"{step} steps done; checkpoint in {options.run}")
    elif options.command == "begin":
        from PASTALib.model import load_model
        from PASTATrain.training import fresh_state, with_hu_windows

        network = load_model(options.model).network
        if config.hu_windows and not network.hu_windows:
            network = with_hu_windows(network, config)
        fresh_state(config, "cpu").begin_with(network, options.run)
        console.line(f"{options.run} begins with the weights of {options.model}")
    elif options.command == "label":
        from PASTATrain.pseudo_labels import fill_unknown

        console.line(f"{fill_unknown(cases, options.run, config, console)} cases labeled")
    elif options.command == "export":
        from PASTATrain.export import export_checkpoint

        info = export_checkpoint(options.run, config, options.out)
        console.line(f"{options.out}: {info.name} {info.version}, {len(info.classes)} classes")
    elif options.command == "pack":
        from PASTATrain.parts import pack

        console.line(f"{len(pack(options.run, config, options.out))} files in {options.out}")
    elif options.command == "unpack":
        from PASTATrain.parts import unpack

        console.line(f"checkpoint of step {unpack(options.parts, config, options.run)}")
    elif options.command == "tune":
        from PASTATrain.tuning import tune

        seeds = range(FIRST_TUNING_TORSO, FIRST_TUNING_TORSO + options.torsos)
        tuned = tune(
            options.model,
            options.data,
            seeds,
            options.rounds,
            options.false_per_scan,
            console,
            options.processes,
            cancel,
        )
        console.line(f"{tuned.name}: findings are reported from {tuned.least_confidence:.2f} on")
    else:
        from PASTATrain.evaluation import evaluate
        from PASTATrain.sources import TEST_TORSOS

        evaluate(
            options.data,
            options.model,
            options.out,
            options.lesions,
            TEST_TORSOS,
            console,
            processes=options.processes,
            cancel=cancel,
        )


if __name__ == "__main__":
    sys.exit(main())
