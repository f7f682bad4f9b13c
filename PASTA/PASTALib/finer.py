"""A second look for lesions with the same network, on finer voxels.

The network was trained with patients scaled by up to a quarter, so to it finer voxels are a larger
patient; and what is small or faint on its own voxels shows here. Both looks count alike, by the
mean of their log odds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTALib.catalog import catalog
from PASTALib.ct_labels import CTLabels
from PASTALib.geometry import Geometry
from PASTALib.grid import Roi, to_model_grid
from PASTALib.progress import CancelToken, Progress, part_of, silent
from PASTALib.scores import SCALE, LesionTable
from PASTALib.tile_runner import finished_scores
from PASTALib.tiles import rows_of_tiles

if TYPE_CHECKING:
    from PASTALib.model import Model

SUSPECTED = 25
"""Lesion probability times 255 from which a place is looked at again, also outside of organs."""
NO_LESION = -30.0
"""Margin, in logits, where the first look did not see."""


def look_again(
    image: sitk.Image,
    labels: CTLabels,
    margin: sitk.Image,
    model: Model,
    roi: Roi | None,
    overlap: float,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> None:
    """Outline lesions by both looks together.

    Args:
        image: the CT.
        labels: organs, lesions and lesion probability of the first look; lesions and probability
            become those of both.
        margin: lesion margin of the first look on its own grid, see `PASTALib.scores.SlabScores`.
        model: the network, and the voxels of the second look.
        roi: look only in this box.
        overlap: least part of a tile that it shares with the next one.
        progress: told the fraction done.
        cancel: checked before every tile.

    Raises:
        PastaError: memory is too small.
        Cancelled: asked to stop.
    """
    import torch

    z, y, x = model.info.patch
    grid = to_model_grid(
        image,
        model.info.finer_mm,
        roi,
        minimum=(x, y, z),
        progress=part_of(progress, 0, 0.1),
        cancel=cancel,
    )
    worth = _on_grid(worth_a_look(labels), grid.source, grid.geometry)
    rows = rows_of_tiles(worth, model.info.patch, overlap, air=0)
    table = LesionTable(model.info)
    both = CTLabels(grid.source, grid.geometry, (), table.lesion_labels, with_organs=False)
    seen = sitk.GetArrayViewFromImage(grid.image)
    for first, scores in finished_scores(seen, model, rows, part_of(progress, 0.1, 1), cancel):
        width, height, _ = grid.geometry.size
        box = (0, 0, first), (width, height, first + scores.shape[1])
        earlier = grid.geometry.cropped(box).sample(margin, NO_LESION * SCALE)
        logits = torch.from_numpy(sitk.GetArrayFromImage(earlier) / SCALE)
        both.add(table.reduce(scores, logits), first)
    labels.lesions[:] = both.lesions
    labels.probability[:] = both.probability


def worth_a_look(labels: CTLabels) -> NDArray[np.uint8]:
    """1 where a lesion may be: in an organ that has lesion types, or where one is suspected."""
    table = np.zeros(256, np.uint8)
    for organ in catalog().organs:
        table[list(catalog().organ_labels(organ))] = 1
    return table[labels.organs] | (labels.probability >= SUSPECTED)


def _on_grid(mask: NDArray[np.uint8], source: Geometry, target: Geometry) -> NDArray[np.uint8]:
    """A mask ``[z, y, x]`` at the voxels of another grid, nearest neighbor."""
    moved = sitk.Resample(
        source.place(sitk.GetImageFromArray(mask)),
        target.size,
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        target.origin,
        target.spacing,
        target.direction,
    )
    return sitk.GetArrayFromImage(moved)
