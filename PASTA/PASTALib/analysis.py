"""From a CT to lesions and a report: every step once, timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import SimpleITK as sitk

from PASTALib.ct import CT, Segmentation
from PASTALib.drafting import draft_report
from PASTALib.grid import ModelGrid, Roi
from PASTALib.inference import OVERLAP, segment
from PASTALib.lesions import Lesion, find_lesions, instance_map
from PASTALib.model import Model, ModelInfo
from PASTALib.phase import combined, estimate_phase, estimate_region
from PASTALib.progress import CancelToken, Progress, part_of, silent
from PASTALib.reading import given_phase
from PASTALib.report import Report


@dataclass(frozen=True)
class Analysis:
    """Everything that was found in one CT.

    Attributes:
        ct: with the phase and region as they were determined at last.
        segmentation: organs and lesions.
        lesions: measured and described instances.
        instances: uint16 map of the lesions' numbers, in the CT's geometry.
        report: the draft report.
        model: what found them.
        seconds: how long each step took, in the order of the steps.
    """

    ct: CT
    segmentation: Segmentation
    lesions: tuple[Lesion, ...]
    instances: sitk.Image
    report: Report
    model: ModelInfo
    seconds: dict[str, float] = field(default_factory=dict)


class Stopwatch:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the block under a name; the same name again adds up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - start
            self.seconds[name] = round(self.seconds.get(name, 0.0) + taken, 3)


def analyze(
    ct: CT,
    model: Model,
    *,
    organs: sitk.Image | None = None,
    roi: Roi | None = None,
    phase: str | None = None,
    grid: ModelGrid | None = None,
    overlap: float = OVERLAP,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Analysis:
    """Find and describe the lesions in a CT, and draft its report.

    Args:
        ct: a checked CT, see `read_ct`.
        model: a loaded model.
        organs: catalogue labels in the CT's geometry, to be used instead of the model's organs.
        roi: look only in this box.
        phase: contrast phase, where it is known.
        grid: the CT on the model's grid, where `grid_for` made it before.
        overlap: least part of a tile that it shares with the next one.
        progress: told about every step.
        cancel: checked between and within steps.

    Raises:
        PastaError: `organs`, `roi` or `phase` do not fit.
        Cancelled: asked to stop.
    """
    watch = Stopwatch()
    ct = replace(ct, phase=given_phase(phase) or ct.phase)
    with watch.step("organs and lesions"):
        segmentation = segment(
            ct,
            model,
            organs=organs,
            roi=roi,
            overlap=overlap,
            grid=grid,
            progress=part_of(progress, 0, 0.9),
            cancel=cancel,
        )
    with watch.step("phase and region"):
        progress(0.9, "Determining the contrast phase")
        ct = described(ct, segmentation)
    _check(cancel)
    with watch.step("measurements"):
        progress(0.92, "Measuring lesions")
        lesions = find_lesions(
            ct,
            segmentation,
            model_spacing_mm=model.info.spacing_mm,
            calibration=model.info.calibration,
        )
        instances = instance_map(ct.image, lesions)
    _check(cancel)
    with watch.step("report"):
        progress(0.98, "Drafting the report")
        report = draft_report(ct, segmentation, lesions, model.info)
    progress(1.0, f"Found {len(lesions)} lesion{'' if len(lesions) == 1 else 's'}")
    return Analysis(ct, segmentation, lesions, instances, report, model.info, watch.seconds)


def described(ct: CT, segmentation: Segmentation) -> CT:
    """`ct` with its phase and region determined from its organs, where nothing better is known."""
    measured = segmentation.phase or estimate_phase(ct.image, segmentation.organs)
    best, conflict = combined(ct.phase, measured)
    region = estimate_region(ct.image, segmentation.organs)
    notes = (*ct.notes, conflict) if conflict else ct.notes
    return replace(
        ct, phase=best, region=region if region.confidence > 0 else ct.region, notes=notes
    )


def _check(cancel: CancelToken | None) -> None:
    if cancel is not None:
        cancel.check()
