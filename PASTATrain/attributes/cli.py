"""The subcommand ``attributes`` of ``pasta-train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from PASTALib.console import Console
from PASTALib.progress import CancelToken

SETTINGS = Path(__file__).parents[1] / "configs" / "attributes.yaml"


def add_attributes(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand and its options."""
    parser = commands.add_parser(
        "attributes",
        help="stage II: a head that tells the report's attributes",
        description="Inserts lesions into the prepared cases (RUN/cases), reads their features "
        "with the frozen encoder of a model, trains a head for the five attributes and the type, "
        "and judges it on the test cases beside the rules that PASTA measures attributes by.",
    )
    parser.add_argument(
        "--settings", type=Path, default=SETTINGS, help="YAML of the run (default: %(default)s)"
    )
    parser.add_argument("--model", help="bundled name or folder; goes before the YAML's")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the head")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    parser.set_defaults(handler=run_attributes)


def run_attributes(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    """Run the subcommand."""
    from PASTALib.devices import choose_device
    from PASTALib.model import load_model
    from PASTATrain.attributes.config import read_attributes_config
    from PASTATrain.attributes.training import train_attributes
    from PASTATrain.cases import load_cases

    config = read_attributes_config(options.settings)
    model = load_model(options.model or config.model, choose_device(options.device))
    train, test = (load_cases(options.run / "cases", split) for split in ("train", "test"))
    figures = train_attributes(
        train, test, model, options.out, config.lesions, config.seed, console, cancel
    )
    for head, rules in zip(figures["head"], figures["rules"], strict=True):
        told = "" if head.attribute == "type" else f"; by rule {rules.accuracy}, F1 {rules.f1}"
        console.line(f"{head.attribute}: accuracy {head.accuracy}, F1 {head.f1}{told}")
    console.line(f"head: {options.out}")
