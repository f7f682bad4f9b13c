"""Labeled scans that masks are carried from: real ones, and torsos made by rule.

Label maps painted as CT were tried, too: the outline of their body is not theirs, so that they were
laid a vertebra or more off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.progress import CancelToken, Progress
from PASTATrain.cases import Case
from PASTATrain.classes import IGNORE
from PASTATrain.manifest import entries_of, read_manifest
from PASTATrain.sources import SCANS, scan_case, torso_case
from PASTATrain.stored import entry_case

GRID_MM = 3.0
"""Voxels of the votes; registration works on coarser ones."""


@dataclass(frozen=True)
class Atlas:
    """A scan whose organs are labeled.

    Attributes:
        name: for logs.
        image: int16 HU, LPS axes, isotropic voxels.
        labels: uint8 catalogue labels in its geometry; `IGNORE` where nothing is known.
    """

    name: str
    image: sitk.Image
    labels: sitk.Image


def whole(label: int) -> int:
    """Label of the structure that a structure is a part of, or its own: which vertebra one is,
    registration cannot tell, since they look alike.
    """
    parent = getattr(catalog().by_label[label], "parent", None)
    return catalog().label(parent) if parent else label


def atlas_of(case: Case) -> Atlas:
    """A training case as an atlas; where it starts in space does not matter."""
    table = np.arange(256, dtype=np.uint8)
    for label in catalog().by_label:
        table[label] = whole(label)
    for kind in catalog().lesion_types.values():
        table[kind.label] = IGNORE  # the next patient is not ill there
    labels = table[case.labels]
    place = Geometry.isotropic(case.hu.shape, case.spacing_mm).place
    images = (sitk.GetImageFromArray(array) for array in (case.hu, labels))
    hu, organs = (place(image) for image in images)
    return Atlas(case.name, hu, organs)


def _makers(
    data: Path | None, manifest: Path | None, torsos: int
) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Name and maker of each atlas. Scans kept out of training are none."""
    if manifest is not None:
        for entry in entries_of(read_manifest(manifest), "train", str(manifest)):
            if entry.masks is not None and entry.modality == "ct":
                yield entry.name, partial(entry_case, entry, GRID_MM)
    if data is not None:
        for scan in SCANS:
            if scan.split == "train" and (data / scan.image).exists():
                yield scan.name, partial(scan_case, data, scan, GRID_MM)
    for seed in range(torsos):
        yield f"torso_{seed:04d}", partial(torso_case, seed, GRID_MM, "train")


def read_atlases(
    data: Path | None,
    manifest: Path | None,
    torsos: int,
    progress: Progress,
    cancel: CancelToken,
) -> list[Atlas]:
    """All atlases that there are, on voxels of `GRID_MM`.

    Args:
        data: folder of the public scans; what is missing in it is left out.
        manifest: of one's own: its split ``train``, where there are masks.
        torsos: how many torsos are made by rule.
        progress: told after each.
        cancel: checked before each.

    Raises:
        PastaError: there is none, or one cannot be read.
        Cancelled: asked to stop.
    """
    makers = list(_makers(data, manifest, torsos))
    if not makers:
        raise PastaError(
            "There is no atlas: give '--data' with the folder of the public scans, '--manifest' "
            "with labeled scans in the split 'train', or '--torsos'."
        )
    atlases = []
    for number, (name, make) in enumerate(makers):
        cancel.check()
        atlases.append(atlas_of(make()))
        progress((number + 1) / len(makers), f"Atlas {name}")
    return atlases
