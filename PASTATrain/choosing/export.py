"""From collected sessions to a chooser that the modules load."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from PASTALib.gestures.chooser import Chooser, ChooserInfo, save_chooser
from PASTALib.progress import CancelToken, Progress, part_of
from PASTATrain.choosing.collecting import SESSIONS, STAGES, read_choices
from PASTATrain.choosing.config import ChoosingConfig
from PASTATrain.choosing.fitting import fit, judge_on

HELD_OUT = 0.15
"""Share of the gestures that a first fit is judged on; the last one is fitted to all."""


def export(
    runs: tuple[Path, ...],
    config: ChoosingConfig,
    folder: Path,
    progress: Progress,
    cancel: CancelToken | None = None,
) -> ChooserInfo:
    """Fit both perceptrons to the sessions of some runs, and write them.

    Each is first fitted without the last part of what was collected, and judged on that.

    Raises:
        PastaError: nothing was collected.
        Cancelled: asked to stop.
    """
    judges, training = [], {}
    files = [path for run in runs for path in sorted((run / SESSIONS).glob("*.npz"))]
    for number, stage in enumerate(STAGES):
        choices = read_choices(files, stage)
        count = len(choices.dice)
        rest = max(1, round(HELD_OUT * count))
        begin = number / 2
        tried = fit(
            choices.part(range(count - rest)),
            config,
            part_of(progress, begin, begin + 0.25),
            cancel,
        )
        fitted = judge_on(tried, choices.part(range(count - rest, count)))
        training[stage] = {
            "gestures": count,
            "held_out": fitted.gestures,
            "dice_of_chosen": round(fitted.chosen, 3),
            "dice_of_best": round(fitted.best, 3),
        }
        judges.append(fit(choices, config, part_of(progress, begin + 0.25, begin + 0.5), cancel))
    training["scans"] = {
        str(name): int(count)
        for name, count in zip(
            *np.unique(read_choices(files, "first").scans, return_counts=True), strict=True
        )
    }
    info = ChooserInfo(config.name, config.version, training=training)
    return save_chooser(folder, Chooser(info, *judges))
