"""Models judged on the same scans: one page, and the figures as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from PASTALib.files import write_text
from PASTALib.progress import Progress
from PASTATrain.judging.comparison import compare
from PASTATrain.judging.figures import figures_of
from PASTATrain.judging.judge import judge
from PASTATrain.judging.measures import FOUND_DICE
from PASTATrain.judging.page import render
from PASTATrain.judging.worst import worst_cases
from PASTATrain.manifest import Entry

PAGE, FIGURES = "evaluation.html", "figures.json"
RULES = {
    "A lesion is found": f"by a finding of any type whose Dice with it is {FOUND_DICE} or more",
    "A finding is false": "where it touches no lesion",
}
"""Of detection, as name and text for the page."""


def evaluate_models(
    entries: Sequence[Entry],
    folders: Mapping[str, Path],
    out: Path,
    source: str,
    tolerance_mm: float,
    resamples: int,
    progress: Progress,
) -> None:
    """Judge every model, compare all pairs, and write page and figures.

    Args:
        entries: the scans.
        folders: results by the name of the model.
        out: folder that takes ``evaluation.html`` and ``figures.json``.
        source: where the scans are from, for the page.
        tolerance_mm: of the surface Dice.
        resamples: of the bootstrap.
        progress: told after each scan.

    Raises:
        PastaError: a result is missing or cannot be read.
    """
    judged = [judge(name, path, entries, tolerance_mm, progress) for name, path in folders.items()]
    figures = [figures_of(model, resamples) for model in judged]
    comparisons = {
        (first.model, second.model): compare(first, second, resamples)
        for first, second in combinations(judged, 2)
    }
    worst = {model.model: worst_cases(model, folders[model.model], entries) for model in judged}
    facts = {
        "Scans": f"{counted(len(entries), 'scan')} of "
        f"{counted(len({entry.patient for entry in entries}), 'patient')}: {source}",
        "Surface Dice": f"at {tolerance_mm:g} mm",
        **RULES,
    }
    write_text(out / PAGE, render(judged, figures, comparisons, worst, facts))
    stored: dict[str, Any] = {
        "facts": facts,
        "models": [asdict(model) for model in figures],
        "comparisons": {
            " and ".join(names): [asdict(row) for row in rows]
            for names, rows in comparisons.items()
        },
        "rows": [asdict(model) for model in judged],
    }
    write_text(out / FIGURES, json.dumps(_without_nan(stored), indent=1) + "\n")


def counted(count: int, what: str) -> str:
    """``1 scan`` or ``4 scans``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _without_nan(value: Any) -> Any:
    """The same with None for what is not a number: JSON has no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
