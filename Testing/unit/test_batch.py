"""The batch: which cases there are, and what a failure, a kill or a resume leaves of them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_series import write_series
from PASTALib.batch import Outcome, run_batch
from PASTALib.case_folder import DONE, ERROR
from PASTALib.cases import LONGEST_NAME, Case, find_cases
from PASTALib.checks import NotCTError
from PASTALib.errors import Cancelled, PastaError
from PASTALib.progress import CancelToken, Progress

KEY = {"version": "1", "model_sha256": "abc", "options": "x"}


class FakeWork:
    """Writes one file per case; fails where told to, and remembers what it was asked."""

    def __init__(self, errors: dict[str, BaseException] | None = None) -> None:
        self.errors = errors or {}
        self.asked: list[str] = []

    def __call__(self, case: Case, folder: Path, progress: Progress) -> dict[str, Any]:
        self.asked.append(case.name)
        progress(0.5, "thinking")
        (folder / "report.json").write_text("{}")
        if case.name in self.errors:
            raise self.errors[case.name]
        return {"lesions": 2, "types": "2 liver_cyst", "phase": "arterial"}


def cases_in(folder: Path, *names: str, found: bool = False) -> list[Case]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.nii.gz").write_text(name)
    return [Case(name, folder / f"{name}.nii.gz", found) for name in names]


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def summary(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_case_gets_a_folder_and_a_line_of_the_summary(tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcomes = run_batch(cases_in(tmp_path / "in", "a", "b"), out, FakeWork(), key=KEY)
    assert statuses(outcomes) == ["done", "done"]
    for name in ("a", "b"):
        facts = json.loads((out / name / DONE).read_text(encoding="utf-8"))
        assert facts["model_sha256"] == "abc"
        assert facts["facts"]["lesions"] == 2
    assert [(row["case"], row["status"], row["types"]) for row in summary(out)] == [
        ("a", "done", "2 liver_cyst"),
        ("b", "done", "2 liver_cyst"),
    ]


def test_a_failed_case_leaves_its_reason_and_the_batch_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    work = FakeWork({"a": PastaError("The scan is upside down; turn it.")})
    outcomes = run_batch(cases_in(tmp_path / "in", "a", "b"), out, work, key=KEY)
    assert statuses(outcomes) == ["failed", "done"]
    assert (out / "a" / ERROR).read_text(encoding="utf-8") == "The scan is upside down; turn it.\n"
    assert not (out / "a" / DONE).exists()
    assert summary(out)[0]["message"] == "The scan is upside down; turn it."


def test_an_unexpected_error_keeps_its_traceback(tmp_path: Path) -> None:
    out = tmp_path / "out"
    work = FakeWork({"a": ZeroDivisionError("oops")})
    outcomes = run_batch(cases_in(tmp_path / "in", "a", "b"), out, work, key=KEY)
    assert statuses(outcomes) == ["failed", "done"]
    text = (out / "a" / ERROR).read_text(encoding="utf-8")
    assert "Unexpected ZeroDivisionError: oops" in text
    assert "Traceback" in text


def test_fail_fast_stops_after_the_first_failure(tmp_path: Path) -> None:
    work = FakeWork({"a": PastaError("no")})
    cases = cases_in(tmp_path / "in", "a", "b")
    assert statuses(run_batch(cases, tmp_path / "out", work, key=KEY, fail_fast=True)) == ["failed"]
    assert work.asked == ["a"]


def test_a_killed_batch_resumes_without_redoing_finished_cases(tmp_path: Path) -> None:
    out, cases = tmp_path / "out", cases_in(tmp_path / "in", "a", "b", "c")
    with pytest.raises(KeyboardInterrupt):  # the program dies in the second case
        run_batch(cases, out, FakeWork({"b": KeyboardInterrupt()}), key=KEY)
    assert (out / "a" / DONE).exists()
    assert not (out / "b" / DONE).exists()
    (out / "b" / ".1234abcd.part-segmentation.nii.gz").write_text("half")
    again = FakeWork()
    assert statuses(run_batch(cases, out, again, key=KEY, resume=True)) == ["kept", "done", "done"]
    assert again.asked == ["b", "c"]
    assert not list((out / "b").glob(".*"))
    assert [row["types"] for row in summary(out)] == ["2 liver_cyst"] * 3


def test_without_resume_everything_is_redone(tmp_path: Path) -> None:
    cases = cases_in(tmp_path / "in", "a")
    run_batch(cases, tmp_path / "out", FakeWork(), key=KEY)
    assert statuses(run_batch(cases, tmp_path / "out", FakeWork(), key=KEY)) == ["done"]


@pytest.mark.parametrize("change", ["model", "options", "input", "damaged mark"])
def test_resume_redoes_what_other_inputs_or_options_made(tmp_path: Path, change: str) -> None:
    out, cases, key = tmp_path / "out", cases_in(tmp_path / "in", "a"), dict(KEY)
    run_batch(cases, out, FakeWork(), key=key)
    if change == "model":
        key["model_sha256"] = "def"
    elif change == "options":
        key["options"] = "y"
    elif change == "input":
        os.utime(cases[0].path, ns=(1, 1))
    else:
        (out / "a" / DONE).write_text('{"version":')
    assert statuses(run_batch(cases, out, FakeWork(), key=key, resume=True)) == ["done"]


def test_a_failed_case_is_tried_again_and_its_old_error_goes(tmp_path: Path) -> None:
    out, cases = tmp_path / "out", cases_in(tmp_path / "in", "a")
    run_batch(cases, out, FakeWork({"a": PastaError("no")}), key=KEY)
    assert statuses(run_batch(cases, out, FakeWork(), key=KEY, resume=True)) == ["done"]
    assert not (out / "a" / ERROR).exists()


def test_a_failure_removes_the_mark_and_results_of_an_earlier_run(tmp_path: Path) -> None:
    out, cases = tmp_path / "out", cases_in(tmp_path / "in", "a")
    run_batch(cases, out, FakeWork(), key=KEY)
    (out / "a" / "segmentation.nii.gz").write_text("old")
    (out / "a" / "notes of a reader.txt").write_text("kept")
    run_batch(cases, out, FakeWork({"a": PastaError("no")}), key=KEY)
    assert not (out / "a" / DONE).exists()
    assert not (out / "a" / "segmentation.nii.gz").exists()
    assert (out / "a" / "notes of a reader.txt").exists()


def test_a_label_map_found_in_a_folder_is_skipped_but_a_named_one_fails(tmp_path: Path) -> None:
    error = NotCTError("'m' is a label map.")
    for found, status in ((True, "skipped"), (False, "failed")):
        out = tmp_path / status
        cases = cases_in(tmp_path / "in", "m", found=found)
        assert statuses(run_batch(cases, out, FakeWork({"m": error}), key=KEY)) == [status]
        assert summary(out)[0]["status"] == status


def test_paths_that_may_name_a_patient_stay_out_of_the_results(tmp_path: Path) -> None:
    folder = tmp_path / "Mustermann_Erika"
    folder.mkdir()
    cases = [Case("case_1", folder)]
    work = FakeWork({"case_1": PastaError(f"'{folder}' lacks slices; export it again.")})
    run_batch(cases, tmp_path / "out", work, key=KEY)
    assert (
        (tmp_path / "out" / "case_1" / ERROR)
        .read_text(encoding="utf-8")
        .startswith("'case_1' lacks slices")
    )
    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or "Mustermann" not in file.read_text(encoding="utf-8")


def test_cancel_keeps_finished_cases(tmp_path: Path) -> None:
    cancel = CancelToken()
    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        run_batch(
            cases_in(tmp_path / "in", "a", "b"),
            out,
            FakeWork(),
            key=KEY,
            cancel=cancel,
            finished=lambda outcome: cancel.cancel(),
        )
    assert (out / "a" / DONE).exists()
    assert not (out / "b").exists()


def test_progress_goes_over_the_whole_batch_and_never_back(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    run_batch(
        cases_in(tmp_path / "in", "a", "b"),
        tmp_path / "out",
        FakeWork(),
        key=KEY,
        progress=lambda fraction, text: seen.append((fraction, text)),
    )
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) == [0.25, 0.75]
    assert seen[1][1] == "b (2/2): thinking"


def test_an_output_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(PastaError, match="choose another folder"):
        run_batch(cases_in(tmp_path / "in", "a"), tmp_path / "out", FakeWork(), key=KEY)


def test_cases_in_a_folder_are_volumes_and_dicom_studies(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "p1").mkdir(parents=True)
    (root / "p2").mkdir()
    for name in ("p1/ct.nii.gz", "p2/ct.nii.gz", "torso.mha", "p1/organs.seg.nrrd", ".hidden.nii",
                 "readme.txt"):  # fmt: skip
        (root / name).write_bytes(b"x")
    voxels = np.zeros((2, 8, 8))
    write_series(root / "study" / "SE1", voxels, uid="1.1", study="7")
    write_series(root / "study" / "SE2", voxels, uid="1.2", study="7")
    write_series(root / "other", voxels, uid="2.1", study="8")
    (root / "done").mkdir()
    (root / "done" / DONE).write_text("{}")
    (root / "done" / "segmentation.nii.gz").write_bytes(b"x")
    found = find_cases([root], root / "out")
    assert {case.name for case in found} == {"p1_ct", "p2_ct", "torso", "study", "other"}
    assert all(case.found for case in found)
    assert {case.path for case in found if case.name == "study"} == {root / "study"}


def test_two_studies_in_sibling_folders_are_two_cases(tmp_path: Path) -> None:
    voxels = np.zeros((2, 8, 8))
    for number in (1, 2):
        for series in ("A", "B"):
            write_series(tmp_path / "in" / f"{series}{number}", voxels,
                         uid=f"1.{number}.{ord(series)}", study=str(number))  # fmt: skip
    found = find_cases([tmp_path / "in"])
    assert len(found) == 4  # mixed as they are, each folder is on its own


def test_a_folder_of_one_ct_counts_as_named(tmp_path: Path) -> None:
    write_series(tmp_path / "ct7", np.zeros((2, 8, 8)))
    assert find_cases([tmp_path / "ct7"]) == [Case("ct7", tmp_path / "ct7", found=False)]


def test_names_are_unique_short_and_the_same_every_time(tmp_path: Path) -> None:
    for folder in ("one", "two", "TWO_again"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "scan.nii.gz").write_bytes(b"x")
    (tmp_path / "two" / "SCAN.nrrd").write_bytes(b"x")
    (tmp_path / ("x" * 120 + ".mha")).write_bytes(b"x")
    names = [case.name for case in find_cases([tmp_path])]
    assert len({name.lower() for name in names}) == len(names) == 5
    assert max(map(len, names)) <= LONGEST_NAME
    assert "one_scan" in names
    assert names == [case.name for case in find_cases([tmp_path, tmp_path / "two"])]


def test_missing_and_empty_inputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PastaError, match="does not exist"):
        find_cases([tmp_path / "nothing"])
    with pytest.raises(PastaError, match="holds no CT"):
        find_cases([tmp_path])


def test_real_data_make_one_case_per_scan(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("totalsegmentator")
    names = {case.name for case in find_cases([root])}
    assert {"example_ct", "example_ct_dicom", "cta_chest_ct", "cta_heart_ct"} <= names
