"""Carried labels and the present model made one: each answers where the other is unsure.

The share of the vote is taken for what was believed before the model looked, and the model's
probability for what it saw; their product, made to sum to 1, is what is believed of a voxel. A
structure that the model was never taught is background to it, so there the vote alone decides
between the two. What nobody is sure of stays unknown, and so does what the model takes for a
lesion: no organ label must teach that there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.grid import BODY_HU, to_model_grid
from PASTALib.inference import OVERLAP, finished_scores
from PASTALib.progress import CancelToken, Progress, silent
from PASTATrain.carrying.atlases import GRID_MM, whole
from PASTATrain.carrying.fusing import Votes
from PASTATrain.classes import IGNORE
from PASTATrain.pseudo_labels import SURE

if TYPE_CHECKING:
    from PASTALib.model import Model

DOUBT = 0.15
"""Share of the vote that every structure of the model keeps, also where no atlas has it."""
OFF_MM = 6.0
"""How far carried borders are off (standard deviation): shares are spread so far before the model
is asked. On a scan kept out of training, wrong labels fell from 20.0 to 19.5 % by it."""
LESION = 0.2
"""Probability of a lesion, of all types together, from which a voxel is unknown."""


def probabilities(
    ct: sitk.Image,
    grid: sitk.Image,
    model: Model,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> np.ndarray:
    """Float16 probabilities of all classes of a model ``(classes, z, y, x)`` on a grid.

    Args:
        ct: the CT.
        grid: image whose voxels are asked for.
        model: the model, on its own voxels.
        progress: told about each tile.
        cancel: checked before each tile.

    Raises:
        PastaError: memory is too small.
        Cancelled: asked to stop.
    """
    depth, height, width = model.info.patch
    own = to_model_grid(ct, model.info.spacing_mm, minimum=(width, height, depth)).image
    image = sitk.GetArrayViewFromImage(own)
    shares = np.zeros((len(model.info.classes), *image.shape), np.float16)
    for first, scores in finished_scores(image, model, OVERLAP, progress, cancel):
        shares[:, first : first + scores.shape[1]] = scores.softmax(0).cpu().numpy()
    moved = np.zeros((len(shares), *grid.GetSize()[::-1]), np.float16)
    for channel, share in enumerate(shares):
        layer = sitk.GetImageFromArray(share.astype(np.float32))
        layer.CopyInformation(own)
        outside = 1.0 if channel == 0 else 0.0
        resampled = sitk.Resample(layer, grid, sitk.Transform(), sitk.sitkLinear, outside)
        moved[channel] = sitk.GetArrayViewFromImage(resampled)
    return moved


def labels_of_votes(hu: np.ndarray, votes: Votes) -> np.ndarray:
    """uint8 labels of the vote alone, unknown where fewer than `SURE` of it agree.

    Args:
        hu: the CT, ``[z, y, x]``; what is air is background.
        votes: of the atlases.
    """
    labels = votes.labels[votes.shares.argmax(axis=0)]
    labels[votes.shares.max(axis=0) < 255 * SURE] = IGNORE
    labels[hu < BODY_HU] = np.where(labels == IGNORE, 0, labels)[hu < BODY_HU]
    return labels


def sure_labels(hu: np.ndarray, seen: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """uint8 labels of the model alone where it is sure; same arguments as `refined`."""
    return refined(
        hu, Votes(np.zeros(1, np.uint8), np.zeros((1, *hu.shape), np.uint8)), seen, classes
    )


def agreement(guide: np.ndarray, carried: np.ndarray) -> float:
    """Share of carried labels ``[z, y, x]`` that are right, where a guide names a structure.

    0 where the two have nothing in common, 1 where the guide names none.
    """
    named = (guide != 0) & (guide != IGNORE)
    if not named.any():
        return 1.0
    common = named & (carried != IGNORE)
    return float((carried == guide)[common].mean()) if common.any() else 0.0


def refined(hu: np.ndarray, votes: Votes, seen: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """uint8 labels of vote and model together; see above.

    Args:
        hu: the CT, ``[z, y, x]``; what is air and no organ is background.
        votes: of the atlases.
        seen: probabilities of the model, ``(classes, z, y, x)``.
        classes: catalogue keys of its channels, the first ``background``.
    """
    believed = _model_beliefs(seen, classes)
    lesion = sum((seen[n] for n, key in enumerate(classes) if key in catalog().lesion_types), 0.0)
    share_of = {int(label): share for label, share in zip(votes.labels, votes.shares, strict=True)}
    best, total = np.zeros(hu.shape, np.float32), np.zeros(hu.shape, np.float32)
    labels = np.zeros(hu.shape, np.uint8)
    for label in sorted({*believed, *share_of}):
        # Without doubt where the model knows nothing of it: these would share its background.
        prior = np.full(hu.shape, DOUBT if label in believed else 0.0, np.float32)
        if label in share_of:
            share = share_of[label].astype(np.float32) / 255
            prior += ndimage.gaussian_filter(share, OFF_MM / GRID_MM)
        belief = prior * believed.get(label, believed[0])
        labels[belief > best] = label
        best = np.maximum(best, belief)
        total += belief
    labels[(best < SURE * total) | (lesion >= LESION)] = IGNORE
    labels[(hu < BODY_HU) & (labels == IGNORE)] = 0
    return labels


def _model_beliefs(seen: np.ndarray, classes: tuple[str, ...]) -> dict[int, np.ndarray]:
    """Probability of background and of each structure of a model, parts added to their whole."""
    believed: dict[int, np.ndarray] = {0: seen[0].astype(np.float32)}
    for channel, key in enumerate(classes):
        if key in catalog().structures:
            label = whole(catalog().label(key))
            believed[label] = believed.get(label, 0.0) + seen[channel].astype(np.float32)
    return believed
