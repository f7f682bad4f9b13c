"""The subcommand ``finetune`` of ``pasta-train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from PASTALib.console import Console
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken
from PASTATrain.finetuning.config import SHOTS, TRAINERS, read_finetune_config

CONFIGS = Path(__file__).parents[1] / "configs"


def add_finetune(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand and its options."""
    parser = commands.add_parser(
        "finetune",
        help="fine-tune for a dataset of one's own through nnU-Net v2, or on corrections",
        description="From a dataset in nnU-Net's raw layout to an evaluated model, in the folder "
        "RUN. Scans whose channel is not called CT (channel_names in dataset.json), such as MR, "
        "are normalized one by one. Run it again to go on where it ended. With --corrections, "
        "stage I goes on from a model of PASTA on what readers corrected, with a rehearsal of "
        "synthetic cases, and is judged before and after on cases kept out.",
    )
    parser.add_argument(
        "data",
        type=Path,
        nargs="?",
        help="folder with dataset.json, imagesTr and labelsTr; or a manifest",
    )
    parser.add_argument(
        "--corrections", type=Path, metavar="FOLDER", help="that Export corrections wrote to"
    )
    parser.add_argument(
        "--clicks",
        action="store_true",
        help="with --corrections: fine-tune what follows a reader's clicks instead",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="RUN", help="of the run")
    parser.add_argument(
        "--settings",
        type=Path,
        help="YAML (default: finetune.yaml, finetune-corrections.yaml or finetune-clicks.yaml in "
        "PASTATrain/configs)",
    )
    parser.add_argument("--start", help="model, or weights that 'pasta-model import' wrote")
    parser.add_argument("--trainer", choices=TRAINERS)
    parser.add_argument("--shots", type=int, choices=SHOTS, help="train with so many scans only")
    parser.add_argument("--fold", type=int, help="which of the five splits; a manifest has its own")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.set_defaults(handler=run_finetune)


def run_finetune(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    """Run the subcommand.

    Raises:
        PastaError: neither a dataset nor corrections are given, or both.
    """
    if (options.data is None) == (options.corrections is None):
        raise PastaError("Give a dataset or a manifest, or '--corrections FOLDER'; one of them.")
    if options.clicks and options.corrections is None:
        raise PastaError("'--clicks' goes with '--corrections FOLDER'.")
    if options.clicks:
        _run_clicks(options, console, cancel)
        return
    if options.corrections is not None:
        _run_corrections(options, console, cancel)
        return
    from PASTALib.devices import choose_device
    from PASTATrain.finetuning.run import finetune

    config = read_finetune_config(
        options.settings or CONFIGS / "finetune.yaml",
        start=options.start,
        trainer=options.trainer,
        shots=options.shots,
        fold=options.fold,
    )
    device = choose_device(options.device)
    made = finetune(options.data, options.out, config, device, console, cancel)
    for name, dice in made.dice.items():
        console.line(f"{name}: Dice {dice:.3f}")
    console.line(f"predictions of the validation scans: {made.predictions}")
    console.line(f"trained model for nnU-Net: {made.trained}")
    if made.evaluation:
        console.line(f"evaluation: {made.evaluation / 'evaluation.html'}")
        console.line(f"model for PASTA: {made.model or 'none, it reads CT only'}")
    else:
        console.line("no model for PASTA: name the classes (classes: in the settings)")


def _run_corrections(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    """Fine-tune on corrected cases."""
    from PASTALib.devices import choose_device
    from PASTATrain.finetuning.from_corrections import (
        as_markdown,
        finetune_on_corrections,
        read_correction_config,
    )

    settings = options.settings or CONFIGS / "finetune-corrections.yaml"
    config = read_correction_config(settings, options.start)
    device = choose_device(options.device)
    made = finetune_on_corrections(
        options.corrections, options.out, config, device, console, cancel
    )
    console.line(as_markdown(made.figures))
    console.line(f"model: {made.model}")


def _run_clicks(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    """Fine-tune the chooser on corrected cases."""
    from PASTALib.gestures.chooser import bundled_folder, load_chooser
    from PASTATrain.choosing.from_corrections import (
        as_markdown,
        finetune_clicks,
        read_click_correction_config,
    )

    config = read_click_correction_config(options.settings or CONFIGS / "finetune-clicks.yaml")
    start = load_chooser(Path(options.start) if options.start else bundled_folder())
    figures = finetune_clicks(options.corrections, options.out, start, config, console, cancel)
    console.line(as_markdown(figures))
    console.line(f"chooser: {options.out / 'chooser'}")
