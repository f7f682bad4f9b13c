"""``python -m PASTAGenLib evaluate``: proof of the generator's quality.

Inserts lesions into torsos made by rule and into real CT where it is given, measures them and
writes ``pastagen.md`` with two pictures, which show torsos only. Raw results and pictures of real
CT go to another folder that is not to be published. Each part can be measured by itself; the report
is written from all that have been. An interrupted agreement goes on where it was, and more
--lesions come on top of those that the same generator was measured with before.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PASTAGenLib.cells import write_sheet
from PASTAGenLib.quality.agreement import measure_agreement
from PASTAGenLib.quality.gallery import contact_sheet
from PASTAGenLib.quality.hidden_lesions import hidden_lesions
from PASTAGenLib.quality.report import GALLERY_FILE, SHAPES_FILE, report
from PASTAGenLib.quality.results import (
    AgreementPart,
    SeamPart,
    ShapesPart,
    fingerprint,
    load,
    save,
)
from PASTAGenLib.quality.scans import SHARP, SOFT, TORSOS, Scan, real_scans, torso_scan
from PASTAGenLib.quality.seam import judge_seam
from PASTAGenLib.quality.shape_plot import draw_shapes
from PASTAGenLib.quality.shapes import shape_sets
from PASTAGenLib.torso import TorsoSpec
from PASTALib.catalog import catalog
from PASTALib.console import Console
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.progress import Progress, part_of

PARTS = ("agreement", "seam", "shapes", "gallery")
GALLERY_TORSOS = {
    **TORSOS,
    "torso soft, no contrast": replace(SOFT, phase="non_contrast"),
    "torso sharp, venous": replace(SHARP, phase="portal_venous"),
}
QUICK_SPACING = (3.0, 3.0, 3.0)


@dataclass(frozen=True)
class Options:
    """How much is measured, and where it is written.

    Attributes:
        out: folder of the report and its two pictures.
        work: folder of raw results and of pictures of real CT.
        data: folder of real CT and masks; None for torsos only.
        lesions: lesions of each type.
        places: lesions without contrast in each even organ of a scan.
        masks: real masks of each set; all where None.
        seed: of all random numbers.
        quick: coarse torsos, to see that everything runs.
        workers: processes that insert and measure.
        types: lesion types whose agreement is measured; all where there are none.
    """

    out: Path
    work: Path
    data: Path | None
    lesions: int
    places: int
    masks: int | None
    seed: int
    quick: bool
    workers: int = 1
    types: tuple[str, ...] = ()

    def command(self, part: str) -> str:
        """The command that measures one part as it was measured."""
        masks = "" if self.masks is None else f" --masks {self.masks}"
        types = f" --types {' '.join(self.types)}" if self.types else ""
        amount = {
            "agreement": f"{types} --lesions {self.lesions}",
            "seam": f" --places {self.places}",
            "shapes": masks,
        }
        data = " --data FOLDER" if self.data else ""
        quick = " --quick" if self.quick else ""
        return f"evaluate --only {part}{amount[part]} --seed {self.seed}{data}{quick}"


class Evaluation:
    """The parts of an evaluation; scans are made when the first part needs them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._torsos: dict[str, Scan] = {}
        self._real: list[Scan] | None = None

    def torsos(self, specs: dict[str, TorsoSpec]) -> list[Scan]:
        """Torsos by name, each made once."""
        for name, spec in specs.items():
            if name not in self._torsos:
                spacing = QUICK_SPACING if self.options.quick else spec.spacing
                self._torsos[name] = torso_scan(name, replace(spec, spacing=spacing))
        return [self._torsos[name] for name in specs]

    def real(self) -> list[Scan]:
        """Real CT, where a folder of it is given."""
        if self._real is None:
            self._real = list(real_scans(self.options.data)) if self.options.data else []
        return self._real

    def agreement(self, progress: Progress) -> None:
        """Part 1: asked = measured."""
        options = self.options
        scans = [*self.torsos(TORSOS), *self.real()]
        keep = options.work / f"agreement_{fingerprint()}{'_quick' if options.quick else ''}"
        types = options.types or tuple(catalog().lesion_types)
        result = measure_agreement(
            scans, options.lesions, options.seed, progress, options.workers, keep, types
        )
        save(
            options.work,
            "agreement",
            AgreementPart(fingerprint(), options.command("agreement"), result),
        )

    def seam(self, progress: Progress) -> None:
        """Part 2: no seam."""
        options = self.options
        scans = [*self.torsos(TORSOS), *self.real()]
        lesions = hidden_lesions(scans, options.places, options.seed, part_of(progress, 0, 0.4))
        if not lesions:
            raise PastaError("No lesion without contrast found a place; give more scans.")
        result = judge_seam(lesions, options.seed, part_of(progress, 0.4, 1))
        save(options.work, "seam", SeamPart(fingerprint(), options.command("seam"), result))

    def shapes(self, progress: Progress) -> None:
        """Part 3: shapes; needs the real masks."""
        options = self.options
        sets = tuple(
            shape_sets(options.data, options.masks, options.seed, progress) if options.data else ()
        )
        if sets:
            save(options.work, "shapes", ShapesPart(fingerprint(), options.command("shapes"), sets))
            draw_shapes(sets, options.out / SHAPES_FILE)

    def gallery(self, progress: Progress) -> None:
        """Part 4: contact sheets; those of real CT stay in the work folder."""
        options = self.options
        sheet = contact_sheet(self.torsos(GALLERY_TORSOS), options.seed, progress)
        write_sheet(sheet, options.out / GALLERY_FILE)
        if self.real():
            sheet = contact_sheet(self.real(), options.seed, progress)
            write_sheet(sheet, options.work / "gallery_real.png")


