"""A plot of the shapes of real and made masks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from PASTAGenLib.quality.shape_distances import FREE_OF_SCALE
from PASTAGenLib.quality.shape_figures import NAMES, as_table
from PASTAGenLib.quality.shapes import ShapeSet
from PASTALib.errors import PastaError
from PASTALib.files import written_atomically

COLORS = {"real": "#222222", "ours": "#d43d2a", "ellipsoids": "#3a7bd5"}


def draw_shapes(sets: Sequence[ShapeSet], path: Path) -> None:
    """Cumulative distribution of every figure, one row a set of real masks, as PNG.

    Raises:
        PastaError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PastaError(
            "Plots need matplotlib; install it with pip install 'pasta-slicer[train]'."
        ) from error
    figure = Figure(figsize=(2.0 * len(FREE_OF_SCALE), 2.1 * len(sets)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(sets), len(FREE_OF_SCALE), squeeze=False, sharey=True)
    for row, shapes in zip(axes, sets, strict=True):
        for axis, name in zip(row, FREE_OF_SCALE, strict=True):
            column = NAMES.index(name)
            for family, color in COLORS.items():
                values = np.sort(as_table(getattr(shapes, family))[:, column])
                share = np.arange(1, len(values) + 1) / len(values)
                axis.step(values, share, color=color, lw=1.4, where="post", label=family)
            axis.set_title(name.replace("_", " "), fontsize=8)
            axis.tick_params(labelsize=6)
        row[0].set_ylabel(shapes.name, fontsize=8)
    axes[0][0].legend(fontsize=6, frameon=False)
    with written_atomically(path) as temporary:
        figure.savefig(temporary, dpi=80)
