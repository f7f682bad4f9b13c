"""The subcommands ``screen``, ``stage``, ``survive`` and ``apply`` of ``pasta-train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from PASTALib.console import Console
from PASTALib.progress import CancelToken

CONFIGS = Path(__file__).parents[1] / "configs"
HELP = {
    "screen": "train a head that finds organs with a malignant tumor in plain CT",
    "stage": "train a head that tells the stage",
    "survive": "train a head that ranks patients by their risk of death",
}
TEXT = {
    "screen": "Probability of a malignant tumor in each organ of 'around', calibrated.",
    "stage": "Probability of each stage that the training cases have, calibrated.",
    "survive": "Log hazard of Cox's proportional hazards model.",
}


def add_heads(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands and their options."""
    for name, text in HELP.items():
        parser = commands.add_parser(
            name,
            help=text,
            description=f"{TEXT[name]} Learns from the cases of a manifest, on features of the "
            "encoder of a model, in the folder RUN. Run it again to go on where it ended.",
        )
        parser.add_argument("manifest", type=Path, help="JSON, see PASTATrain/manifest.py")
        parser.add_argument(
            "-o", "--out", type=Path, required=True, metavar="RUN", help="of the run"
        )
        parser.add_argument(
            "--settings",
            type=Path,
            default=CONFIGS / f"{name}.yaml",
            help="YAML (default: %(default)s)",
        )
        parser.add_argument("--model", help="bundled name or folder of the model")
        parser.add_argument(
            "--around", nargs="+", metavar="ORGAN", help="organs to look at, or 'lesions'"
        )
        parser.add_argument(
            "--fine-tune", action="store_true", default=None, help="train the encoder along"
        )
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
        parser.set_defaults(handler=run_training)
    parser = commands.add_parser(
        "apply",
        help="apply such a head to scans",
        description="Writes scores.csv, which 'pasta-eval --predictions' reads. Where a case of "
        "the manifest has no masks, the model outlines its organs.",
    )
    parser.add_argument("head", type=Path, help="folder of the head")
    parser.add_argument("manifest", type=Path, help="JSON, see PASTATrain/manifest.py")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the scores")
    parser.add_argument("--split", default="test", help="which cases (default: %(default)s)")
    parser.add_argument("--model", default="pasta-s", help="that the head was trained for")
    parser.add_argument(
        "--saliency",
        choices=("gradcam", "occlusion"),
        help="also write maps of where the answers come from, as NIfTI",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    parser.set_defaults(handler=run_apply)


def run_training(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    """Run ``screen``, ``stage`` or ``survive``."""
    from PASTALib.devices import choose_device
    from PASTALib.model import load_model
    from PASTATrain.heads.config import read_head_config
    from PASTATrain.heads.training import train_on_manifest

    config = read_head_config(
        options.settings,
        model=options.model,
        around=options.around,
        fine_tune=options.fine_tune,
    )
    model = load_model(config.model, choose_device(options.device))
    info = train_on_manifest(
        options.command, options.manifest, model, options.out, config, console, cancel
    )
    told = ", ".join(f"{key} {value}" for key, value in info.training.items())
    console.line(f"head: {options.out} ({told})")


def run_apply(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    """Run ``apply``."""
    from PASTALib.devices import choose_device
    from PASTALib.model import load_model
    from PASTATrain.heads.apply import SCORES, apply_head
    from PASTATrain.heads.training import load_trained
    from PASTATrain.manifest import entries_of, read_manifest

    entries = entries_of(read_manifest(options.manifest), options.split, str(options.manifest))
    model = load_model(options.model, choose_device(options.device))
    head = load_trained(options.head, model)
    scores = apply_head(head, model, entries, options.out, console, cancel, options.saliency)
    console.line(f"{len(scores)} of {len(entries)} scans scored: {options.out / SCORES}")
