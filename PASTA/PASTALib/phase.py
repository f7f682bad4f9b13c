"""Contrast phase and body region: hints from DICOM tags, estimates from organs and their HU.

The estimate compares the median HU of the aorta, the veins, kidneys, liver, spleen and pancreas
with the catalogue's reference table (``Resources/Catalog/hu.json``, one source per row), so that
there are no further thresholds here. Tags are hints only: a contrast agent may be entered for a
scan that was made before it was given, and descriptions are free text.
"""

from __future__ import annotations

import re

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import HU, PHASE_NAMES, PHASES, Catalog, catalog
from PASTALib.ct import UNKNOWN, Estimate

_REFERENCES = {
    "aorta": "blood",
    "portal_vein": "vein",
    "inferior_vena_cava": "vein",
    "kidney": "kidney",
    "liver": "liver",
    "spleen": "spleen",
    "pancreas": "pancreas",
}
"""Structure (or organ) whose median is compared -> row of the reference HU table."""
_SAID_BY_MANY = 0.5
"""The organs of one patient are no independent witnesses: weight of each after the first."""
_TIMING_SD = {"aorta": 0.25, "portal_vein": 0.2, "inferior_vena_cava": 0.45, "kidney": 0.2}
"""Spread by timing and dose, as a share of the mean enhanced HU, added to the table's own. The
infrarenal cava is still unmixed at 70 s, therefore its large value. Chosen so that medians half
way between two phases give about even odds."""
_FLOOR_SD = 8.0
"""Between-scanner spread (HU) that every value has, facts of section 4.1: 8 to 15 HU."""
_SAMPLE_MM = 2.0
_LEAST_VOXELS = 60

_WORDS: tuple[tuple[str, str], ...] = (
    ("portal_venous", r"portal|porto|\bpv\b|\bpvp\b|ven(ous|oes|ös|eux|osa)|\b70 ?s\b"),
    ("arterial", r"arter|\bcta\b|angio|\bart\b|\bap\b"),
    (
        "non_contrast",
        r"nativ|non[- ]?contrast|unenhanced|without|\bw/?o\b|\bnc(ct)?\b|plain|ohne|sans",
    ),
)
_REGION_WORDS = {
    "chest": r"chest|thora|lung|\btho\b",
    "abdomen": r"abdom|liver|kidney|renal|pancrea|\babd\b|torso|\btap\b|\bcap\b",
    "pelvis": r"pelvi|becken|bladder|torso|\btap\b|\bcap\b",
}
_REGION_ML: dict[str, tuple[tuple[str, float], ...]] = {
    "chest": (("lung", 300.0), ("heart", 100.0)),
    "abdomen": (("liver", 100.0), ("kidney", 40.0), ("spleen", 30.0), ("pancreas", 15.0)),
    "pelvis": (("hip_bone", 40.0), ("bladder", 15.0), ("sacrum", 30.0), ("prostate", 8.0)),
}
"""Structure or organ of a region -> volume (ml) from which the region counts as seen. About a
tenth to a third of an adult organ, so that the edge of a neighboring region does not count."""


def phase_from_tags(tags: dict[str, str], description: str) -> Estimate | None:
    """Contrast phase that DICOM tags hint at, or None.

    Args:
        tags: DICOM tags (``0018|0010``) and their text.
        description: series description without identifying words.
    """
    for phase, pattern in _WORDS:
        if re.search(pattern, description, re.IGNORECASE):
            return Estimate(phase, 0.6, "series description")
    agent = tags.get("0018|0010", "").strip()
    if agent.lower() in ("no", "none", "n", "nein", "without"):
        return Estimate("non_contrast", 0.5, "contrast agent tag")
    if agent:  # most body scans with contrast are portal venous
        return Estimate("portal_venous", 0.35, "contrast agent tag")
    return None


def region_from_tags(tags: dict[str, str]) -> Estimate | None:
    """Body regions that the tag Body Part Examined names, or None."""
    text = tags.get("0018|0015", "")
    regions = [name for name, words in _REGION_WORDS.items() if re.search(words, text, re.I)]
    if not regions:
        return None
    return Estimate(", ".join(regions), 0.6, "body part tag")


def _labels(key: str, known: Catalog) -> tuple[int, ...]:
    """Labels of a structure with its parts, or of an organ."""
    own = known.organ_labels(key) if key in known.organs else ()
    return own or known.labels_of(key)


