"""Asked = measured: what was asked for is read back from image, mask and organ map alone."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from PASTAGenLib.apply import drawn_in
from PASTAGenLib.case import Trial, case_of
from PASTAGenLib.quality.requests import WALL, requests
from PASTAGenLib.quality.scans import Scan
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTALib.attributes import core_statistics, density_value
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.lesions import Lesion, measure_lesion
from PASTALib.progress import Progress
from PASTALib.surroundings import Surroundings

SIZE_SHARE = 0.10
"""A measured size agrees within this share of what was asked, or within a voxel."""
MEAN_HU = 5.0
"""A measured mean agrees within this, or within its own standard error."""
CORRELATED_VOXELS = 8
"""Noise of a CT is correlated: so many voxels count as one independent value."""
ROUND = 20
"""So many lesions of each type are asked for before the next so many."""
TRIES_PER_LESION = 3
"""Requests that find no place are replaced by others, so many times as lesions are wanted."""


@dataclass(frozen=True)
class Outcome:
    """One inserted lesion, as it was asked for and as it is measured.

    Attributes:
        type: lesion type.
        scan: name of the scan.
        asked: values of the attributes that were asked for; density also where a mean was asked.
        declared: values that the generator's own truth gives.
        measured: values that are measured.
        confidence: how sure the measurement says it is.
        asked_mm: long axis that was asked for; of a wall thickening its length in any direction.
        measured_mm: the same, measured on the mask.
        voxel_mm: voxel edge along which it was measured.
        planned_hu: mean without partial volume: as asked or, where it was not asked, as planned.
        measured_hu: mean of the voxels without partial volume; None if there are too few.
        hu_error: standard error of that mean by noise.
        rejected: facts that made the generator's own check draw again, and how often.
    """

    type: str
    scan: str
    asked: dict[str, str]
    declared: dict[str, str]
    measured: dict[str, str]
    confidence: dict[str, float]
    asked_mm: float
    measured_mm: float
    voxel_mm: float
    planned_hu: float
    measured_hu: float | None
    hu_error: float
    rejected: tuple[tuple[str, int], ...] = ()

    @property
    def redrawn(self) -> int:
        """How many facts made the generator draw again; 0 is right at the first draw."""
        return sum(count for _, count in self.rejected)

    @property
    def size_agrees(self) -> bool:
        """Whether the long axis is what was asked."""
        allowed = max(SIZE_SHARE * self.asked_mm, self.voxel_mm)
        return abs(self.measured_mm - self.asked_mm) <= allowed

    @property
    def hu_agrees(self) -> bool | None:
        """Whether the mean is what was planned; None if it cannot be measured."""
        if self.measured_hu is None:
            return None
        return abs(self.measured_hu - self.planned_hu) <= max(MEAN_HU, self.hu_error)


@dataclass(frozen=True)
class Agreement:
    """All outcomes, and what was refused: (type, scan, the generator's sentence) and how often."""

    outcomes: tuple[Outcome, ...]
    refused: tuple[tuple[str, str, str, int], ...]


RESULT = TypeAdapter(Agreement)


def measure_agreement(
    scans: Sequence[Scan],
    lesions_per_type: int,
    seed: int,
    progress: Progress,
    workers: int = 1,
    keep: Path | None = None,
    types: Sequence[str] = tuple(catalog().lesion_types),
) -> Agreement:
    """Insert and measure lesions of every type, spread over the scans that have its organ.

    Args:
        scans: where lesions are inserted.
        lesions_per_type: how many.
        seed: of all random numbers; the number of workers changes nothing.
        progress: told about every finished task.
        workers: processes.
        keep: folder of finished tasks, which are not done again: what was interrupted goes on
            there, and more lesions are asked for on top of what was measured.
        types: lesion types; each gives the same whichever others are measured.
    """
    tasks = [t for t in _tasks(scans, lesions_per_type, seed, keep) if t.type in types]
    outcomes: list[Outcome] = []
    refused: Counter[tuple[str, str, str]] = Counter()
    # Not forked: a process with PyTorch's threads may hang in its copy.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        for number, found in enumerate(pool.map(_carry_out, tasks)):
            outcomes += found.outcomes
            refused += Counter({(type_, scan, text): n for type_, scan, text, n in found.refused})
            task = tasks[number]
            progress((number + 1) / len(tasks), f"Asked = measured: {task.type}, {task.scan.name}")
    counted = tuple((*key, count) for key, count in refused.items())
    return Agreement(tuple(outcomes), counted)


@dataclass(frozen=True)
class _Task:
    """Lesions of one type in one scan; `file` is where its results are kept."""

    type: str
    scan: Scan
    lesions: int
    seed: tuple[int, ...]
    file: Path | None


def _tasks(
    scans: Sequence[Scan], lesions_per_type: int, seed: int, keep: Path | None
) -> Iterator[_Task]:
    """Round by round all types, so that what is done first is already of all."""
    near: dict[tuple[str, str], Scan] = {}
    for turn, start in enumerate(range(0, lesions_per_type, ROUND)):
        lesions = min(ROUND, lesions_per_type - start)
        for number, (type_, kind) in enumerate(catalog().lesion_types.items()):
            able = [scan for scan in scans if scan.holds(kind.organ)]
            for place, scan in enumerate(able):
                share = lesions // len(able) + (place < lesions % len(able))
                if (scan.name, kind.organ) not in near:
                    near[scan.name, kind.organ] = scan.around(kind.organ)
                name = f"{type_} {scan.name} {seed}-{turn} {share}.json"
                if share:
                    yield _Task(
                        type_,
                        near[scan.name, kind.organ],
                        share,
                        (seed, number, place, turn),
                        None if keep is None else keep / name,
                    )


def _carry_out(task: _Task) -> Agreement:
    """The outcomes of a task, and how often the generator refused with which sentence."""
    if task.file is not None and task.file.is_file():
        return RESULT.validate_json(task.file.read_bytes())
    rng = np.random.default_rng(task.seed)
    kind = catalog().lesion_types[task.type]
    trial = Trial(Scene.of(task.scan.image, task.scan.organs), task.scan.organs)
    outcomes: list[Outcome] = []
    refused: Counter[str] = Counter()
    for spec in requests(kind, task.scan, TRIES_PER_LESION * task.lesions, rng):
        if len(outcomes) == task.lesions:
            break
        try:
            outcomes.append(outcome(task.scan, trial, spec, rng))
        except PastaError as error:
            refused[str(error)] += 1
    counted = tuple((task.type, task.scan.name, text, n) for text, n in refused.items())
    found = Agreement(tuple(outcomes), counted)
    if task.file is not None:
        write_text(task.file, RESULT.dump_json(found, indent=1).decode())
    return found


def outcome(scan: Scan, trial: Trial, spec: LesionSpec, rng: np.random.Generator) -> Outcome:
    """Insert one lesion into a scan, whose trial is kept, and measure it.

    Raises:
        PastaError: the generator refuses the request.
    """
    drawn = drawn_in(trial, spec, rng)
    case = case_of(trial, scan.image, drawn.plan, drawn.inserted, drawn.truth, drawn.rejected)
    ct = scan.ct(case.ct)
    lesion = measure_lesion(ct, case.organs, case.lesion_mask, spec.type)
    around = Surroundings(ct, case.organs, case.lesion_mask)
    core = core_statistics(lesion.region, around)
    noise = around.noise(lesion.region)
    length, voxel = _length(lesion, spec)
    assert spec.long_axis_mm is not None
    return Outcome(
        type=spec.type,
        scan=scan.name,
        asked=_asked(spec, lesion, scan),
        declared=dict(case.truth.attributes),
        measured={key: found.value for key, found in lesion.attributes.items()},
        confidence={key: found.confidence for key, found in lesion.attributes.items()},
        asked_mm=spec.long_axis_mm,
        measured_mm=length,
        voxel_mm=voxel,
        planned_hu=case.truth.planned_hu if spec.hu is None else spec.hu,
        measured_hu=None if core is None else core.mean,
        hu_error=0.0 if core is None else noise / (core.voxels / CORRELATED_VOXELS) ** 0.5,
        rejected=case.rejected,
    )


def _length(lesion: Lesion, spec: LesionSpec) -> tuple[float, float]:
    """The length that the spec speaks of, and the voxel edge that limits it, in mm."""
    geometry = lesion.region.geometry
    if spec.shape == WALL:
        return lesion.measurements.diameter_3d.length_mm, float(geometry.spacing_zyx.max())
    in_plane = np.delete(geometry.spacing_zyx, geometry.slice_axis)
    return lesion.measurements.long_axis.length_mm, float(in_plane.max())


def _asked(spec: LesionSpec, lesion: Lesion, scan: Scan) -> dict[str, str]:
    """The attributes that a spec asks for, with the density that its HU stand for."""
    density = spec.density
    if spec.hu is not None:
        difference = spec.hu - lesion.reference.median
        density = density_value(difference, lesion.organ, scan.phase)
    words = {
        "shape": spec.shape,
        "density": density,
        "heterogeneity": spec.heterogeneity,
        "surface": spec.surface,
        "invasion": spec.invasion,
    }
    return {key: word for key, word in words.items() if word is not None}
