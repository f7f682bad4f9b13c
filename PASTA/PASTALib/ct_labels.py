"""Fills the label maps of a CT from the model's scores, as slabs of the model grid are done."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.ct import Segmentation
from PASTALib.geometry import Geometry, is_empty
from PASTALib.grid import Roi
from PASTALib.scores import SlabScores
from PASTALib.upsample import Slab, best_labels


class CTLabels:
    """Organs, lesions and lesion probability of a CT while they are being made.

    Args:
        ct: geometry of the CT.
        grid: geometry of the model grid.
        structure_labels: label of each structure score.
        lesion_labels: label of each lesion type score.
        with_organs: whether the organ map is wanted.
    """

    def __init__(
        self,
        ct: Geometry,
        grid: Geometry,
        structure_labels: tuple[int, ...],
        lesion_labels: tuple[int, ...],
        *,
        with_organs: bool = True,
    ) -> None:
        self.ct = ct
        self.grid = grid
        self.structure_labels = structure_labels
        self.lesion_labels = lesion_labels
        self.with_organs = with_organs
        shape = ct.shape_zyx
        self.organs = np.zeros(shape, np.uint8)
        self.lesions = np.zeros(shape, np.uint8)
        self.probability = np.zeros(shape, np.uint8)
        self._tail: SlabScores | None = None

    def add(self, scores: SlabScores, first: int) -> None:
        """Fill the CT between the planes of `scores`, the first of which is z `first` of the grid.

        Planes come in order and without gaps; the last one is kept to join the next slab to it.
        """
        if self._tail is not None:
            scores, first = self._tail.followed_by(scores), first - 1
        last = first + scores.margin.shape[0] - 1
        self._tail = scores.last_plane()
        slab = Slab(self.grid, self.ct, first, last)
        if self.with_organs and len(scores.organs):
            self._add_organs(slab, scores)
        if scores.probability.any():
            self._add_lesions(slab, scores)

    def _add_organs(self, slab: Slab, scores: SlabScores) -> None:
        box = slab.box()
        if is_empty(box):
            return
        organs = best_labels(slab, scores.organs, self.structure_labels, box, scores.organ, 0)
        slab.write(organs, box, self.organs)

    def _add_lesions(self, slab: Slab, scores: SlabScores) -> None:
        for places in ndimage.find_objects((scores.probability > 0).astype(np.uint8)):
            box = slab.box(places)
            if not is_empty(box):
                seen = slab.interpolated(scores.probability, box, 0, places)
                slab.write(seen.round().astype(np.uint8), box, self.probability)
        inside = scores.margin > 0
        for places in ndimage.find_objects(inside.astype(np.uint8)):
            box = slab.box(places)
            if is_empty(box):
                continue
            types, winner = _spread(scores, inside, places)
            lesions = best_labels(slab, types, self.lesion_labels, box, winner, -np.inf)
            lesions[slab.interpolated(scores.margin, box, -1, places) <= 0] = 0
            slab.write(lesions, box, self.lesions)

    def clear_outside(self, roi: Roi) -> None:
        """Set everything outside of a region of interest to 0."""
        x, y, z = (
            np.arange(count)[:, None] * column
            for count, column in zip(self.ct.size, self.ct.steps_xyz.T, strict=True)
        )
        in_plane = y[:, None] + x + np.asarray(self.ct.origin)
        for number, shift in enumerate(z):
            point = in_plane + shift
            outside = np.any((point < roi.lower) | (point > roi.upper), axis=-1)
            for labels in (self.organs, self.lesions, self.probability):
                labels[number][outside] = 0

    def segmentation(self) -> Segmentation:
        """The finished maps as images at the CT's place."""
        return Segmentation(
            *(
                self.ct.place(sitk.GetImageFromArray(labels))
                for labels in (self.organs, self.lesions, self.probability)
            )
        )


def _spread(
    scores: SlabScores, inside: np.ndarray, places: tuple[slice, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Type scores, and the winning type, of lesion voxels spread to the voxels around them.

    The interpolation at a lesion's rim also reads voxels outside of it. What the network says of
    types there means nothing, and would give the rim another type.
    """
    wide = tuple(
        slice(max(0, s.start - 1), min(n, s.stop + 1))
        for s, n in zip(places, inside.shape, strict=True)
    )
    nearest = ndimage.distance_transform_edt(
        ~inside[wide], return_distances=False, return_indices=True
    )
    near = ndimage.binary_dilation(inside[wide], np.ones((3, 3, 3), bool))
    types = scores.types.copy()
    types[(slice(None), *wide)] = scores.types[(slice(None), *wide)][(slice(None), *nearest)]
    winner = np.zeros_like(scores.type)
    winner[wide] = np.where(near, scores.type[wide][tuple(nearest)], 0)
    return types, winner
