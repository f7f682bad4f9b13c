"""The whole path in one command: a CT, a synthetic lesion in it, and what the model finds.

``python -m PASTAGenLib.demo`` (``make demo``) makes a torso by rule, or takes a CT that is given,
inserts one lesion, runs the bundled model on it and writes images, segmentation and report. It
then compares what was found with what was inserted. Research use only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import SyntheticCase, insert
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.torso import build_torso, sample_torso
from PASTALib.analysis import Analysis, Stopwatch, analyze
from PASTALib.case_folder import write_case
from PASTALib.catalog import PHASES, catalog
from PASTALib.console import Console
from PASTALib.ct import CT, Estimate
from PASTALib.devices import choose_device
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.lesions import Lesion, measure_lesion
from PASTALib.model import Model, load_model
from PASTALib.progress import part_of
from PASTALib.reading import read_ct
from PASTALib.report_html import percent
from PASTALib.synthetic import description
from PASTALib.writing import write_image

if TYPE_CHECKING:
    from PASTALib.progress import Progress

TORSO_SPACING = (1.25, 1.25, 2.5)
FOUND_DICE = 0.1
"""A finding that overlaps the inserted lesion less than this has not found it."""


@dataclass(frozen=True)
class Comparison:
    """The inserted lesion beside the finding that covers most of it, if any does."""

    inserted: Lesion
    found: Lesion | None
    dice: float
    others: tuple[Lesion, ...]


def sample_ct(seed: int) -> tuple[CT, sitk.Image]:
    """A torso made by rule and its organ labels."""
    spec = sample_torso(np.random.default_rng(seed), spacing=TORSO_SPACING)
    torso = build_torso(spec)
    phase = Estimate(spec.phase, 1.0, "chosen for the torso")
    return CT(torso.image, f"torso_{seed}", "made by rule", phase, synthetic=True), torso.organs


def insert_one(ct: CT, organs: sitk.Image, spec: LesionSpec) -> tuple[CT, SyntheticCase]:
    """The CT with one lesion, known to be synthetic."""
    phase = next((phase for phase in PHASES if phase == ct.phase.value), None)
    case = insert(ct.image, organs, replace(spec, phase=phase))
    note = f"A synthetic {spec.kind.name.lower()} was inserted by PASTAGen."
    return replace(ct, image=case.ct, synthetic=True, notes=(*ct.notes, note)), case


def compare(ct: CT, case: SyntheticCase, analysis: Analysis) -> Comparison:
    """Hold the findings against the inserted lesion."""
    inserted = measure_lesion(ct, case.organs, case.lesion_mask, case.plan.type)
    truth = sitk.GetArrayViewFromImage(case.lesion_mask) > 0
    instances = sitk.GetArrayViewFromImage(analysis.instances)
    inside = np.bincount(instances[truth], minlength=len(analysis.lesions) + 1)
    inside[0] = 0
    number = int(inside.argmax())
    found = next((x for x in analysis.lesions if inside[number] and x.instance == number), None)
    overlap = 0.0
    if found is not None:
        overlap = 2 * int(inside[number]) / (int(truth.sum()) + int((instances == number).sum()))
    if overlap < FOUND_DICE:
        found, overlap = None, 0.0
    others = tuple(lesion for lesion in analysis.lesions if lesion is not found)
    return Comparison(inserted, found, overlap, others)


def described(lesion: Lesion) -> str:
    """One lesion in a line: type, place, size and density."""
    size = lesion.measurements
    where = " ".join(
        filter(None, (lesion.side, lesion.organ, f"({lesion.part})" if lesion.part else ""))
    )
    return (
        f"{catalog().lesion_types[lesion.type].name}, {where}, "
        f"{size.long_axis.length_mm:.0f} x {size.short_axis.length_mm:.0f} mm, "
        f"{size.volume_mm3 / 1000:.1f} ml, {lesion.hu.mean:.0f} HU"
    )


def summary(comparison: Comparison, seconds: dict[str, float]) -> str:
    """The table that the demo prints."""
    width = max(map(len, seconds))
    lines = ["", "What took how long"]
    lines += [f"  {name:<{width}}  {taken:6.1f} s" for name, taken in seconds.items()]
    lines += [f"  {'in all':<{width}}  {sum(seconds.values()):6.1f} s", "", "What was found"]
    lines.append(f"  inserted   {described(comparison.inserted)}")
    if comparison.found is None:
        lines.append("  found      nothing there: the model missed it")
    else:
        found = comparison.found
        lines.append(f"  found      {described(found)}")
        change = 100 * (
            found.measurements.volume_mm3 / comparison.inserted.measurements.volume_mm3 - 1
        )
        kind = "right" if found.type == comparison.inserted.type else "wrong"
        lines.append(
            f"             Dice {comparison.dice:.2f}, volume {change:+.0f} %, {kind} type, "
            f"confidence {percent(found.confidence)}"
        )
    for other in comparison.others:
        sure = percent(other.confidence)
        lines.append(f"  also       {described(other)}, confidence {sure} (not inserted)")
    return "\n".join(lines)


def run(ct_path: Path | None, spec: LesionSpec, model: Model, out: Path, progress: Progress) -> str:
    """Do it all and write the results to `out`; returns the table.

    Args:
        ct_path: CT file or DICOM folder; a torso made by rule where none is given.
        spec: the lesion; its seed also makes the torso.
        model: the model that looks for it.
        out: takes ``ct_with_lesion.nii.gz``, ``segmentation.nii.gz``, ``segmentation.seg.nrrd``,
            ``report.json``, ``report.html``, ``inserted_lesion.nii.gz`` and ``plan.json``.
        progress: told about every step.

    Raises:
        PastaError: the CT cannot be read, or holds no place for such a lesion.
    """
    from PASTALib.inference import segment

    watch = Stopwatch()
    if ct_path is None:
        with watch.step("sample torso"):
            progress(0.0, "Making a torso")
            ct, organs = sample_ct(spec.seed or 0)
    else:
        with watch.step("reading"):
            progress(0.0, "Reading the CT")
            ct = read_ct(ct_path)
        with watch.step("organs"):
            organs = segment(ct, model, progress=part_of(progress, 0.02, 0.35)).organs
    with watch.step("insertion"):
        progress(0.36, f"Inserting a {spec.kind.name.lower()}")
        ct, case = insert_one(ct, organs, spec)
    analysis = analyze(ct, model, progress=part_of(progress, 0.38, 0.85))
    watch.seconds.update(analysis.seconds)
    with watch.step("writing and pictures"):
        progress(0.86, "Writing images, segmentation and report")
        mark = description(f"{spec.type} inserted by PASTAGen")
        write_image(ct.image, out / "ct_with_lesion.nii.gz", description=mark)
        write_image(case.lesion_mask, out / "inserted_lesion.nii.gz", description=mark)
        write_text(out / "plan.json", case.plan.to_json() + "\n")
        write_case(analysis, out)
    progress(1.0, f"Results are in {out}")
    return summary(compare(ct, case, analysis), watch.seconds)


def build_parser() -> argparse.ArgumentParser:
    """The options of the demo."""
    parser = argparse.ArgumentParser(prog="python -m PASTAGenLib.demo", description=__doc__)
    parser.add_argument("--ct", type=Path, help="CT file or DICOM folder; default: a made torso")
    parser.add_argument("--type", default="liver_tumor", help="lesion type; default: liver_tumor")
    parser.add_argument("--size", type=float, default=None, help="long axis in mm")
    parser.add_argument("--seed", type=int, default=3, help="of torso and lesion; default: 3")
    parser.add_argument("--model", default="pasta-s", help="bundled name or folder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda[:n] or mps")
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="default: demo")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    options = build_parser().parse_args(arguments)
    console = Console()
    try:
        spec = LesionSpec(type=options.type, long_axis_mm=options.size, seed=options.seed)
        model = load_model(options.model, choose_device(options.device))
        table = run(options.ct, spec, model, options.out, console)
    except PastaError as error:
        console.line(str(error))
        return 1
    console.clear()
    print(table)
    print(f"\nOpen {options.out / 'report.html'}; research use only.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
