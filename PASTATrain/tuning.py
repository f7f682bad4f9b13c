"""Fit what a model says to how often it is right: calibration and least confidence of findings.

The network's probabilities say how sure it is of voxels, in training patches that hold far more
lesions than scans do. How often a finding is real is counted here on torsos made by rule that
neither training nor evaluation uses, with and without inserted lesions, and on the training scans,
which show none. The fit goes into ``model.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.confidence import Calibration, raw_log_odds, size_feature
from PASTALib.errors import PastaError
from PASTALib.inference import segment
from PASTALib.lesions import find_lesions
from PASTALib.measure import equivalent_diameter
from PASTALib.model import Model, ModelInfo, load_model, model_folder, write_info
from PASTALib.progress import Progress
from PASTATrain.evaluation import FOUND_DICE, overlaps, scans, with_lesions

FEWEST = 20
"""Real and false findings each that a fit needs."""
REGULARIZATION = 1.0
"""Inverse strength of the L2 penalty that keeps the offset of a rarely found type near the mean."""


@dataclass(frozen=True)
class Candidate:
    """A finding before anything was dropped.

    Attributes:
        scan: name of the scan and round.
        lesions: how many true lesions are in that scan.
        type: lesion type that the model says.
        raw: raw confidence.
        diameter_mm: of a sphere of the same volume.
        real: whether it overlaps a true lesion with a Dice of 0.1 or more.
    """

    scan: str
    lesions: int
    type: str
    raw: float
    diameter_mm: float
    real: bool


def candidates(
    model: Model, data: Path, torsos: Sequence[int], rounds: int, progress: Progress, seed: int = 11
) -> Iterator[Candidate]:
    """All findings of a model, also improbable ones, on the scans for tuning."""
    everything = replace(model, info=replace(model.info, least_confidence=0.0))
    for name, ct, labels in scans(data, torsos, "train"):
        for number in range(rounds + 1):
            rng = np.random.default_rng((seed, number, len(name)))
            order = [str(key) for key in rng.permutation(list(catalog().lesion_types))]
            changed, masks = with_lesions(ct, labels, order if number else [], rng)
            findings = find_lesions(
                changed,
                segment(changed, everything),
                model_spacing_mm=model.info.spacing_mm,
            )
            for finding in findings:
                best = max(overlaps(finding, masks).values(), default=0.0)
                yield Candidate(
                    f"{name}/{number}",
                    len(masks),
                    finding.type,
                    finding.confidence,
                    equivalent_diameter(finding.measurements.volume_mm3),
                    best >= FOUND_DICE,
                )
            progress(0.0, f"{name}, round {number} of {rounds}: {len(findings)} candidates")


def fit(found: Sequence[Candidate]) -> Calibration:
    """Logistic regression of "is real" on raw log odds, size and type.

    Raises:
        PastaError: there are too few real or too few false findings.
    """
    from sklearn.linear_model import LogisticRegression

    real = np.array([candidate.real for candidate in found])
    if min(real.sum(), (~real).sum()) < FEWEST:
        raise PastaError(
            f"{real.sum()} real and {(~real).sum()} false findings are too few for a calibration; "
            f"{FEWEST} of each are needed: give more torsos."
        )
    types = list(catalog().lesion_types)
    rows = np.zeros((len(found), 2 + len(types)))
    rows[:, 0] = [raw_log_odds(candidate.raw) for candidate in found]
    rows[:, 1] = [size_feature(candidate.diameter_mm) for candidate in found]
    rows[range(len(found)), [2 + types.index(candidate.type) for candidate in found]] = 1
    fitted = LogisticRegression(C=REGULARIZATION, max_iter=1000).fit(rows, real)
    slope, size, *offsets = (float(value) for value in fitted.coef_[0])
    base = float(fitted.intercept_[0])
    return Calibration(
        round(max(slope, 0.05), 4),
        round(size, 4),
        {key: round(base + offset, 4) for key, offset in zip(types, offsets, strict=True)},
    )


def least_confidence(
    found: Sequence[Candidate], calibration: Calibration, scans_without: int, false_per_scan: float
) -> float:
    """Smallest confidence with at most `false_per_scan` findings in a scan without a lesion."""
    false = sorted(
        (calibration(c.type, c.raw, c.diameter_mm) for c in found if not c.lesions),
        reverse=True,
    )
    allowed = int(false_per_scan * scans_without)
    return round(false[allowed] + 1e-4, 4) if len(false) > allowed else 0.0


def tune(
    folder: Path | str,
    data: Path,
    torsos: Sequence[int],
    rounds: int,
    false_per_scan: float,
    progress: Progress,
) -> ModelInfo:
    """Calibrate a model and set its least confidence, in its ``model.json``.

    Args:
        folder: the model, by name or folder.
        data: folder of the public scans; what is missing in it is left out.
        torsos: seeds of torsos by rule, in neither training nor evaluation.
        rounds: how often lesions are inserted into each scan.
        false_per_scan: findings that a scan without a lesion may have on average.
        progress: told after each scan.

    Raises:
        PastaError: the model cannot be loaded, or finds too little to be tuned.
    """
    model = load_model(folder)
    raw = replace(model, info=replace(model.info, calibration=Calibration()))
    found = list(candidates(raw, data, torsos, rounds, progress))
    calibration = fit(found)
    without = sum(1 for _ in scans(data, torsos, "train"))
    least = least_confidence(found, calibration, without, false_per_scan)
    info = replace(model.info, calibration=calibration, least_confidence=least)
    write_info(model_folder(folder), info)
    return info
