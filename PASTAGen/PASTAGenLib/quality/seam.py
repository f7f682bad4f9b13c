"""No seam: can a trained classifier see that something was inserted, where nothing should show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from PASTAGenLib.quality.hidden_lesions import HiddenLesion
from PASTAGenLib.quality.noise_power import NoiseRatio, noise_ratios
from PASTAGenLib.quality.seam_network import cross_validated, regions
from PASTALib.progress import Progress

FOLDS = 3
OURS, PUSHED = "ours", "ours with mass effect"
BOOTSTRAPS = 1000


@dataclass(frozen=True)
class SeamScore:
    """Area under the ROC curve of the classifier, with its 95 % interval.

    Attributes:
        what: what was inserted.
        scans: ``all``, ``real``, ``torso`` or the name of a scan.
        auc: 0.5 is chance.
        low, high: interval over places drawn again with replacement.
        places: number of places, each with one untouched and one inserted crop.
    """

    what: str
    scans: str
    auc: float
    low: float
    high: float
    places: int


@dataclass(frozen=True)
class Seam:
    """What the classifier and the measure of noise find.

    Attributes:
        scores: of the classifier.
        noise: ratios of every lesion.
        changed: share of the voxels of lesions without mass effect that are other than before.
    """

    scores: tuple[SeamScore, ...]
    noise: tuple[NoiseRatio, ...]
    changed: float


def judge_seam(lesions: Sequence[HiddenLesion], seed: int, progress: Progress) -> Seam:
    """Train the classifier on our lesions and on two faulty ones that it has to find.

    The faulty ones show that the classifier can see: the same masks filled with white noise of the
    right strength but without the scan's grain, and with the scan's own noise made weaker.
    """
    kinds = {
        OURS: [lesion.after for lesion in lesions],
        PUSHED: [lesion.pushed for lesion in lesions],
        "control: noise without grain": [
            _white(lesion, seed + k) for k, lesion in enumerate(lesions)
        ],
        "control: noise 30 % weaker": [_weaker(lesion) for lesion in lesions],
    }
    scans = [lesion.scan for lesion in lesions]
    folds = regions(scans, np.array([lesion.center for lesion in lesions]), FOLDS)
    untouched = [lesion.before for lesion in lesions]
    scores: list[SeamScore] = []
    for number, (what, crops) in enumerate(kinds.items()):
        progress(number / len(kinds), f"Classifier of seams: {what}")
        both = np.stack([*untouched, *crops])
        labels = np.repeat([0, 1], len(lesions))
        found = cross_validated(both, labels, np.tile(folds, 2), seed)
        groups = {
            "all": np.ones(len(lesions), bool),
            "real": np.array([lesion.real for lesion in lesions]),
            "torso": np.array([not lesion.real for lesion in lesions]),
            **{name: np.array([s == name for s in scans]) for name in dict.fromkeys(scans)},
        }
        healthy, inserted = found[: len(lesions)], found[len(lesions) :]
        scores += [
            _score(what, name, healthy[own], inserted[own], seed)
            for name, own in groups.items()
            if own.any() and (name == "all" or what in (OURS, PUSHED))
        ]
    differs = np.concatenate([(one.after != one.before)[one.mask] for one in lesions])
    return Seam(tuple(scores), tuple(noise_ratios(lesions)), float(differs.mean()))


def _white(lesion: HiddenLesion, seed: int) -> NDArray[np.int16]:
    """The lesion's voxels replaced by their mean and uncorrelated noise of their SD."""
    inside = lesion.before[lesion.mask]
    noise = np.random.default_rng(seed).normal(inside.mean(), inside.std(), inside.size)
    crop = lesion.before.copy()
    crop[lesion.mask] = np.rint(noise)
    return crop


def _weaker(lesion: HiddenLesion) -> NDArray[np.int16]:
    """The lesion's own voxels with 30 % less of what differs from their local mean."""
    hu = lesion.before.astype(np.float32)
    fine = hu - ndimage.gaussian_filter(hu, (0, 1.5, 1.5))
    return np.where(lesion.mask, np.rint(hu - 0.3 * fine), hu).astype(np.int16)


def area_under_curve(healthy: NDArray[np.float64], inserted: NDArray[np.float64]) -> float:
    """Chance that an inserted crop scores higher than a healthy one; ties count half."""
    ranks = rankdata(np.concatenate([healthy, inserted]))[len(healthy) :]
    wins = ranks.sum() - len(inserted) * (len(inserted) + 1) / 2
    return float(wins / (len(healthy) * len(inserted)))


def _score(
    what: str,
    scans: str,
    healthy: NDArray[np.float64],
    inserted: NDArray[np.float64],
    seed: int,
) -> SeamScore:
    """The area, and its interval by drawing places, each with both of its crops."""
    rng, count = np.random.default_rng(seed), len(healthy)
    drawn = []
    for _ in range(BOOTSTRAPS):
        chosen = rng.integers(0, count, count)
        drawn.append(area_under_curve(healthy[chosen], inserted[chosen]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    auc = area_under_curve(healthy, inserted)
    return SeamScore(what, scans, auc, float(low), float(high), count)