def evaluate(options: Options, parts: Sequence[str], progress: Progress) -> Path:
    """Measure some parts and write the report from all that have been measured.

    Raises:
        PastaError: the test data are not there, or nothing can be inserted.
    """
    if options.data is not None and not options.data.is_dir():
        raise PastaError(f"--data '{options.data}' is no folder; leave it out for torsos only.")
    evaluation = Evaluation(options)
    for number, name in enumerate(parts):
        step = part_of(progress, number / len(parts), (number + 1) / len(parts))
        getattr(evaluation, name)(step)
    path = options.out / "pastagen.md"
    write_text(
        path, report(*(load(options.work, name) for name in ("agreement", "seam", "shapes")))
    )
    progress(1.0, f"The report is {path}")
    return path


def build_parser(prog: str = "python -m PASTAGenLib evaluate") -> argparse.ArgumentParser:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.split("\n\n", 1)[1])
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("Testing/benchmarks"),
        help="folder of the report and its pictures; default: Testing/benchmarks",
    )  # fmt: skip
    parser.add_argument(
        "--work", type=Path, default=Path("runs/pastagen"),
        help="folder of raw results and of pictures of real CT; default: runs/pastagen",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, help="folder of real CT and masks; default: none")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts")
    parser.add_argument("--lesions", type=int, default=60, help="of each type; default: 60")
    parser.add_argument(
        "--types", nargs="+", choices=tuple(catalog().lesion_types), default=[], metavar="TYPE",
        help="lesion types whose agreement is measured; default: all",
    )  # fmt: skip
    parser.add_argument(
        "--places", type=int, default=40, help="of hidden lesions in each organ; default: 40"
    )
    parser.add_argument("--masks", type=int, help="real masks of each set; default: all")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("-j", "--workers", type=int, default=1, help="processes; default: 1")
    parser.add_argument("--quick", action="store_true", help="coarse torsos, to see that it runs")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = build_parser().parse_args(arguments)
    console = Console()
    options = Options(
        given.out, given.work, given.data, given.lesions, given.places, given.masks, given.seed,
        given.quick, given.workers, tuple(given.types),
    )  # fmt: skip
    try:
        path = evaluate(options, given.only, console)
    except PastaError as error:
        console.line(str(error))
        return 1
    console.clear()
    print(path)
    return 0
