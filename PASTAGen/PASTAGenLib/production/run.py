"""Runs a recipe: prepares the sources, makes the cases that are not there, writes the index."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from PASTAGenLib.layouts import layout_of
from PASTAGenLib.production.case import RECORDS, SOURCES, Job, make_case, one_thread, source_order
from PASTAGenLib.production.manifest import write_manifest
from PASTAGenLib.production.produced import Record, read_records
from PASTAGenLib.production.recipe import CasePlan, Recipe
from PASTAGenLib.production.sources import Source, list_sources, prepare_source, write_list
from PASTALib.console import duration
from PASTALib.errors import PastaError
from PASTALib.files import remove_unfinished, write_text
from PASTALib.progress import CancelToken, Progress, part_of, silent
from PASTALib.synthetic import SYNTHETIC

RECIPE_MARK, NOTICE = "recipe.sha256", "SYNTHETIC.txt"
NOTICE_TEXT = (
    f"{SYNTHETIC}. Lesions in these images were inserted by PASTAGen; none of them is a finding in "
    "a patient. For research use only.\n"
)
PREPARED = 0.1
"""Share of the progress that preparing the sources takes."""
POLL_SECONDS = 0.5
Told = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Summary:
    """What a run leaves.

    Attributes:
        done: finished cases, with those of earlier runs.
        failed: cases that no scan could hold.
        made: cases made by this run.
        seconds: that making them took.
        size: bytes of all finished cases.
    """

    done: int
    failed: int
    made: int
    seconds: float
    size: int


def produce(
    recipe: Recipe,
    out: Path,
    executor: Executor,
    in_flight: int,
    *,
    progress: Progress = silent,
    tell: Told = lambda line: None,
    cancel: CancelToken | None = None,
    device: str = "cpu",
) -> Summary:
    """Make all cases of a recipe that `out` does not hold yet.

    Args:
        recipe: what to make.
        out: folder of the output; an earlier run of the same recipe is continued.
        executor: computes; see `PASTAGenLib.production.workers.workers`.
        in_flight: cases that are given to it at a time.
        progress: told about every case, with the disk space still needed.
        tell: takes lines about sources that cannot be used and cases that failed.
        cancel: stops after the cases in hand; what is finished stays and is listed.
        device: where the workers paint, see `Job`.

    Raises:
        PastaError: the folder holds another recipe's output, no source can be used, or the disk
            is too small.
        Cancelled: asked to stop.
    """
    out = out.resolve()
    cancel = cancel or CancelToken()
    _claim(out, recipe)
    with _writing_to(out):
        records = read_records(out / RECORDS)
        todo = [plan for plan in recipe.cases() if plan.index not in records]
        start, made = time.monotonic(), 0
        try:
            if todo:
                sources = _prepare(
                    recipe, out, executor, in_flight, part_of(progress, 0, PREPARED), tell, cancel
                )
                job = Job(recipe, out, write_list(out / SOURCES, sources), device)
                start = time.monotonic()
                for record in _make(job, todo, executor, in_flight, cancel):
                    records[record.index] = record
                    made += 1
                    if record.status != "done":
                        tell(_failure(record))
                    share = PREPARED + (1 - PREPARED) * made / len(todo)
                    progress(share, _state(records, recipe, made, time.monotonic() - start))
                    _check_disk(records, recipe, out)
        finally:
            write_text(out / NOTICE, NOTICE_TEXT)
            ordered = [records[index] for index in sorted(records)]
            done = [record for record in ordered if record.status == "done"]
            write_manifest(ordered, out)
            layout_of(recipe).finish(done, out)
    shutil.rmtree(out / SOURCES, ignore_errors=True)
    seconds = time.monotonic() - start
    size = sum(record.size for record in done)
    return Summary(len(done), len(ordered) - len(done), made, seconds, size)


@contextmanager
def _writing_to(out: Path) -> Iterator[None]:
    """Say what is to be done where the disk is full or gone.

    Raises:
        PastaError: a file could not be written.
    """
    try:
        yield
    except OSError as error:
        raise PastaError(
            f"'{out}' cannot be written to ({error.strerror or error}); make room or mend that, "
            "and give the same command again: finished cases are kept."
        ) from error


def _claim(out: Path, recipe: Recipe) -> None:
    """Take the folder for this recipe, or see that it is this recipe's already, and tidy it.

    Raises:
        PastaError: it is another's, or cannot be written to.
    """
    mark = out / RECIPE_MARK
    try:
        if mark.is_file():
            if mark.read_text(encoding="utf-8").strip() != recipe.digest:
                raise PastaError(
                    f"'{out}' holds the output of another recipe, or of this one before it was "
                    "changed; choose another folder."
                )
            remove_unfinished(out)
            return
        if out.is_dir() and any(out.iterdir()):
            raise PastaError(f"'{out}' holds something else already; choose a new folder.")
        write_text(mark, recipe.digest + "\n")
    except OSError as error:
        raise PastaError(
            f"'{out}' cannot be written to ({error.strerror}); choose another folder."
        ) from error


def _prepare(
    recipe: Recipe,
    out: Path,
    executor: Executor,
    in_flight: int,
    progress: Progress,
    tell: Told,
    cancel: CancelToken,
) -> list[Source]:
    """All sources, prepared; those that cannot be used are told of.

    Raises:
        PastaError: none can be used.
    """
    count = len(list_sources(recipe))
    progress(0.0, f"Preparing {count} scans")
    prepare = partial(_prepared, recipe, out / SOURCES)
    sources: list[Source] = []
    for source in _in_flight(executor, prepare, range(count), in_flight, cancel):
        sources.append(source)
        if source.error:
            tell(f"Left out {source.name}: {source.error}")
        progress(len(sources) / count, f"{len(sources)} of {count} scans are prepared")
    sources.sort(key=lambda source: source.index)
    if all(source.error for source in sources):
        raise PastaError(f"None of the sources can be used; the first: {sources[0].error}")
    return sources


def _prepared(recipe: Recipe, folder: Path, index: int) -> Source:
    one_thread()
    return prepare_source(recipe, index, folder)


def _make(
    job: Job, todo: Sequence[CasePlan], executor: Executor, in_flight: int, cancel: CancelToken
) -> Iterator[Record]:
    """Make cases, those of one scan after another, which a worker then need not read again."""

    def first_source(plan: CasePlan) -> tuple[int, int]:
        order = source_order(job, plan)
        return (order[0].index if order else -1), plan.index

    ordered = sorted(todo, key=first_source)
    return _in_flight(executor, partial(make_case, job), ordered, in_flight, cancel)


def _in_flight(
    executor: Executor,
    work: Callable[[Any], T],
    items: Sequence[Any],
    most: int,
    cancel: CancelToken,
) -> Iterator[T]:
    """Results in the order in which they are finished, with few tasks handed out at a time.

    Raises:
        Cancelled: asked to stop; what was handed out is finished first.
        PastaError: a worker process died.
    """
    waiting = iter(items)
    pending: set[Future[T]] = set()
    while True:
        while len(pending) < most and not cancel.cancelled:
            item = next(waiting, None)
            if item is None:
                break
            pending.add(executor.submit(work, item))
        if not pending:
            cancel.check()
            return
        finished, pending = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
        for future in finished:
            yield _result(future)


def _result(future: Future[T]) -> T:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool as error:
        raise PastaError(
            "A worker process died, perhaps for lack of memory; run the same command again, with "
            "fewer --workers."
        ) from error


def _failure(record: Record) -> str:
    """Why a case could not be made: what was said most often."""
    reasons = record.rejected or {}
    reason, count = max(reasons.items(), key=lambda item: item[1])
    others = len(reasons) - 1
    more = f" ({count} times; {others} other reasons are in the manifest)" if others else ""
    return f"{record.name} was not made: {reason}{more}"


def _state(records: dict[int, Record], recipe: Recipe, made: int, seconds: float) -> str:
    """How far it is, how fast, and how much time and disk are still needed."""
    left = recipe.total - len(records)
    each = _bytes_a_case(records)
    return (
        f"{len(records)} of {recipe.total} cases, {60 * made / max(seconds, 1e-3):.1f} a minute, "
        f"{each / 1e6:.1f} MB each; {duration(left * seconds / made)} and "
        f"{left * each / 1e9:.2f} GB to go"
    )


def _bytes_a_case(records: dict[int, Record]) -> float:
    sizes = [record.size for record in records.values() if record.size]
    return sum(sizes) / max(len(sizes), 1)


def _check_disk(records: dict[int, Record], recipe: Recipe, out: Path) -> None:
    needed = (recipe.total - len(records)) * _bytes_a_case(records)
    free = shutil.disk_usage(out).free
    if needed > free:
        raise PastaError(
            f"The remaining {recipe.total - len(records)} cases need about {needed / 1e9:.1f} GB, "
            f"and {free / 1e9:.1f} GB are free; make room, and run the same command again."
        )
