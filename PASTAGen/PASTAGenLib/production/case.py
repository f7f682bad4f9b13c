"""Makes one case of a recipe. Depends on the recipe and the case's number only."""

from __future__ import annotations

import json
import os
import shutil
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import SyntheticCase, insert_many
from PASTAGenLib.dicom_case import write_dicom
from PASTAGenLib.layouts import layout_of
from PASTAGenLib.production.produced import ProducedCase, Record
from PASTAGenLib.production.recipe import CasePlan, Recipe
from PASTAGenLib.production.sources import Source, listed_sources, load_source, usable
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.tile_runner import is_out_of_memory

CASE_STREAM = 2
TRIES_A_SOURCE = 3
"""Lesions that are drawn for one scan before another scan is tried."""
RECORDS, SOURCES, DICOM = "records", "sources", "dicom"
"""Folders of the output beside those of the layout."""


@dataclass(frozen=True)
class Job:
    """All that a worker needs besides the number of a case.

    Attributes:
        recipe: what is made.
        out: folder of the output, which all workers reach by this path.
        digest: of the list of sources, so that no worker goes on with those of an earlier run.
        device: where every worker paints its own lesions, such as ``cuda:0``, which they share.
    """

    recipe: Recipe
    out: Path
    digest: str
    device: str = "cpu"


def source_order(job: Job, plan: CasePlan) -> list[Source]:
    """The scans for a case in the order in which they are tried; random, but always the same."""
    sources = listed_sources(job.out / SOURCES, job.digest)
    able = usable(sources, plan.entry.mix.type, plan.entry.phases)
    order = job.recipe.stream(CASE_STREAM, plan.index, 0).permutation(len(able))
    return [able[int(number)] for number in order]


def make_case(job: Job, plan: CasePlan) -> Record:
    """Draw a case until a scan holds it, write its files and, last, its record."""
    one_thread()
    record = Record(plan.index, plan.name, plan.entry.mix.type, plan.number, "failed")
    rejected: Counter[str] = Counter()
    order = source_order(job, plan)
    if not order:
        rejected[_no_source(plan)] += 1
    rng = job.recipe.stream(CASE_STREAM, plan.index, 1)
    for attempt in range(job.recipe.attempts if order else 0):
        source = order[(attempt // TRIES_A_SOURCE) % len(order)]
        try:
            cases = _draw(job, plan, source, rng)
        except PastaError as error:
            rejected[str(error)] += 1
            continue
        except MemoryError:
            raise
        except Exception as error:  # a bug: one lesion in thousands must not stop the rest
            if is_out_of_memory(error):
                raise PastaError(
                    f"The memory of {job.device} is too small for so many workers; give the same "
                    "command with fewer --workers, or with --device cpu."
                ) from error
            rejected[_where(error)] += 1
            continue
        record = _written(job, ProducedCase(plan, source, tuple(cases)), record)
        record = replace(record, attempts=attempt + 1)
        for case in cases:
            rejected.update(dict(case.rejected))
        break
    else:
        record = replace(record, attempts=job.recipe.attempts if order else 0)
    record = replace(record, rejected=dict(sorted(rejected.items())))
    record.write(job.out / RECORDS)
    return record


def _no_source(plan: CasePlan) -> str:
    kind = catalog().lesion_types[plan.entry.mix.type]
    organ = catalog().organs[kind.organ].name.lower()
    return (
        f"No source shows the {organ} in a phase that the lesion is for "
        f"({', '.join(plan.entry.phases)}); add a scan that does, or change its phases."
    )


def _where(error: Exception) -> str:
    """A bug in one line: what it is, and the line of code that it comes from."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}"
    return f"Unexpected {type(error).__name__} in {place}: {error}"


def _draw(
    job: Job, plan: CasePlan, source: Source, rng: np.random.Generator
) -> Sequence[SyntheticCase]:
    """One attempt.

    Raises:
        PastaError: the scan cannot hold what was drawn.
    """
    loaded = load_source(job.out / SOURCES, source.index, source.sha256)
    spec = plan.entry.mix.draw(rng, source.phase)
    spec = replace(spec, position=spec.position or source.position)
    return insert_many(loaded.ct, loaded.organs, [spec], rng, job.device)


def _written(job: Job, produced: ProducedCase, record: Record) -> Record:
    """The record of a case whose files are written."""
    files = layout_of(job.recipe).write(produced, job.out)
    if job.recipe.dicom:
        _write_dicom(produced, job.out / DICOM / record.name)
    return replace(
        record,
        status="done",
        source=produced.source.name,
        source_sha256=produced.source.sha256,
        plans=tuple(json.loads(case.plan.to_json()) for case in produced.cases),
        truths=tuple(case.truth.to_dict() for case in produced.cases),
        files={path.relative_to(job.out).as_posix(): _sha256(path) for path in files},
        size=sum(path.stat().st_size for path in files),
    )


def _write_dicom(produced: ProducedCase, folder: Path) -> None:
    """Write the case with all its lesions; an unfinished folder of a killed run is replaced."""
    if folder.exists():
        shutil.rmtree(folder)
    whole = replace(produced.cases[-1], lesion_mask=produced.lesions)
    write_dicom(whole, folder, produced.source.technique)


def _sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def one_thread() -> None:
    """Compute with one thread: sums in another order would be other bytes."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
