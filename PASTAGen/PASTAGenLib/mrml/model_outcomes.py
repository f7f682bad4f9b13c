"""What a model found of the lesions of a case, from the nodes of both."""

from __future__ import annotations

from PASTAGenLib.found import Outcome, outcomes
from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.mrml.bench_nodes import region_in
from PASTALib.mrml.case import CaseNodes
from PASTALib.mrml.labelmaps import regions_of
from PASTALib.mrml.volumes import grid_of


def outcomes_of(desk: BenchDesk, result: CaseNodes) -> tuple[Outcome, ...]:
    """What was found of each lesion that is shown.

    Args:
        desk: the case.
        result: what the model found in its volume.
    """
    grid = grid_of(result.volume)
    lesions = {}
    for kept in desk.lesions:
        region = region_in(kept.patch, grid) if kept.shown else None
        if region is not None:
            lesions[kept.id] = (region, float(kept.patch.truth["long_axis_mm"]))
    return outcomes(lesions, result.read_report(), regions_of(result.lesions, grid))
