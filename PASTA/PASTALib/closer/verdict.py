"""Has every candidate looked at once more, and changes the lesion probability accordingly."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from PASTALib.closer.candidates import Candidate, candidates_in
from PASTALib.closer.look import CloserLook
from PASTALib.closer.sight import sight_of
from PASTALib.confidence import raw_log_odds
from PASTALib.ct_labels import CTLabels
from PASTALib.progress import CancelToken, Progress, silent

BATCH = 16


def look_closer(
    image: sitk.Image,
    labels: CTLabels,
    spacing_mm: float,
    look: CloserLook,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> None:
    """Judge what the first network outlined.

    The probability of each candidate is moved so that its raw confidence is what the closer look
    says. What is improbable stays there: dropping it is a matter of the model's least confidence.

    Args:
        image: the CT.
        labels: organs, lesions and probability of it; the last is changed.
        spacing_mm: of the first network's grid.
        look: the closer look.
        progress: told the fraction done.
        cancel: checked before each few candidates.
    """
    candidates = list(candidates_in(labels.lesions, labels.probability, labels.ct, spacing_mm))
    hu = sitk.GetArrayViewFromImage(image)
    for first in range(0, len(candidates), BATCH):
        if cancel:
            cancel.check()
        progress(first / len(candidates), "Looking closer at what may be lesions")
        some = candidates[first : first + BATCH]
        sights = [sight_of(candidate, hu, labels.organs) for candidate in some]
        for candidate, log_odds in zip(some, look(some, sights), strict=True):
            settle(labels, candidate, float(log_odds))


def settle(labels: CTLabels, candidate: Candidate, log_odds: float) -> None:
    """Make the raw confidence of a candidate what is now known of it."""
    place, mask = candidate.region.slices, candidate.region.mask
    before = log_odds_of(labels.probability[place][mask])
    after = 1 / (1 + np.exp(-(before + log_odds - raw_log_odds(candidate.raw))))
    labels.probability[place][mask] = (255 * after).round().astype(np.uint8)


def log_odds_of(probability: np.ndarray) -> np.ndarray:
    """Log odds of a probability times 255, finite at its ends."""
    share = np.clip(probability / 255.0, 1 / 510, 1 - 1 / 510)
    odds: np.ndarray = np.log(share / (1 - share))
    return odds
