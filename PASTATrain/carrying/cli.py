"""The subcommand ``carry`` of ``pasta-train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from PASTALib.case_folder import ERROR
from PASTALib.console import Console, duration
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken

NO_MODEL = "none"


def add_carry(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand and its options."""
    parser = commands.add_parser(
        "carry",
        help="carry organ masks to unlabeled CT by registration, refined by a model",
        description="Lays labeled scans onto each CT (affine, then B-splines), lets those that fit "
        "best vote, and joins the vote with what a model sees. Voxels that neither is sure of stay "
        "unknown. Writes OUT/manifest.json for 'pasta-train add'. Run it again to go on where it "
        "ended, or with the next model: then only the model is asked again.",
    )
    parser.add_argument(
        "ct", type=Path, nargs="+", metavar="CT", help="file, DICOM or other folder"
    )
    parser.add_argument("--data", type=Path, help="folder of the public scans: what is in training")
    parser.add_argument("--manifest", type=Path, help="of labeled scans: its split 'train'")
    parser.add_argument("--torsos", type=int, default=0, help="torsos made by rule as atlases")
    parser.add_argument("--atlases", type=int, default=6, help="that are laid onto each CT")
    parser.add_argument("--best", type=int, default=3, help="of these that are bent and vote")
    parser.add_argument(
        "--model", default="pasta-s", help=f"bundled name or folder; {NO_MODEL}: the vote alone"
    )
    parser.add_argument("--device", default="auto", help="of the model: auto, cpu or cuda")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the results")
    parser.set_defaults(handler=run_carry)


def run_carry(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    """Run the subcommand.

    Raises:
        PastaError: an option is wrong, there is no atlas, or no CT could be done.
    """
    import SimpleITK as sitk

    from PASTALib.cases import find_cases
    from PASTALib.devices import choose_device
    from PASTALib.model import load_model
    from PASTATrain.carrying.atlases import read_atlases
    from PASTATrain.carrying.carry import MANIFEST, CarryJob, carry

    if not 1 <= options.best <= options.atlases:
        raise PastaError("'--best' must be at least 1 and at most '--atlases'.")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # ITK's words on an atlas that it loses
    find_cases(options.ct, options.out)  # a wrong path is told before the atlases are read
    model = None
    if options.model != NO_MODEL:
        model = load_model(options.model, choose_device(options.device))
    atlases = read_atlases(options.data, options.manifest, options.torsos, console, cancel)
    job = CarryJob(atlases, options.atlases, options.best, model, cancel)
    outcomes = carry(options.ct, options.out, job, console)
    console.clear()
    for outcome in outcomes:
        more = outcome.message or outcome.facts.get("notes", "")
        name, took = outcome.case.name, duration(outcome.seconds)
        console.line(f"{name}: {outcome.status}, {more} ({took})")
    done = sum(outcome.status in ("done", "kept") for outcome in outcomes)
    if not done:
        raise PastaError(
            f"No CT could be labeled; '{ERROR}' in the folders in '{options.out}' says why."
        )
    console.line(f"{done} of {len(outcomes)} CTs in {options.out / MANIFEST}")
