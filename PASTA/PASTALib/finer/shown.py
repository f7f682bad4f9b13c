"""What the finer network is shown: the CT in two windows, the organs, and what may be a lesion.

Organs and suspicion are those of the first network, as in nnU-Net's cascade (Isensee 2021): a
finer tile sees too little of the body to tell a stomach from a colon.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTALib.catalog import catalog
from PASTALib.geometry import Geometry
from PASTALib.grid import ModelGrid

if TYPE_CHECKING:
    from torch import Tensor

ORGANS = tuple(catalog().organs)
"""Those with lesion types, in the order of their channels."""
OTHER = len(ORGANS) + 1
"""Number of all other structures together; 0 is none."""
CHANNELS = 2 + OTHER + 1
WIDE_HU = 400.0
"""Unit of the window that also shows lung and bone."""


@cache
def organ_numbers() -> NDArray[np.uint8]:
    """Look-up table of 256 entries: catalogue label to the number of its organ."""
    table = np.zeros(256, np.uint8)
    for structure in catalog().structures.values():
        table[structure.label] = OTHER
    for number, organ in enumerate(ORGANS, start=1):
        table[list(catalog().organ_labels(organ))] = number
    return table


def shown(
    grid: ModelGrid, organs: NDArray[np.uint8], probability: NDArray[np.uint8]
) -> NDArray[np.int16]:
    """HU, numbers of organs and lesion probability times 255 on a grid, ``(3, z, y, x)``.

    Args:
        grid: a CT on the grid of the finer network.
        organs: catalogue labels of the CT, ``[z, y, x]``.
        probability: lesion probability times 255 of the CT.
    """
    hu = sitk.GetArrayViewFromImage(grid.image).clip(-1024, 3071).round()
    numbers = nearest(organ_numbers()[organs], grid.source, grid.geometry)
    suspicion = grid.source.place(sitk.GetImageFromArray(probability))
    likely = sitk.GetArrayFromImage(grid.geometry.sample(suspicion, 0.0)).round()
    return np.stack([part.astype(np.int16) for part in (hu, numbers, likely)])


def nearest(labels: NDArray[np.uint8], source: Geometry, target: Geometry) -> NDArray[np.uint8]:
    """Labels ``[z, y, x]`` of one geometry at the voxels of another; 0 beyond."""
    moved = sitk.Resample(
        source.place(sitk.GetImageFromArray(labels)),
        target.size,
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        target.origin,
        target.spacing,
        target.direction,
    )
    return sitk.GetArrayFromImage(moved)


def worth_a_look(image: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where a lesion may be: in an organ that has lesion types, or where one is suspected.

    Args:
        image: of `shown`.
    """
    _, numbers, likely = image
    return ((numbers > 0) & (numbers < OTHER)) | (likely > 25)


def channels(hu: Tensor, numbers: Tensor, likely: Tensor) -> Tensor:
    """Input ``(batch, CHANNELS, z, y, x)`` of the network.

    Args:
        hu: ``(batch, z, y, x)``.
        numbers: of organs, likewise.
        likely: lesion probability from 0 to 1, likewise.
    """
    import torch

    from PASTALib.network import compressed

    soft = compressed(hu.clamp(-1000, 1000) / 100)
    wide = (hu / WIDE_HU).clamp(-2.5, 4)
    organs = [(numbers == number).to(soft) for number in range(1, OTHER + 1)]
    return torch.stack([soft, wide, *organs, likely.to(soft)], dim=1)
