"""Fit what a model says to how often it is right: calibration and least confidence of findings.

The network's probabilities say how sure it is of voxels, in training patches that hold far more
lesions than scans do. How often a finding is real is counted here on the real scans of training,
which show no unknown lesion, and on torsos made by rule that neither training nor evaluation
uses, all of them with and without inserted lesions. The fit goes into ``model.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.confidence import Calibration, raw_log_odds, size_feature
from PASTALib.errors import PastaError
from PASTALib.inference import segment
from PASTALib.lesions import find_lesions
from PASTALib.measure import equivalent_diameter
from PASTALib.model import Model, ModelInfo, load_model, model_folder, write_info
from PASTALib.progress import CancelToken, Progress
from PASTATrain.at_once import at_once
from PASTATrain.evaluation import FOUND_DICE, KnownScan, overlaps, scans, with_lesions

REAL_SCAN_ROUNDS = 4
"""How many times as often lesions are inserted into a real scan as into a torso: there are few real
scans, and what vessels, bowel and noise look like in them is what counts."""
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


def candidates_of(
    scan: KnownScan, everything: Model, rounds: int, seed: int = 11
) -> list[Candidate]:
    """All findings of a model in a scan as it is, and with inserted lesions.

    Args:
        scan: the scan.
        everything: the model, with a least confidence of 0.
        rounds: how often lesions of all types are inserted into a torso; `REAL_SCAN_ROUNDS` times
            as often into a real scan.
        seed: of the lesions.
    """
    name, ct = scan.name, scan.ct
    untouched = segment(ct, everything)
    organs = scan.organs if is_complete(scan.organs) else untouched.organs
    times = rounds if ct.synthetic else REAL_SCAN_ROUNDS * rounds
    found = []
    for number in range(times + 1):
        rng = np.random.default_rng((seed, number, len(name)))
        order = [str(key) for key in rng.permutation(list(catalog().lesion_types))]
        changed, masks = with_lesions(ct, organs, order if number else [], rng)
        masks |= {f"{key} of the patient": mask for key, mask in scan.lesions.items()}
        findings = find_lesions(
            changed,
            segment(changed, everything) if number else untouched,
            model_spacing_mm=everything.info.spacing_mm,
        )
        found += [
            Candidate(
                f"{name}/{number}",
                len(masks),
                finding.type,
                finding.confidence,
                equivalent_diameter(finding.measurements.volume_mm3),
                max(overlaps(finding, masks).values(), default=0.0) >= FOUND_DICE,
            )
            for finding in findings
        ]
    return found


def is_complete(labels: sitk.Image) -> bool:
    """Whether a label map tells more than the lungs; if not, a model's own outlines do."""
    lungs = catalog().organ_labels("lung")
    return bool(set(np.unique(sitk.GetArrayViewFromImage(labels)).tolist()) - {0, *lungs})


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
    processes: int = 1,
    cancel: CancelToken | None = None,
) -> ModelInfo:
    """Calibrate a model and set its least confidence, in its ``model.json``.

    Args:
        folder: the model, by name or folder.
        data: folder of the public scans; what is missing in it is left out.
        torsos: seeds of torsos by rule, in neither training nor evaluation.
        rounds: how often lesions are inserted into each torso; `REAL_SCAN_ROUNDS` times as often
            into a real scan.
        false_per_scan: findings that a scan without a lesion may have on average.
        progress: told after each scan.
        processes: how many scans are looked at at once.
        cancel: checked after each scan.

    Raises:
        PastaError: the model cannot be loaded, or finds too little to be tuned.
        Cancelled: asked to stop; the model is as before.
    """
    model = load_model(folder)
    raw = replace(model.info, calibration=Calibration(), least_confidence=0.0)
    look = partial(candidates_of, everything=replace(model, info=raw), rounds=rounds)
    known = list(scans(data, torsos, "train"))
    found: list[Candidate] = []
    for number, of_scan in enumerate(at_once(look, known, processes), 1):
        found += of_scan
        said = f"{known[number - 1].name}: {len(of_scan)} candidates"
        progress(number / len(known), said)
        if cancel:
            cancel.check()
    calibration = fit(found)
    without = sum(1 for scan in known if not scan.lesions)
    least = least_confidence(found, calibration, without, false_per_scan)
    info = replace(model.info, calibration=calibration, least_confidence=least)
    write_info(model_folder(folder), info)
    return info
