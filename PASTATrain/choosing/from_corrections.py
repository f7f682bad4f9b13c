"""Fine-tune the chooser on what readers corrected: ``pasta-train finetune --corrections --clicks``.

Simulated readers outline the lesions as the real reader left them, beside a rehearsal of lesions
in torsos, so that what nobody corrected is not forgotten. Some of the corrected cases, and torsos,
are kept out, and judged before and after.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.geometry import Geometry
from PASTALib.gestures.chooser import Chooser, ChooserInfo, save_chooser
from PASTALib.gestures.scan import Scan
from PASTALib.progress import CancelToken, Progress, part_of
from PASTALib.region import Region
from PASTATrain.choosing.collecting import STAGES, choices_of
from PASTATrain.choosing.config import ChoosingConfig
from PASTATrain.choosing.fitting import Fitted, fit, judge_on
from PASTATrain.choosing.lesions import LEAST_VOXELS, torso_lesions
from PASTATrain.choosing.sessions import Lesion, Proposed, session
from PASTATrain.corrections import correction_folders
from PASTATrain.finetuning.from_corrections import parted
from PASTATrain.settings import read_settings


@dataclass(frozen=True)
class ClickCorrectionConfig:
    """What a run needs to know.

    Attributes:
        sessions: simulated readers a lesion.
        torsos: how many are for the rehearsal; half as many more are judged on.
        held_out: share of the corrected cases that is judged and not trained with; at least one.
        epochs: how often everything is seen.
        learning_rate: peak.
        seed: of everything random.
    """

    sessions: int = 4
    torsos: int = 4
    held_out: float = 0.3
    epochs: int = 10
    learning_rate: float = 3e-4
    seed: int = 1


Figures = dict[str, dict[str, dict[str, Fitted]]]
"""By what was judged, then ``before`` and ``after``, then stage."""


def read_click_correction_config(path: Path) -> ClickCorrectionConfig:
    """Read a run's YAML file.

    Raises:
        PastaError: the file is missing, is not YAML, or a key or value in it is wrong.
    """
    config = ClickCorrectionConfig(**read_settings(path, ClickCorrectionConfig))
    if not 0 < config.held_out < 1:
        raise PastaError(f"'held_out' in '{path}' is a share between 0 and 1.")
    return config


def corrected_lesions(folders: Sequence[Path]) -> Iterator[Lesion]:
    """Lesions of corrected cases as the reader left them."""
    for folder in folders:
        image = sitk.ReadImage(str(folder / "ct.nii.gz"), sitk.sitkInt16)
        numbers = sitk.GetArrayFromImage(
            sitk.ReadImage(str(folder / "final_instances.nii.gz"), sitk.sitkUInt16)
        )
        scan = Scan(sitk.GetArrayFromImage(image), Geometry.of(image))
        for number in np.unique(numbers[numbers > 0]):
            region = Region.of(numbers == number, scan.geometry)
            if region is not None and region.voxels >= LEAST_VOXELS:
                yield Lesion(scan, region)


def finetune_clicks(
    folder: Path,
    run: Path,
    start: Chooser,
    config: ClickCorrectionConfig,
    progress: Progress,
    cancel: CancelToken,
) -> Figures:
    """Fine-tune on corrected cases; writes ``clicks.md``, ``.json`` and a chooser into a folder.

    Args:
        folder: what *Export corrections* wrote to.
        run: takes the chooser (folder ``chooser``) and the figures.
        start: the chooser before.
        config: the run.
        progress: told the fraction done.
        cancel: asked before each lesion.

    Raises:
        PastaError: there are fewer than two cases, or no lesion is left in a part of them.
        Cancelled: asked to stop.
    """
    trained_with, judged = parted(correction_folders(folder), config.held_out, config.seed)
    torsos = [torso_lesions(number, config.seed) for number in range(config.torsos * 3 // 2)]
    sets = {
        "corrected": list(corrected_lesions(trained_with)),
        "corrected cases": list(corrected_lesions(judged)),
        "rehearsed": [lesion for some in torsos[: config.torsos] for lesion in some],
        "synthetic": [lesion for some in torsos[config.torsos :] for lesion in some],
    }
    if not sets["corrected"] or not sets["corrected cases"]:
        raise PastaError(
            "No lesion is left in the corrected cases to train with, or in those to judge on; "
            "correct more cases first."
        )
    rows = {
        name: _proposed(lesions, config, start, part_of(progress, 0.2 * n, 0.2 * (n + 1)), cancel)
        for n, (name, lesions) in enumerate(sets.items())
    }
    judges, figures = [], Figures()
    fitting = ChoosingConfig(
        epochs=config.epochs, learning_rate=config.learning_rate, seed=config.seed
    )
    for number, stage in enumerate(STAGES):
        before = start.first if stage == "first" else start.later
        rest = part_of(progress, 0.8 + 0.1 * number, 0.9 + 0.1 * number)
        choices = choices_of(rows["corrected"] + rows["rehearsed"], stage)
        after = fit(choices, fitting, rest, cancel, before) if choices.dice else before
        for what in ("corrected cases", "synthetic"):
            held = choices_of(rows[what], stage)
            for when, judge in (("before", before), ("after", after)):
                figures.setdefault(what, {}).setdefault(when, {})[stage] = judge_on(judge, held)
        judges.append(after)
    training = {"start": start.info.sha256, "corrected": len(trained_with), **asdict(config)}
    info = ChooserInfo(start.info.name, f"{start.info.version}+corrections", training=training)
    save_chooser(run / "chooser", Chooser(info, *judges))
    write_text(run / "clicks.json", json.dumps(_as_dict(figures), indent=1) + "\n")
    write_text(run / "clicks.md", as_markdown(figures))
    return figures


def as_markdown(figures: Figures) -> str:
    """The figures as a table."""
    lines = [
        "| Kept out of training | chooser | first gestures | Dice of the outline | best proposed "
        "| further gestures | Dice of the change | best proposed |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for what, pair in figures.items():
        for when, stages in pair.items():
            told = [
                f"{row.gestures} | {row.chosen:.3f} | {row.best:.3f}" for row in stages.values()
            ]
            lines.append(f"| {what} | {when} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


def _proposed(
    lesions: Sequence[Lesion],
    config: ClickCorrectionConfig,
    chooser: Chooser,
    progress: Progress,
    cancel: CancelToken,
) -> list[Proposed]:
    """What is proposed to simulated readers; every second one begins with a wrong outline."""
    rows: list[Proposed] = []
    for number, lesion in enumerate(lesions):
        for turn in range(config.sessions):
            cancel.check()
            rng = np.random.default_rng((config.seed, number, turn))
            rows += session(lesion, 3, turn % 2, rng, chooser)
        progress((number + 1) / len(lesions), f"lesion {number + 1} of {len(lesions)}")
    return rows


def _as_dict(figures: Figures) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    return {
        what: {
            when: {stage: asdict(row) for stage, row in stages.items()}
            for when, stages in pair.items()
        }
        for what, pair in figures.items()
    }
