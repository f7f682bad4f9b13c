"""The curve of a model, with the point at which it is used: sentences, CSV, plot and page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PASTALib.files import write_text, written_atomically
from PASTATrain.judging.evaluate import RULES
from PASTATrain.judging.figures import figures_of
from PASTATrain.judging.froc import (
    RATES,
    WorkingPoint,
    froc_of,
    steps_of,
    surer_than,
    working_points,
)
from PASTATrain.judging.intervals import RESAMPLES, Estimate
from PASTATrain.judging.page import render
from PASTATrain.judging.plots import froc_plot
from PASTATrain.judging.rows import Judged

CURVE, PAGE, PLOT = "froc.csv", "froc.html", "froc.png"
HEADER = (
    "confidence_from", "shipped", "found", "lesions",
    "false_per_scan", "false_per_scan_low", "false_per_scan_high",
    "sensitivity", "sensitivity_low", "sensitivity_high",
)  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """What was measured of a model.

    Attributes:
        judged: with everything that was outlined, however unsure.
        points: where one more lesion is found, by rising threshold.
        shipped: with the threshold that the model has in use.
    """

    judged: Judged
    points: tuple[WorkingPoint, ...]
    shipped: WorkingPoint

    def at(self, rate: float) -> WorkingPoint | None:
        """The point with at most so many false findings a scan that finds most, if there is one."""
        within = (point for point in self.points if point.false_per_scan.value <= rate)
        return next(within, None)


def curve_of(judged: Judged, least_confidence: float, resamples: int = RESAMPLES) -> Curve:
    """The curve of everything that was outlined, and its point with the model's threshold."""
    thresholds = (*steps_of(judged), least_confidence)
    *points, shipped = working_points(judged, thresholds, resamples)
    return Curve(judged, tuple(points), shipped)


def sentences_of(curve: Curve) -> Iterator[str]:
    """What the curve says: as shipped, then at each of `RATES` until everything has been counted.

    ``at 1 false finding a scan: 47 of 134 found (95 %: 26 % to 45 %), confidence from 0.81 on``
    """
    rate = curve.shipped.false_per_scan.value
    yield f"as shipped, at {rate:.2f} false findings a scan: {_told(curve.shipped)}"
    for rate in RATES:
        point = curve.at(rate)
        if point is not None:
            yield f"at {rate:g} false finding{'s' * (rate != 1)} a scan: {_told(point)}"
        if point in curve.points[:1]:
            return


def _told(point: WorkingPoint) -> str:
    share = point.sensitivity
    interval = "" if math.isnan(share.low) else f" (95 %: {share.low:.0%} to {share.high:.0%})"
    lesions = f"{point.found} of {share.count} found"
    return f"{lesions}{interval}, confidence from {point.threshold:.2f} on"


def as_csv(curve: Curve) -> str:
    """A line for each point by rising threshold, the shipped one marked; intervals are of 95 %."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for point in sorted((*curve.points, curve.shipped), key=lambda point: point.threshold):
        shipped = "yes" if point is curve.shipped else ""
        row = [f"{point.threshold:.4f}", shipped, point.found, point.sensitivity.count]
        writer.writerow([*row, *_cells(point.false_per_scan), *_cells(point.sensitivity)])
    return stream.getvalue()


def _cells(value: Estimate) -> list[str]:
    numbers = (value.value, value.low, value.high)
    return ["" if math.isnan(number) else f"{number:.4f}" for number in numbers]


def write_curve(curve: Curve, out: Path, resamples: int = RESAMPLES) -> None:
    """Write `CURVE`, `PLOT` and `PAGE`, whose tables are of what is reported as shipped.

    Args:
        curve: what was measured.
        out: folder of the files.
        resamples: of the bootstrap.
    """
    shipped = curve.shipped
    reported = surer_than(curve.judged, shipped.threshold)
    figures = replace(figures_of(reported, resamples), froc=froc_of(curve.judged, resamples))
    facts = {
        "Scans": ", ".join(dict.fromkeys(row.patient for row in curve.judged.cases)),
        "Looks": f"{len(curve.judged.cases)}: each scan as it is, and with inserted lesions",
        **RULES,
        "Findings": f"with a confidence of {shipped.threshold:.2f} and more, as shipped",
        "FROC": "from everything that the network outlines, however unsure",
    }
    write_text(out / CURVE, as_csv(curve))
    write_text(out / PAGE, render([reported], [figures], {}, {}, facts, shipped))
    plot = froc_plot([figures], shipped)
    if plot is not None:
        with written_atomically(out / PLOT) as temporary:
            temporary.write_bytes(plot)
