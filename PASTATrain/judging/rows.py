"""What is measured of one model in one scan, as rows; every table and plot is made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StructureRow:
    """How well one structure or lesion type of one scan was outlined.

    `hd95_mm` is not a number where nothing was found.
    """

    case: str
    patient: str
    structure: str
    dice: float
    surface_dice: float
    hd95_mm: float


@dataclass(frozen=True)
class LesionRow:
    """What became of one true lesion. `dice` and what follows are of its best finding."""

    case: str
    patient: str
    number: int
    type: str
    diameter_mm: float
    found: bool
    dice: float = 0.0
    right_type: bool = False
    confidence: float = 0.0
    true_attributes: Mapping[str, str] = field(default_factory=dict)
    found_attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FindingRow:
    """One finding; it is true where it shares a voxel with a true lesion.

    `diameter_mm` is that of a sphere of its own volume.
    """

    case: str
    patient: str
    type: str
    confidence: float
    true: bool
    diameter_mm: float


@dataclass(frozen=True)
class CaseRow:
    """One scan: what is true of it as a whole, and what the model says of that.

    Attributes:
        case: name of the scan.
        patient: who it is of.
        malignant: whether a malignant lesion is in it; None where that is not known.
        malignancy: how sure the model is, NaN where it says nothing.
        days, died: survival, where it is known.
        risk: where the model tells one.
        organs: for organs with a probability of their own: truth and probability.
        stage: where it is known.
        stages: probability of each stage, where the model tells them.
        outlined: whether masks and outlines were compared, too.
    """

    case: str
    patient: str
    malignant: bool | None
    malignancy: float
    days: float | None = None
    died: bool = False
    risk: float | None = None
    organs: Mapping[str, tuple[bool, float]] = field(default_factory=dict)
    stage: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    outlined: bool = True


@dataclass(frozen=True)
class Judged:
    """Everything measured of one model. `absent` are structures that it never gives."""

    model: str
    structures: Sequence[StructureRow]
    lesions: Sequence[LesionRow]
    findings: Sequence[FindingRow]
    cases: Sequence[CaseRow]
    absent: Sequence[str]
