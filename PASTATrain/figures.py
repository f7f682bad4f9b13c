"""The figures that are measured of a model, and their tables in its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from PASTALib.catalog import catalog
from PASTATrain.classes import STRUCTURES


@dataclass(frozen=True)
class OrganFigure:
    """Dice of one structure in one scan; `voxels` is the size of the true mask."""

    scan: str
    structure: str
    dice: float
    voxels: int


@dataclass(frozen=True)
class LesionFigure:
    """What became of one true lesion. `dice` is of the best finding, of any type."""

    scan: str
    type: str
    diameter_mm: float
    found: bool
    right_type: bool
    dice: float


@dataclass(frozen=True)
class FindingsFigure:
    """False findings in one scan (`lesions` true ones are in it), and their largest volume."""

    scan: str
    lesions: int
    false_positives: int
    largest_ml: float
    types: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """All that was measured of one model."""

    model: str
    sha256: str
    organs: tuple[OrganFigure, ...]
    inserted: tuple[LesionFigure, ...]
    real: tuple[LesionFigure, ...]
    findings: tuple[FindingsFigure, ...]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def as_markdown(figures: Figures) -> str:
    """The figures as tables for the model card."""
    lines = ["### Organs (Dice)", "", *_organ_table(figures.organs)]
    lines += ["", "### Inserted lesions", "", *_lesion_table(figures.inserted)]
    lines += ["", "### Real lesion masks", "", *_real_table(figures.real)]
    lines += ["", "### False findings", "", *_findings_table(figures.findings)]
    return "\n".join(lines) + "\n"


def _organ_table(figures: Sequence[OrganFigure]) -> list[str]:
    scans = list(dict.fromkeys(figure.scan for figure in figures))
    overlap = {(figure.structure, figure.scan): f"{figure.dice:.2f}" for figure in figures}
    rows = [
        [catalog().structures[key].name, *(overlap.get((key, scan), "") for scan in scans)]
        for key in STRUCTURES
        if any((key, scan) in overlap for scan in scans)
    ]
    return table(["structure", *scans], rows)


def _lesion_table(figures: Sequence[LesionFigure]) -> list[str]:
    rows = []
    for key, kind in catalog().lesion_types.items():
        members = [figure for figure in figures if figure.type == key]
        if members:
            rows.append(_lesion_row(kind.name, members))
    rows.append(_lesion_row("all", figures))
    header = ["type", "n", "found", "found, 10 mm and more", "right type", "Dice of the found"]
    return table(header, rows)


def _lesion_row(name: str, figures: Sequence[LesionFigure]) -> list[str]:
    found = [figure for figure in figures if figure.found]
    large = [figure for figure in figures if figure.diameter_mm >= 10]
    right = sum(figure.right_type for figure in found)
    return [
        name,
        str(len(figures)),
        str(len(found)),
        f"{sum(figure.found for figure in large)} of {len(large)}",
        f"{right} of {len(found)}",
        f"{np.mean([figure.dice for figure in found]):.2f}" if found else "",
    ]


def _real_table(figures: Sequence[LesionFigure]) -> list[str]:
    rows = [
        [
            figure.scan,
            f"{figure.diameter_mm:.0f} mm",
            "yes" if figure.found else "no",
            f"{figure.dice:.2f}",
        ]
        for figure in figures
    ]
    return table(["lesion", "equivalent diameter", "found", "Dice"], rows)


def _findings_table(figures: Sequence[FindingsFigure]) -> list[str]:
    rows = []
    for scan, with_true in dict.fromkeys((row.scan, row.lesions > 0) for row in figures):
        members = [r for r in figures if (r.scan, r.lesions > 0) == (scan, with_true)]
        mean = float(np.mean([row.false_positives for row in members]))
        inside = "yes" if with_true else "none"
        rows.append([scan, inside, str(len(members)), f"{mean:.1f}"])
    return table(["scan", "true lesions in it", "runs", "false findings per run"], rows)
