"""Guesses the label table of an organ segmentation: under the right one, organs look like organs.

Every label is asked three questions under each table: could its median density, its volume and
its side be those of the structure that the table makes of it?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import PHASES, Structure, catalog
from PASTALib.errors import PastaError
from PASTALib.straighten import affine_of

TABLES = ("pasta", "totalsegmentator_v2", "totalsegmentator_v1", "amos")
LEAST_AGREEMENT = 0.5
LEAST_LABELS = 3
"""One or two labels fit many tables."""
CLEAR_LEAD = 0.1
"""The best table must agree with this much more of the labels than the next one."""
_SAMPLE_MM = 3.0
_LEAST_SAMPLES = 15
_MARGIN_HU = 25.0
_LUNG_MARGIN_HU = 200.0
_TISSUES: dict[str, tuple[str, ...]] = {
    "lung": ("lung",),
    "trachea": ("gas",),
    "aorta": ("blood",),
    "heart": ("blood", "muscle"),
    "portal_vein": ("vein",),
    "inferior_vena_cava": ("vein",),
    "liver": ("liver",),
    "spleen": ("spleen",),
    "pancreas": ("pancreas",),
    "kidney": ("kidney",),
    "gallbladder": ("bile",),
    "bladder": ("urine",),
    "bone": ("trabecular_bone", "cortical_bone"),
    "back_muscle": ("muscle",),
}
"""Structure or organ -> rows of the reference HU table whose range its median must fall into."""
_LARGEST_ML = {
    "liver": 5000, "gallbladder": 300, "pancreas": 300, "spleen": 2500, "kidney_right": 700,
    "kidney_left": 700, "adrenal_gland_right": 30, "adrenal_gland_left": 30, "duodenum": 400,
    "esophagus": 200, "urinary_bladder": 1500, "trachea": 150, "aorta": 700,
    "inferior_vena_cava": 300, "portal_vein": 150, "prostate": 500,
}  # fmt: skip
"""Generous upper limits of adult volumes, about two to three times the usual: they only tell a
gland from a large organ."""
_LEAST_ML = 0.2


@dataclass(frozen=True)
class _Label:
    """What is seen of one label number: median HU, volume (ml), mean x (LPS mm)."""

    number: int
    median_hu: float
    volume_ml: float
    x_mm: float


def guess_table(image: sitk.Image, ct: sitk.Image, what: str) -> tuple[dict[int, int], str]:
    """The table under which most labels look like their organs, and a sentence with the shares.

    Args:
        image: label numbers of unknown origin, in the geometry of the CT.
        ct: HU.
        what: name of the file, for the message.

    Raises:
        PastaError: no table fits, or two fit about equally.
    """
    labels, middle = _seen(image, ct)
    agreement = {name: _agreement(labels, middle, catalog().label_table(name)) for name in TABLES}
    ranked = sorted(TABLES, key=lambda name: -agreement[name])
    shown = ", ".join(f"{name} {agreement[name]:.0%}" for name in ranked)
    best, lead = agreement[ranked[0]], agreement[ranked[0]] - agreement[ranked[1]]
    if best < LEAST_AGREEMENT or lead < CLEAR_LEAD:
        raise PastaError(
            f"The label table of {what} cannot be told from its labels (labels that look like "
            f"their organ: {shown}); name it with --organ-table, or by table in a recipe."
        )
    reason = f"{ranked[0]}, guessed from how many labels look like their organ ({shown})"
    return catalog().label_table(ranked[0]), reason


def _seen(image: sitk.Image, ct: sitk.Image) -> tuple[list[_Label], float]:
    """Facts of every label that is large enough, and x (LPS mm) of the middle of the body."""
    steps = [max(1, round(_SAMPLE_MM / mm)) for mm in ct.GetSpacing()]  # x, y, z
    pick = tuple(slice(None, None, step) for step in steps[::-1])
    numbers = sitk.GetArrayViewFromImage(image)[pick]
    hu = sitk.GetArrayViewFromImage(ct)[pick]
    voxel_ml = float(np.prod(ct.GetSpacing()) * np.prod(steps)) / 1000
    to_x = affine_of(ct)[0]
    labels = []
    for number in np.unique(numbers[numbers != 0]):
        places = np.nonzero(numbers == number)
        if places[0].size < _LEAST_SAMPLES:
            continue
        index = [places[2 - axis].mean() * steps[axis] for axis in range(3)]
        x = float(to_x[:3] @ index + to_x[3])
        volume = places[0].size * voxel_ml
        labels.append(_Label(int(number), float(np.median(hu[places])), volume, x))
    dense = np.nonzero(hu > -300)
    index = [
        float(np.median(dense[2 - axis])) * steps[axis] if dense[0].size else 0.0
        for axis in range(3)
    ]
    return labels, float(to_x[:3] @ index + to_x[3])


def _agreement(labels: list[_Label], middle: float, table: Mapping[int, int]) -> float:
    """Share of the labels that look like their structure.

    Numbers above all of the table's count against it; gaps in the table do not count, nor do
    labels that nothing is known of.
    """
    structures = {s.label: s for s in catalog().structures.values()}
    verdicts: list[bool] = []
    for label in labels:
        if label.number in table:
            verdict = _looks_like(label, middle, structures[table[label.number]])
            verdicts += [] if verdict is None else [verdict]
        elif label.number > max(table):
            verdicts.append(False)
    return sum(verdicts) / len(verdicts) if len(verdicts) >= LEAST_LABELS else 0.0


def _looks_like(label: _Label, middle: float, structure: Structure) -> bool | None:
    """Whether a label can be a structure; None where nothing is known of the structure."""
    known = False
    tissues = _TISSUES.get(structure.key) or _TISSUES.get(structure.organ or "")
    if tissues:
        known = True
        rows = [catalog().normal_hu[tissue][phase] for tissue in tissues for phase in PHASES]
        margin = _LUNG_MARGIN_HU if structure.organ == "lung" else _MARGIN_HU
        low = min(row.mean - 2 * row.sd for row in rows) - margin
        high = max(row.mean + 2 * row.sd for row in rows) + margin
        if not low <= label.median_hu <= high:
            return False
    if structure.key in _LARGEST_ML:
        known = True
        if not _LEAST_ML <= label.volume_ml <= _LARGEST_ML[structure.key]:
            return False
    if structure.side is not None:  # x grows toward the patient's left
        known = True
        if (label.x_mm > middle) != (structure.side == "left"):
            return False
    return True if known else None
