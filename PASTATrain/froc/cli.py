"""The subcommand ``froc`` of ``pasta-train``."""

from __future__ import annotations

import argparse
from itertools import chain
from pathlib import Path

from PASTALib.console import Console
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken
from PASTATrain.judging.intervals import RESAMPLES


def add_froc(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "froc",
        help="lesions found against false findings a scan, over the threshold of the confidence",
        description="Inserts lesions into CT and measures how many of them a model finds, and how "
        "many findings are false. What a patient really has counts as false, so give scans "
        "without lesions. The intervals come from drawing patients, so give several.",
    )
    parser.add_argument(
        "cts", nargs="*", type=Path, metavar="CT", help="file, DICOM folder, or folder of such"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="also the scans and torsos of 'evaluate'"
    )
    parser.add_argument("--model", default="pasta-s", help="bundled name or folder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n")
    parser.add_argument(
        "--organs",
        type=Path,
        metavar="MASK",
        help="organ segmentation of the CT, or a folder with one for each, named like the CT; "
        "without it the model's own",
    )
    parser.add_argument(
        "--organ-table", metavar="TABLE", help="label table of MASK, as for 'pasta analyze'"
    )
    parser.add_argument("--lesions", type=int, default=2, help="inserted lesions of each type")
    parser.add_argument("--seed", type=int, default=7, help="of the inserted lesions")
    parser.add_argument(
        "--resamples", type=int, default=RESAMPLES, help="of the bootstrap (default: %(default)s)"
    )
    parser.add_argument("--processes", type=int, default=1, help="scans looked at at once")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of curve and page")
    parser.set_defaults(handler=_froc)


def _froc(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    from PASTALib.devices import choose_device
    from PASTALib.model import load_model
    from PASTATrain.evaluation import scans
    from PASTATrain.froc.curve import curve_of, sentences_of, write_curve
    from PASTATrain.froc.inserted import judged_on, own_scans
    from PASTATrain.sources import TEST_TORSOS

    if not options.cts and options.data is None:
        raise PastaError("Say on which scans to measure: CT files, or --data FOLDER.")
    model = load_model(options.model, choose_device(options.device))
    known = own_scans(options.cts, model, options.organs, options.organ_table, console, cancel)
    if options.data is not None:
        known = chain(known, scans(options.data, TEST_TORSOS, "test"))
    judged = judged_on(
        known, model, options.lesions, options.seed, console, cancel, options.processes
    )
    curve = curve_of(judged, model.info.least_confidence, options.resamples)
    write_curve(curve, options.out, options.resamples)
    for sentence in sentences_of(curve):
        console.line(sentence)
    console.line(f"written to {options.out}")
