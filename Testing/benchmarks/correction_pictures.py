"""Pictures of lesions over the clicks: what was clicked at, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from correction_cases import Case

from PASTALib.gestures.marks import Gesture

LESIONS = 5
MARGIN_MM = 25.0
WINDOW_HU = {True: (-1350.0, 150.0), False: (-160.0, 240.0)}
"""Least and largest HU that are told apart: of the lung, and of soft tissue."""
TRUTH, OUTLINE, INSIDE, OUTSIDE = "#35d04f", "#ff3b30", "#ffd60a", "#0a84ff"


@dataclass(frozen=True, eq=False)
class Work:
    """One slice of a session.

    Attributes:
        title: scan and type.
        hu: the slice, ``[y, x]``.
        truth: the lesion there.
        outlines: before the first and after each click there.
        dice: of the whole lesion.
        clicks: row, column and sign of each click, wherever its slice is.
        aspect: height of a voxel over its width.
    """

    title: str
    hu: np.ndarray
    truth: np.ndarray
    outlines: tuple[np.ndarray, ...]
    dice: tuple[float, ...]
    clicks: tuple[tuple[float, float, bool], ...]
    aspect: float

    @classmethod
    def of(
        cls,
        case: Case,
        gestures: Sequence[Gesture],
        outlines: Sequence[np.ndarray],
        dice: Sequence[float],
    ) -> Work:
        """The slice that holds most of the lesion, cut around it."""
        level = int(case.truth.sum(axis=(1, 2)).argmax())
        index = np.argwhere(case.truth[level])
        margin = np.ceil(MARGIN_MM / case.geometry.spacing_zyx[1:]).astype(int)
        low = np.maximum(index.min(axis=0) - margin, 0)
        high = index.max(axis=0) + margin + 1
        cut = (level, slice(low[0], high[0]), slice(low[1], high[1]))
        places = [case.geometry.indices_zyx(gesture.points[0])[1:] - low for gesture in gestures]
        return cls(
            f"{case.scan}: {case.type}",
            case.hu[cut].copy(),
            case.truth[cut].copy(),
            tuple(outline[cut].copy() for outline in outlines),
            tuple(dice),
            tuple(
                (float(y), float(x), gesture.inside)
                for (y, x), gesture in zip(places, gestures, strict=True)
            ),
            float(case.geometry.spacing[1] / case.geometry.spacing[0]),
        )

    def after(self, clicks: int) -> int:
        """Number of the outline after so many clicks, or after the last one."""
        return min(clicks, len(self.outlines) - 1)


def spread(works: Sequence[Work]) -> list[Work]:
    """Some works, from the worst to the best after three clicks."""
    ranked = sorted(works, key=lambda work: work.dice[work.after(3)])
    places = np.linspace(0, len(ranked) - 1, min(LESIONS, len(ranked))).round().astype(int)
    return [ranked[place] for place in places]


def draw_works(works: Sequence[Work], shown: Sequence[int], path: Path) -> None:
    """Write the picture.

    Args:
        works: what there is; `LESIONS` of them are shown.
        shown: clicks after which an outline is shown.
        path: PNG.
    """
    from matplotlib.figure import Figure

    rows = spread(works)
    figure = Figure(figsize=(2.3 * len(shown), 2.5 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(shown), squeeze=False)
    for line, work in zip(axes, rows, strict=True):
        window = WINDOW_HU[bool(np.median(work.hu) < -500)]
        for ax, clicks in zip(line, shown, strict=True):
            number = work.after(clicks)
            ax.imshow(work.hu, "gray", vmin=window[0], vmax=window[1], aspect=work.aspect)
            for mask, color in ((work.truth, TRUTH), (work.outlines[number], OUTLINE)):
                if mask.any() and not mask.all():
                    ax.contour(mask, [0.5], colors=[color], linewidths=1.1)
            for y, x, inside in work.clicks[:number]:
                color = INSIDE if inside else OUTSIDE
                ax.plot(x, y, "+" if inside else "_", color=color, markersize=9, mew=2)
            ax.set_title(f"{clicks} clicks: Dice {work.dice[number]:.2f}", fontsize=8)
            ax.axis("off")
        line[0].text(
            0.02, 0.02, work.title, color="white", fontsize=7, transform=line[0].transAxes,
            in_layout=False, bbox={"facecolor": "black", "alpha": 0.5, "linewidth": 0, "pad": 1},
        )  # fmt: skip
    figure.suptitle(
        "green: lesion, red: outline, + lesion clicked, _ something else clicked", fontsize=8
    )
    figure.savefig(path, dpi=110)
