"""Has the finer network outline lesions, in place of what the first network outlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PASTALib.ct_labels import CTLabels
from PASTALib.finer.shown import shown, worth_a_look
from PASTALib.grid import Roi, to_model_grid
from PASTALib.progress import CancelToken, Progress, part_of, silent
from PASTALib.scores import ClassTable
from PASTALib.tile_runner import finished_scores
from PASTALib.tiles import rows_of_tiles

if TYPE_CHECKING:
    import SimpleITK as sitk

    from PASTALib.model import Model


def outline_finer(
    image: sitk.Image,
    labels: CTLabels,
    finer: Model,
    roi: Roi | None,
    overlap: float,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> None:
    """Outline lesions anew.

    Args:
        image: the CT.
        labels: organs, lesions and lesion probability of the first network; lesions and
            probability become those of the finer one.
        finer: the finer network.
        roi: look only in this box.
        overlap: least part of a tile that it shares with the next one.
        progress: told the fraction done.
        cancel: checked before every tile.

    Raises:
        PastaError: memory is too small.
        Cancelled: asked to stop.
    """
    z, y, x = finer.info.patch
    grid = to_model_grid(
        image,
        finer.info.spacing_mm,
        roi,
        minimum=(x, y, z),
        progress=part_of(progress, 0, 0.1),
        cancel=cancel,
    )
    seen = shown(grid, labels.organs, labels.probability)
    rows = rows_of_tiles(worth_a_look(seen), finer.info.patch, overlap, air=0)
    table = ClassTable(finer.info)
    fresh = CTLabels(grid.source, grid.geometry, (), table.lesion_labels, with_organs=False)
    for first, scores in finished_scores(seen, finer, rows, part_of(progress, 0.1, 1), cancel):
        fresh.add(table.reduce(scores), first)
    labels.lesions[:] = fresh.lesions
    labels.probability[:] = fresh.probability