def organ_medians(image: sitk.Image, organs: sitk.Image) -> dict[str, float]:
    """Median HU inside the structures that tell the phase.

    Looks at voxels about 2 mm apart that are not at the rim of their structure (where a coarse
    label map mixes it with its neighbors), and leaves out structures that are hardly seen.

    Args:
        image: CT in HU.
        organs: catalogue labels in the same geometry.
    """
    step = tuple(max(1, round(_SAMPLE_MM / mm)) for mm in image.GetSpacing()[::-1])
    pick = tuple(slice(None, None, n) for n in step)
    hu = sitk.GetArrayViewFromImage(image)[pick]
    labels = sitk.GetArrayViewFromImage(organs)[pick]
    known = catalog()
    medians = {}
    for key in _REFERENCES:
        mask = np.isin(labels, _labels(key, known))
        if np.count_nonzero(mask) < _LEAST_VOXELS:
            continue
        inner = mask.copy()
        for axis in range(3):
            inner &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
        chosen = inner if np.count_nonzero(inner) >= _LEAST_VOXELS else mask
        medians[key] = float(np.median(hu[chosen]))
    return medians


def _log_likelihood(value: float, reference: HU, timing: float) -> float:
    """Of a median under a reference, with the heavy tails of Student's t (4 degrees)."""
    sd = float(np.hypot(np.hypot(reference.sd, _FLOOR_SD), timing))
    return -float(np.log(sd) + 2.5 * np.log1p(((value - reference.mean) / sd) ** 2 / 4))


def phase_of_medians(medians: dict[str, float]) -> Estimate:
    """Contrast phase that fits the median HU of structures best.

    Args:
        medians: HU by structure or organ key, as from `organ_medians`.

    Returns:
        The phase with its share among the three as confidence; unknown where nothing is given.
    """
    if not medians:
        return UNKNOWN
    table = catalog().normal_hu
    scores = np.zeros(len(PHASES))
    for key, value in medians.items():
        for column, phase in enumerate(PHASES):
            reference = table[_REFERENCES[key]][phase]
            enhanced = 0.0 if phase == "non_contrast" else _TIMING_SD.get(key, 0.1)
            scores[column] += _log_likelihood(value, reference, enhanced * reference.mean)
    scores *= (1 + _SAID_BY_MANY * (len(medians) - 1)) / len(medians)
    odds = np.exp(scores - scores.max())
    best = int(odds.argmax())
    ceiling = 0.95 if "aorta" in medians else 0.8  # fat and iron shift parenchyma
    seen = ", ".join(f"{key.replace('_', ' ')} {value:.0f}" for key, value in medians.items())
    confidence = min(ceiling, float(odds[best] / odds.sum()))
    return Estimate(PHASES[best], round(confidence, 2), f"median HU: {seen}")


def estimate_phase(image: sitk.Image, organs: sitk.Image) -> Estimate:
    """Contrast phase from the HU of organs; unknown where no telling organ is seen.

    Args:
        image: CT in HU.
        organs: catalogue labels in the same geometry.
    """
    return phase_of_medians(organ_medians(image, organs))


def estimate_region(image: sitk.Image, organs: sitk.Image) -> Estimate:
    """Body regions from the volumes of organs, such as ``chest, abdomen``.

    Args:
        image: CT in HU.
        organs: catalogue labels in the same geometry.
    """
    counts = np.bincount(sitk.GetArrayViewFromImage(organs).ravel(), minlength=256)
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    known = catalog()
    regions, certain, seen = [], [], []
    for region, signs in _REGION_ML.items():
        shares = {
            key: float(counts[list(_labels(key, known))].sum()) * voxel_ml / ml for key, ml in signs
        }
        found = [key for key, share in shares.items() if share >= 1]
        if found:
            regions.append(region)
            certain.append(min(0.95, 0.6 + 0.15 * len(found)))
            seen += found
    if not regions:
        return UNKNOWN
    names = ", ".join(key.replace("_", " ") for key in seen)
    return Estimate(", ".join(regions), round(min(certain), 2), f"organs seen: {names}")


def combined(hint: Estimate, measured: Estimate) -> tuple[Estimate, str | None]:
    """One phase (or region) from what was given or hinted at and what was measured.

    What the user gave stays. Otherwise the measurement counts, unless it is unsure and the hint
    is not. Both agreeing raises the confidence.

    Returns:
        The estimate, and a sentence where the two differ.
    """
    if hint.confidence >= 1 or measured.value == "unknown":
        kept = hint
    elif hint.value == measured.value:
        confidence = 1 - (1 - hint.confidence) * (1 - measured.confidence)
        return Estimate(
            measured.value, round(min(0.97, confidence), 2), f"{measured.source}; {hint.source}"
        ), None
    else:
        kept = max(hint, measured, key=lambda estimate: estimate.confidence)
    if "unknown" in (hint.value, measured.value) or hint.value == measured.value:
        return kept, None
    said, seen, used = (PHASE_NAMES.get(e.value, e.value) for e in (hint, measured, kept))
    says = f"The phase {hint.source} is" if hint.confidence >= 1 else f"The {hint.source} suggests"
    return kept, (
        f"{says} {said}, the organs suggest {seen} ({measured.source}; "
        f"confidence {measured.confidence:.2f}); {used} was used."
    )
