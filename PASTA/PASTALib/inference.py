"""CT and model in, organs and lesions out: tiled inference that stays small in memory.

The CT goes to the model's grid, tiles of it through the network, and finished planes of scores
straight back to the CT's geometry. Nothing of (classes x whole grid) is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTALib.closer.verdict import look_closer
from PASTALib.ct import CT, Segmentation
from PASTALib.ct_labels import CTLabels
from PASTALib.errors import PastaError
from PASTALib.findings import drop_improbable, one_type_each
from PASTALib.fluid import let_fluid_decide
from PASTALib.grid import BODY_HU, ModelGrid, Roi, to_model_grid
from PASTALib.hosts import drop_outside_organs, include_lesions
from PASTALib.islands import drop_islands
from PASTALib.progress import CancelToken, Progress, part_of, silent
from PASTALib.scores import ClassTable
from PASTALib.tile_runner import TileRunner
from PASTALib.tiles import rows_of_tiles

if TYPE_CHECKING:
    import torch

    from PASTALib.model import Model, ModelInfo
    from PASTALib.tiles import RollingScores

OVERLAP = 0.25
_REDUCED_BYTES = 48_000_000
"""Float logits that are reduced at once."""


def segment(
    ct: CT,
    model: Model,
    *,
    organs: sitk.Image | None = None,
    roi: Roi | None = None,
    overlap: float = OVERLAP,
    grid: ModelGrid | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Segmentation:
    """Find organs and lesions in a CT.

    Args:
        ct: the CT, in any geometry.
        model: a loaded model; it runs on its own device, and on the CPU if that lacks memory.
        organs: an organ map with catalogue labels in the geometry of the CT. It replaces the
            model's organs, and lesions are kept only in or close to the organ of their type.
        roi: look only in this box; everything outside of it stays empty.
        overlap: least part of a tile that it shares with the next one.
        grid: the CT on the model's grid, where `grid_for` made it before.
        progress: told about every tile.
        cancel: checked before every tile, and a few times a second while resampling.

    Returns:
        Label maps in the geometry of the CT. An organ includes its lesions. What the model outlines
        apart from an organ is left out, but for a run in a `roi`, which sees too little to tell.
        Cyst or tumor of liver and kidneys is what the HU prove, where they do (`PASTALib.fluid`).

    Raises:
        PastaError: `organs` does not fit the CT, `roi` is outside of it, or memory is too small.
        Cancelled: asked to stop.
    """
    if organs is not None:
        _check_fits(organs, ct.image)
    if grid is None:
        grid = grid_for(ct, model.info, roi, progress=part_of(progress, 0, 0.05), cancel=cancel)
    labels = _labels_of_tiles(grid, model, organs is None, overlap, progress, cancel)
    if cancel:
        cancel.check()
    step = ct.image.GetSpacing()[::-1]
    if organs is not None:
        labels.organs[:] = sitk.GetArrayViewFromImage(organs)
        drop_outside_organs(labels.lesions, labels.probability, labels.organs, step)
    types = labels.lesions.copy()
    one_type_each(labels.lesions, labels.probability)
    if model.closer is not None:
        look_closer(
            ct.image,
            labels,
            model.info.spacing_mm,
            model.closer,
            progress=part_of(progress, 0.9, 0.97),
            cancel=cancel,
        )
    progress(0.97, "Putting lesions into their organs")
    drop_improbable(labels.lesions, labels.probability, labels.ct, model.info)
    include_lesions(labels.organs, labels.lesions, step)
    if roi is not None:
        labels.clear_outside(roi)
    elif organs is None:
        drop_islands(labels.organs, labels.lesions, step)
    found = replace(labels.segmentation(), types=labels.ct.place(sitk.GetImageFromArray(types)))
    decided = let_fluid_decide(ct, found)
    progress(1, "Segmentation is done")
    return decided


def grid_for(
    ct: CT,
    info: ModelInfo,
    roi: Roi | None = None,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> ModelGrid:
    """The CT on the grid of a model; the same for every run of that model over it.

    Raises:
        PastaError: `roi` lies outside the CT.
        Cancelled: asked to stop.
    """
    z, y, x = info.patch
    return to_model_grid(
        ct.image, info.spacing_mm, roi, minimum=(x, y, z), progress=progress, cancel=cancel
    )


def _check_fits(organs: sitk.Image, image: sitk.Image) -> None:
    same = organs.GetSize() == image.GetSize() and all(
        np.allclose(getattr(organs, get)(), getattr(image, get)(), atol=1e-3)
        for get in ("GetSpacing", "GetOrigin", "GetDirection")
    )
    if not same:
        raise PastaError(
            "The organ segmentation does not have the size and place of the CT; resample it to "
            "the CT first."
        )


def _labels_of_tiles(
    grid: ModelGrid,
    model: Model,
    with_organs: bool,
    overlap: float,
    progress: Progress,
    cancel: CancelToken | None,
) -> CTLabels:
    """Run all tiles row by row, and bring finished planes to the CT after every row."""
    table = ClassTable(model.info)
    labels = CTLabels(
        grid.source,
        grid.geometry,
        table.structure_labels,
        table.lesion_labels,
        with_organs=with_organs,
    )
    image = sitk.GetArrayViewFromImage(grid.image)
    tiles = part_of(progress, 0.05, 0.9)
    for first, scores in finished_scores(image, model, overlap, tiles, cancel):
        labels.add(table.reduce(scores), first)
    return labels


def finished_scores(
    image: NDArray[np.int16],
    model: Model,
    overlap: float,
    progress: Progress,
    cancel: CancelToken | None,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Scores of an image, some planes after the other, as soon as no tile adds to them any more.

    Args:
        image: HU on the model's grid, ``[z, y, x]``, at least as large as a tile.
        model: the model.
        overlap: least part of a tile that it shares with the next one.
        progress: told about every batch of tiles.
        cancel: checked before each, and before planes are handed on.

    Yields:
        Index of the first plane, and mean logits ``(classes, planes, y, x)``, where there was room.

    Raises:
        PastaError: memory is too small.
        Cancelled: asked to stop.
    """
    rows = rows_of_tiles(image, model.info.patch, overlap, air=BODY_HU)
    total = sum(len(tiles) for tiles in rows.values())
    runner = TileRunner(model, image.shape, progress, total, cancel)
    for start, following in pairwise([*rows, image.shape[0]]):
        runner.run(image, rows[start])
        for first, last in _runs(runner.scores, start, following):
            if cancel:
                cancel.check()
            yield first, runner.scores.means(first, last)
        if following < image.shape[0]:
            runner.scores.drop_before(following)


def _runs(scores: RollingScores, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Planes `first` to before `last` in runs of about `_REDUCED_BYTES`."""
    classes, _, height, width = scores.sums.shape
    planes = max(1, _REDUCED_BYTES // (4 * classes * height * width))
    for start in range(first, last, planes):
        yield start, min(start + planes, last)
