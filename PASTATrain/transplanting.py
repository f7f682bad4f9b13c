"""Torsos made by rule with the organs of a real patient: real shapes, everything around labeled.

Published label maps show the organs of the upper abdomen as they really lie, but neither spine nor
bowel nor wall around them, and their CT cannot always be had. Torsos made by rule have all of that,
and organs that are too regular. Here the organs of a map take the place of the torso's own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTATrain.cases import Case
from PASTATrain.painting import paint, smooth_noise

MOVED = (
    "liver", "spleen", "kidney_right", "kidney_left", "stomach", "duodenum", "gallbladder",
    "pancreas",
)  # fmt: skip
"""Structures that are taken from a map."""
FITTED = ("liver", "spleen", "kidney_right", "kidney_left")
"""Those whose extent says how a map is laid into a torso."""
MOST_SCALED = 1.2
KEPT = (
    "vertebrae", "sacrum", "ribs", "sternum", "hip_bone", "limb_bones", "back_muscle", "heart",
    "aorta", "inferior_vena_cava",
)  # fmt: skip
"""Structures of the torso that no organ of a map grows into."""
WALL_MM = 40.0
"""So near to the skin, soft tissue without a label is the wall of the body."""
FAT_HU = (-115.0, -95.0)
LUNG_GAP_MM = 30.0
"""So near to a lung, what an organ of the torso leaves empty becomes lung."""


def transplanted(torso: Case, organs: NDArray[np.uint8], rng: np.random.Generator) -> Case:
    """A torso whose upper abdominal organs are those of a map.

    Args:
        torso: made by rule.
        organs: catalogue labels ``[z, y, x]`` of the map, LPS axes, with the torso's spacing;
            structures that are not in `MOVED` are not looked at.
        rng: draws attenuations and noise.

    Raises:
        PastaError: torso and map share no structure to lay one into the other.
    """
    laid = _laid_into(organs, torso.labels)
    painted = paint(laid, torso.spacing_mm, torso.phase, rng)
    labels, hu = torso.labels.copy(), torso.hu.astype(np.float32)
    moved = np.unique(laid[laid > 0])
    emptied = np.isin(labels, moved)
    labels[emptied] = 0
    hu[emptied] = rng.uniform(*FAT_HU) + 12 * smooth_noise(hu.shape, 0.7, rng)[emptied]
    pasted = (laid > 0) & ~_kept(torso)
    labels[pasted], hu[pasted] = laid[pasted], painted[pasted]
    _close_below_lungs(labels, hu, emptied & ~pasted, torso)
    seam = ndimage.binary_dilation(pasted) & ~ndimage.binary_erosion(pasted)
    hu[seam] = ndimage.gaussian_filter(hu, 0.5)[seam]
    return replace(torso, hu=np.clip(hu, -1024, 3071).astype(np.int16), labels=labels)


def _laid_into(organs: NDArray[np.uint8], torso: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The organs of a map in the place of the torso's, each axis scaled by a few percent."""
    theirs = np.where(np.isin(organs, _labels(MOVED)), organs, 0)
    shared = np.intersect1d(np.intersect1d(theirs, torso), _labels(FITTED))
    if not len(shared):
        raise PastaError("The label map shows neither liver nor spleen nor kidneys.")
    (low, high), (their_low, their_high) = (
        np.percentile(np.argwhere(np.isin(labels, shared)), (1, 99), axis=0)
        for labels in (torso, theirs)
    )
    scale = (their_high - their_low) / np.maximum(high - low, 1)
    scale = np.clip(scale, 1 / MOST_SCALED, MOST_SCALED)
    offset = (their_low + their_high) / 2 - scale * (low + high) / 2
    return ndimage.affine_transform(theirs, scale, offset, torso.shape, order=0)


def _kept(torso: Case) -> NDArray[np.bool_]:
    """Where a torso stays as it is: bones, heart, great vessels, the wall, and outside of it."""
    body = ndimage.binary_fill_holes(torso.hu > -300)
    depth = ndimage.distance_transform_edt(body, sampling=torso.spacing_mm)
    wall = (torso.labels == 0) & (torso.hu > 0) & (depth < WALL_MM)
    return np.isin(torso.labels, _labels(KEPT)) | wall | ~body


def _close_below_lungs(
    labels: NDArray[np.uint8], hu: NDArray[np.float32], gap: NDArray[np.bool_], torso: Case
) -> None:
    """Let the lungs reach down to an organ that ends lower than the torso's own did."""
    for key in ("lung_right", "lung_left"):
        lung = torso.labels == catalog().label(key)
        if not lung.any():
            continue
        away = ndimage.distance_transform_edt(~lung, sampling=torso.spacing_mm)
        near = gap & (away < LUNG_GAP_MM)
        labels[near], hu[near] = catalog().label(key), np.median(torso.hu[lung])


def _labels(keys: tuple[str, ...]) -> list[int]:
    return [label for key in keys for label in catalog().labels_of(key)]
