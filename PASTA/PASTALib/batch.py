"""Runs case after case: what fails does not stop the rest, what is finished is not redone."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PASTALib import case_folder
from PASTALib.cases import Case
from PASTALib.checks import NotCTError
from PASTALib.errors import Cancelled, PastaError
from PASTALib.files import write_text
from PASTALib.progress import CancelToken, Progress, part_of, silent

Status = Literal["done", "kept", "skipped", "failed"]
Work = Callable[[Case, Path, Progress], dict[str, Any]]
"""Analyzes a case, writes its results into a folder, and returns facts for the summary."""

SUMMARY = "summary.csv"
SUMMARY_COLUMNS = (
    "case", "status", "lesions", "malignant", "types", "largest", "phase", "phase_confidence",
    "region", "seconds", "message", "notes",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: the case.
        status: ``done`` now, ``kept`` from an earlier run, ``skipped`` because a file that was
            found in a folder is no CT, or ``failed``.
        message: why it was skipped or failed, without the path of the input.
        facts: what `Work` returned, or returned in an earlier run.
        seconds: how long it took.
    """

    case: Case
    status: Status
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def run_batch(
    cases: Sequence[Case],
    out: Path,
    work: Work,
    *,
    key: Mapping[str, Any],
    resume: bool = False,
    fail_fast: bool = False,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    finished: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Analyze cases one after the other into one folder each, with a summary over all.

    Args:
        cases: with different names.
        out: folder of the result folders and of ``summary.csv``, which is rewritten after each.
        work: see `Work`.
        key: what results depend on besides the input: version, model and options. It is kept in
            ``done.json``.
        resume: keep a finished case if its input and `key` are the same as then.
        fail_fast: stop after the first case that fails.
        progress: told about the whole batch.
        cancel: checked between the cases; `work` checks it within.
        finished: called after each case.

    Raises:
        PastaError: `out` cannot be written to.
        Cancelled: asked to stop; finished cases stay.
    """
    outcomes: list[Outcome] = []
    for number, case in enumerate(cases):
        if cancel is not None:
            cancel.check()
        share = part_of(progress, number / len(cases), (number + 1) / len(cases))
        title = case.name if len(cases) == 1 else f"{case.name} ({number + 1}/{len(cases)})"
        outcome = _run_case(case, out / case.name, work, key, resume, _titled(share, title))
        outcomes.append(outcome)
        _write_summary(out, outcomes)
        if finished is not None:
            finished(outcome)
        if outcome.status == "failed" and fail_fast:
            break
    return outcomes


def _titled(progress: Progress, title: str) -> Progress:
    return lambda fraction, message: progress(fraction, f"{title}: {message}")


def _run_case(
    case: Case, folder: Path, work: Work, key: Mapping[str, Any], resume: bool, progress: Progress
) -> Outcome:
    start = time.perf_counter()
    try:
        mark = {**key, "input": case_folder.fingerprint(case.path)}
        before = case_folder.finished(folder) if resume else None
        if before is not None and all(before.get(name) == value for name, value in mark.items()):
            progress(1.0, "finished earlier")
            return Outcome(case, "kept", "", before.get("facts", {}), before.get("seconds", 0.0))
        case_folder.prepare(folder)
        facts = work(case, folder, progress)
        seconds = round(time.perf_counter() - start, 1)
        case_folder.mark_done(folder, {**mark, "seconds": seconds, "facts": facts})
        return Outcome(case, "done", "", facts, seconds)
    except Cancelled:
        raise
    except NotCTError as error:
        message = _without_path(str(error), case)
        if case.found:
            case_folder.remove_if_empty(folder)
            return Outcome(case, "skipped", message)
        return _failed(case, folder, message, message, start)
    except PastaError as error:
        message = _without_path(str(error), case)
        return _failed(case, folder, message, message, start)
    except Exception as error:  # a bug: keep its traceback, and go on with the other cases
        message = f"Unexpected {type(error).__name__}: {error}"
        if isinstance(error, MemoryError):
            message = "Memory was too small; give a region with --roi, or use a larger machine."
        details = f"{message}\n\n{traceback.format_exc()}"
        return _failed(
            case, folder, _without_path(message, case), _without_path(details, case), start
        )


def _failed(case: Case, folder: Path, message: str, details: str, start: float) -> Outcome:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        case_folder.mark_failed(folder, details)
    except OSError as error:
        raise PastaError(
            f"Results cannot be written to '{folder}' ({error.strerror}); choose another folder."
        ) from error
    return Outcome(case, "failed", message, seconds=round(time.perf_counter() - start, 1))


def _without_path(text: str, case: Case) -> str:
    """`text` with the case's name for its path: folders may be named after patients."""
    return text.replace(f"'{case.path}'", f"'{case.name}'").replace(
        str(case.path.resolve()), case.name
    )


def _write_summary(out: Path, outcomes: Sequence[Outcome]) -> None:
    rows = []
    for outcome in outcomes:
        facts = {name: str(outcome.facts.get(name, "")) for name in SUMMARY_COLUMNS}
        rows.append(
            {
                **facts,
                "case": outcome.case.name,
                "status": outcome.status,
                "seconds": f"{outcome.seconds:.1f}",
                "message": outcome.message,
            }
        )
    write_text(out / SUMMARY, case_folder.csv_text(rows, SUMMARY_COLUMNS))
