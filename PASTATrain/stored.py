"""Stored scans as cases to train stage I with: a manifest, or samples of PASTA-Gen-30K's layout.

Their lesions are in the labels already; patches are drawn around them and none is inserted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTAGenLib.layouts.pastagen_reader import find_samples, read_sample
from PASTALib.catalog import catalog
from PASTALib.console import Console
from PASTALib.errors import PastaError
from PASTALib.lungs import largest_components
from PASTALib.progress import CancelToken
from PASTALib.reading import read_ct
from PASTATrain.cases import STORED, Case, on_grid, save_case
from PASTATrain.classes import IGNORE, STRUCTURES
from PASTATrain.config import read_config
from PASTATrain.judging.predictions import read_truth
from PASTATrain.manifest import Entry, entries_of, read_manifest
from PASTATrain.sources import model_grid


def sample_case(folder: Path, root: Path, spacing_mm: float) -> Case:
    """A sample of PASTA-Gen-30K's layout; it is named by its path below `root`.

    Raises:
        PastaError: a file is missing or damaged, or the folder names no lesion type.
    """
    sample = read_sample(folder)
    if sample.ct is None or sample.type is None:
        lacking = "an image" if sample.ct is None else "a lesion type in its path"
        raise PastaError(f"The sample '{folder}' lacks {lacking}; fetch it again, whole.")
    grid, hu = model_grid(sample.ct, spacing_mm)
    labels = on_grid(sample.organs, grid)
    labels[on_grid(sample.lesion, grid) > 0] = catalog().label(sample.type)
    name = "-".join(folder.relative_to(root).parts)
    return Case(f"stored-{name}", STORED, hu, labels, spacing_mm, "unknown", "train")


def entry_case(entry: Entry, spacing_mm: float) -> Case:
    """A case of a manifest. Where its label table lacks structures that the model has, voxels of
    the body without a label may be any of these, but no lesion: all lesions have to be labeled.
    Where it has a number for the unknown, the case is a partly labeled one without a lesion.

    Raises:
        PastaError: a file cannot be read.
    """
    grid, hu = model_grid(read_ct(entry.image).image, spacing_mm)
    image, truth = read_truth(entry)
    merged = sitk.GetImageFromArray(np.where(truth.lesions > 0, truth.lesions, truth.organs))
    merged.CopyInformation(image)
    labels = on_grid(merged, grid)
    known = set(entry.table.values())
    if not all(known & set(catalog().labels_of(key)) for key in STRUCTURES):
        body = ndimage.binary_opening(hu > -300, iterations=1)
        body = np.stack(
            [ndimage.binary_fill_holes(z) for z in largest_components(body, 1, 1000)[0]]
        )
        labels[body & (labels == 0)] = IGNORE
    kind = "partial" if IGNORE in known else STORED
    return Case(f"stored-{entry.name}", kind, hu, labels, spacing_mm, "unknown", "train")


def stored_cases(source: Path, spacing_mm: float) -> Iterator[Case]:
    """The cases of a manifest's split ``train``, or all samples below a folder, on the model grid.

    Raises:
        PastaError: there is none, or one cannot be read.
    """
    if source.is_file():
        for entry in entries_of(read_manifest(source), "train", str(source)):
            if entry.masks is not None:
                yield entry_case(entry, spacing_mm)
        return
    folders = list(find_samples(source))
    if not folders:
        raise PastaError(
            f"'{source}' is neither a manifest nor a folder with samples of PASTA-Gen-30K's layout "
            "(Organ/Type/index with img, label, total and type.json)."
        )
    for folder in folders:
        yield sample_case(folder, source, spacing_mm)


def add_stored(commands: argparse._SubParsersAction) -> None:
    """Add the command ``add`` to ``pasta-train``."""
    parser = commands.add_parser(
        "add",
        help="add stored scans to the cases of a run",
        description="Puts the split 'train' of a manifest, or a set in the layout of "
        "PASTA-Gen-30K, on the grid of the model. 'kinds: {stored: 1.0}' in the run's YAML says "
        "which share of the patches is from them.",
    )
    parser.add_argument("source", type=Path, help="manifest, or folder of the set")
    parser.set_defaults(handler=_add)


def _add(options: argparse.Namespace, console: Console, cancel: CancelToken) -> None:
    config = read_config(options.config)
    for case in stored_cases(options.source, config.spacing_mm):
        cancel.check()
        console.line(f"{save_case(options.run / 'cases', case)}")
