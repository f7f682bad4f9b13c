"""The page with tables, plots and pictures: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from PASTATrain.judging.comparison import Comparison
from PASTATrain.judging.figures import ModelFigures
from PASTATrain.judging.froc import RATES, WorkingPoint
from PASTATrain.judging.plots import dice_plot, froc_plot, survival_plot
from PASTATrain.judging.rows import Judged
from PASTATrain.judging.worst import WorstCase

TEMPLATE = "page.html.jinja"


def data_address(png: bytes | None) -> str | None:
    """A picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else None


def render(
    judged: Sequence[Judged],
    figures: Sequence[ModelFigures],
    comparisons: Mapping[tuple[str, str], Sequence[Comparison]],
    worst: Mapping[str, Sequence[WorstCase]],
    facts: Mapping[str, str],
    shipped: WorkingPoint | None = None,
) -> str:
    """The page as text.

    Args:
        judged: rows of each model.
        figures: of each model, in the same order.
        comparisons: by the names of the two models.
        worst: pictures by model.
        facts: what was judged and how, as name and text.
        shipped: marked on the FROC curve.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda key: str(key).replace("_", " ")
    return environment.get_template(TEMPLATE).render(
        figures=figures,
        rates=[f"{rate:g}" for rate in RATES],
        comparisons=comparisons,
        worst={
            model: [(case.caption, data_address(case.png)) for case in cases]
            for model, cases in worst.items()
        },
        facts=facts,
        froc=data_address(froc_plot(figures, shipped)),
        dice=data_address(dice_plot(judged)),
        survival={
            model.model: data_address(png)
            for model in judged
            if (png := survival_plot(model)) is not None
        },
    )
