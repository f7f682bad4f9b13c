"""Plots and pictures of the page, as PNG bytes. Matplotlib, without a window."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from PASTATrain.judging.figures import ModelFigures
from PASTATrain.judging.froc import RATES, WorkingPoint
from PASTATrain.judging.outcomes import DAYS_A_YEAR, Followed
from PASTATrain.judging.rows import Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
WINDOW = (-160.0, 240.0)
"""HU shown from black to white: soft tissue."""
LUNG_WINDOW = (-1350.0, 150.0)
MOST_DOTS = 50
"""Points of a curve that are shown one by one."""


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()


def froc_plot(models: Sequence[ModelFigures], shipped: WorkingPoint | None = None) -> bytes | None:
    """FROC curves of the models that have one, with their 95 % intervals at `RATES`.

    Args:
        models: at least one.
        shipped: a point to mark: what is reported in use.
    """
    figure = _figure(5.0, 3.6)
    axes = figure.add_subplot()
    curves = [(model.model, model.froc) for model in models if model.froc]
    if not curves:
        return None
    for name, froc in curves:
        x, y = np.array(sorted(zip(froc.false_per_scan, froc.sensitivity, strict=True))).T
        dots = "o" if len(x) <= MOST_DOTS else ""
        (line,) = axes.plot(x, y, drawstyle="steps-post", marker=dots, ms=3, label=name)
        low, high = ([getattr(value, end) for value in froc.at_rates] for end in ("low", "high"))
        axes.fill_between(RATES, low, high, color=line.get_color(), alpha=0.15, lw=0)
    if shipped is not None:
        place = (shipped.false_per_scan.value, shipped.sensitivity.value)
        label = f"as shipped, from {shipped.threshold:.2f} on"
        axes.plot(*place, marker="D", ms=7, ls="", color="black", zorder=3, label=label)
    axes.set_xlabel("false findings per scan")
    axes.set_ylabel("sensitivity")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, RATES[-1])
    axes.grid(alpha=0.3)
    axes.legend()
    return _png(figure)


def survival_plot(judged: Judged) -> bytes | None:
    """Kaplan-Meier curves of the patients above and below the median risk; None without risks."""
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import logrank_test

    who = Followed.of(judged.cases)
    if who is None:
        return None
    high = who.risk > np.median(who.risk)
    if not high.any():
        return None
    figure = _figure(5.0, 3.6)
    axes = figure.add_subplot()
    for rows, name in ((~high, "lower half of risk"), (high, "upper half of risk")):
        curve = KaplanMeierFitter(label=f"{name}, n = {rows.sum()}")
        curve.fit(who.days[rows] / DAYS_A_YEAR, who.died[rows]).plot_survival_function(ax=axes)
    chance = logrank_test(who.days[high], who.days[~high], who.died[high], who.died[~high]).p_value
    axes.set_title(f"{judged.model}: log-rank p = {chance:.2g}", fontsize=9)
    axes.set_xlabel("years")
    axes.set_ylabel("alive")
    axes.set_ylim(0, 1.02)
    return _png(figure)


def dice_plot(judged: Sequence[Judged]) -> bytes | None:
    """Dice of every scan by structure, one color a model."""
    keys = list(dict.fromkeys(row.structure for model in judged for row in model.structures))
    if not keys:
        return None
    figure = _figure(7.0, 1.0 + 0.24 * len(keys) * max(1, len(judged) / 2))
    axes = figure.add_subplot()
    for number, model in enumerate(judged):
        offset = (number - (len(judged) - 1) / 2) * 0.3
        y = [keys.index(row.structure) + offset for row in model.structures]
        axes.scatter([row.dice for row in model.structures], y, s=12, alpha=0.7, label=model.model)
    axes.set_yticks(range(len(keys)), [key.replace("_", " ") for key in keys], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("Dice")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower left")
    return _png(figure)


def slice_picture(
    hu: np.ndarray,
    truth: np.ndarray,
    found: np.ndarray,
    spacing: Sequence[float],
    window: tuple[float, float] = WINDOW,
) -> bytes:
    """One axial slice with the true outline in green and the found one in red.

    Args:
        hu: ``[y, x]``, rows toward posterior, columns toward the patient's left.
        truth: boolean mask of the same shape.
        found: boolean mask of the same shape.
        spacing: mm, y, x.
        window: values shown as black and white.
    """
    low, high = window
    height, width = np.array(hu.shape) * spacing
    figure = _figure(3.2, 3.2 * height / width)
    axes = figure.add_subplot()
    axes.imshow(hu, cmap="gray", vmin=low, vmax=high, aspect=spacing[0] / spacing[1])
    for mask, color in ((truth, "#35d04a"), (found, "#ff4040")):
        if mask.any() and not mask.all():
            axes.contour(mask.astype(float), [0.5], colors=color, linewidths=1.2)
    axes.set_axis_off()
    return _png(figure)
