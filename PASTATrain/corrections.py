"""Cases that readers corrected in 3D Slicer (`PASTALib.corrections`) as cases to train with."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import PHASE_NAMES
from PASTALib.console import Console
from PASTALib.corrections import FACTS
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken
from PASTALib.report import read_report
from PASTATrain.cases import Case, on_grid, save_case
from PASTATrain.config import read_config
from PASTATrain.sources import model_grid


def correction_folders(folder: Path) -> list[Path]:
    """The cases of a folder that *Export corrections* wrote, sorted by name.

    A case without `FACTS` was not written to its end and is left out.

    Raises:
        PastaError: there is none.
    """
    folders = sorted(path.parent for path in Path(folder).glob(f"*/{FACTS}"))
    if not folders:
        raise PastaError(
            f"'{folder}' holds no corrected case; choose the folder that 'Export corrections' of "
            "the module PASTA wrote to."
        )
    return folders


def correction_cases(folder: Path, spacing_mm: float) -> Iterator[Case]:
    """The corrected cases of a folder on the model's grid; see `correction_folders`.

    Organs are as they were exported; lesions are those that the reader left.
    """
    for case in correction_folders(folder):
        yield correction_case(case, spacing_mm)


def correction_case(folder: Path, spacing_mm: float) -> Case:
    """One corrected case."""
    image = sitk.ReadImage(str(folder / "ct.nii.gz"))
    grid, hu = model_grid(image, spacing_mm)
    organs, lesions = (
        on_grid(sitk.ReadImage(str(folder / f"{name}.nii.gz"), sitk.sitkUInt8), grid)
        for name in ("organs", "final_labels")
    )
    phase = read_report(folder / "report.json").technique.phase.value
    keys = {name: key for key, name in PHASE_NAMES.items()}
    labels = np.where(lesions > 0, lesions, organs)
    return Case(
        f"corrected-{folder.name}",
        "real",
        hu,
        labels,
        spacing_mm,
        keys.get(phase, phase),
        "train",
    )


def add_corrections(commands: argparse._SubParsersAction) -> None:
    """Add the command ``corrections`` to ``pasta-train``."""
    parser = commands.add_parser(
        "corrections", help="add cases that readers corrected in 3D Slicer to those of a run"
    )
    parser.add_argument("folder", type=Path, help="what Export corrections wrote to")
    parser.set_defaults(handler=_add)


def _add(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    config = read_config(options.config)
    for case in correction_cases(options.folder, config.spacing_mm):
        cancel.check()
        console.line(f"{save_case(options.run / 'cases', case)}")
