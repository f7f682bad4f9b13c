"""The figures of one model, each with its interval, from the rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from PASTALib.catalog import catalog
from PASTATrain.judging.froc import Froc, froc_of
from PASTATrain.judging.intervals import RESAMPLES, Estimate, estimate, mean, rate_per_case
from PASTATrain.judging.outcomes import (
    HorizonFigures,
    OrganFigures,
    StageFigures,
    c_index,
    horizon_figures,
    malignancy_auc,
    organ_figures,
    stage_figures,
)
from PASTATrain.judging.rows import FindingRow, Judged, LesionRow

Sized = TypeVar("Sized", LesionRow, FindingRow)
SIZES = ((0.0, 10.0), (10.0, 20.0), (20.0, math.inf))
"""Limits of the size classes, equivalent diameter in mm; 10 mm is RECIST's smallest target."""


@dataclass(frozen=True)
class OutlineFigures:
    """Overlap of one structure or lesion type; `missed` scans have nothing of it."""

    structure: str
    dice: Estimate
    surface_dice: Estimate
    hd95_mm: Estimate
    missed: int


@dataclass(frozen=True)
class DetectionFigures:
    """How lesions of one size or type were found.

    `precision` is of the findings of that size or type, by their own volume and by the type that
    the model says; the others are of the true lesions.
    """

    group: str
    sensitivity: Estimate
    right_type: Estimate
    dice: Estimate
    precision: Estimate


@dataclass(frozen=True)
class AttributeFigures:
    """How one attribute was told, on true lesions that were found."""

    attribute: str
    accuracy: Estimate
    f1: Estimate


@dataclass(frozen=True)
class ModelFigures:
    """All figures of one model. What the manifest does not tell is None or empty."""

    model: str
    outlines: tuple[OutlineFigures, ...]
    absent: tuple[str, ...]
    detection: tuple[DetectionFigures, ...]
    false_per_scan: Estimate
    false_per_free_scan: Estimate
    froc: Froc | None
    attributes: tuple[AttributeFigures, ...]
    auc: Estimate | None
    organs: tuple[OrganFigures, ...]
    stage: StageFigures | None
    c_index: Estimate | None
    horizons: tuple[HorizonFigures, ...]


def figures_of(judged: Judged, resamples: int = RESAMPLES) -> ModelFigures:
    """Every figure of a model."""
    outlined = [row for row in judged.cases if row.outlined]
    cases = [row.case for row in outlined]
    patients = [row.patient for row in outlined]
    false = [row.case for row in judged.findings if not row.true]
    with_lesion = {row.case for row in judged.lesions}
    free = [row for row in outlined if row.case not in with_lesion]
    return ModelFigures(
        model=judged.model,
        outlines=tuple(_outlines(judged, resamples)),
        absent=tuple(judged.absent),
        detection=tuple(_detection(judged.lesions, judged.findings, resamples)),
        false_per_scan=rate_per_case(false, cases, patients, resamples),
        false_per_free_scan=rate_per_case(
            [case for case in false if case not in with_lesion],
            [row.case for row in free],
            [row.patient for row in free],
            resamples,
        ),
        froc=froc_of(judged, resamples),
        attributes=tuple(attribute_figures(judged.lesions, tuple(catalog().attributes), resamples)),
        auc=malignancy_auc(judged.cases, resamples),
        organs=tuple(organ_figures(judged.cases, resamples)),
        stage=stage_figures(judged.cases, resamples),
        c_index=c_index(judged.cases, resamples),
        horizons=tuple(horizon_figures(judged.cases, resamples)),
    )


def _outlines(judged: Judged, resamples: int) -> Iterable[OutlineFigures]:
    for key in dict.fromkeys(row.structure for row in judged.structures):
        rows = [row for row in judged.structures if row.structure == key]
        patients = [row.patient for row in rows]
        yield OutlineFigures(
            key,
            mean([row.dice for row in rows], patients, resamples),
            mean([row.surface_dice for row in rows], patients, resamples),
            mean([row.hd95_mm for row in rows], patients, resamples),
            sum(math.isnan(row.hd95_mm) for row in rows),
        )


def groups_of(rows: Sequence[Sized]) -> dict[str, list[Sized]]:
    """All rows, those of each size, and those of each type; groups without a member left out."""
    groups = {"all": list(rows)}
    for low, high in SIZES:
        name = f"{low:g} mm and more" if math.isinf(high) else f"{low:g} to below {high:g} mm"
        groups[name] = [row for row in rows if low <= row.diameter_mm < high]
    for key in catalog().lesion_types:
        groups[key] = [row for row in rows if row.type == key]
    return {name: members for name, members in groups.items() if members}


def _detection(
    lesions: Sequence[LesionRow], findings: Sequence[FindingRow], resamples: int
) -> Iterable[DetectionFigures]:
    true, told = groups_of(lesions), groups_of(findings)
    order = ["all", *(name for name in {**true, **told} if name != "all")]
    for name in order:
        rows, said = true.get(name, []), told.get(name, [])
        found = [row for row in rows if row.found]
        whose = [row.patient for row in found]
        if rows or said:
            yield DetectionFigures(
                name,
                mean([float(row.found) for row in rows], [row.patient for row in rows], resamples),
                mean([float(row.right_type) for row in found], whose, resamples),
                mean([row.dice for row in found], whose, resamples),
                mean([float(row.true) for row in said], [row.patient for row in said], resamples),
            )


def attribute_figures(
    lesions: Sequence[LesionRow], keys: Sequence[str], resamples: int = RESAMPLES
) -> Iterable[AttributeFigures]:
    """How well each attribute was told on lesions that were found and whose answer is known."""
    from sklearn.metrics import accuracy_score, f1_score

    for key in keys:
        rows = [r for r in lesions if r.found and key in r.true_attributes]
        told = np.array([row.found_attributes.get(key, "") for row in rows])
        true = np.array([row.true_attributes[key] for row in rows])
        if not rows or not any(told):
            continue
        classes = sorted(set(true))

        def accuracy(n: np.ndarray, true: np.ndarray = true, told: np.ndarray = told) -> float:
            return float(accuracy_score(true[n], told[n]))

        def f1(
            n: np.ndarray,
            true: np.ndarray = true,
            told: np.ndarray = told,
            classes: list[str] = classes,
        ) -> float:
            scores = f1_score(true[n], told[n], labels=classes, average="macro", zero_division=0)
            return float(scores)

        patients = [row.patient for row in rows]
        yield AttributeFigures(
            key,
            estimate(accuracy, patients, resamples=resamples),
            estimate(f1, patients, resamples=resamples),
        )
