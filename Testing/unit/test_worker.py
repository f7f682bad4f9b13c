"""The worker process: answers, cancels, fails in one sentence, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import SimpleITK as sitk

from PASTALib.errors import Cancelled, PastaError
from PASTALib.geometry import Geometry
from PASTALib.progress import CancelToken
from PASTALib.steps import finished
from PASTALib.worker.client import Worker
from PASTALib.worker.conversation import ANALYSIS_JOBS, Conversation, Listener, make_folder
from PASTALib.worker.failures import Failure, WorkerFailed, explain
from PASTALib.worker.messages import array_in_steps, encode, put_image, take_array, take_image
from real_case import abdomen_with_a_cyst

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def worker():
    with Worker(["worker_jobs"]) as worker:
        yield worker


def failure_of(worker: Worker, job: str, **arguments) -> Failure:
    with pytest.raises(WorkerFailed) as caught:
        worker.run(job, arguments)
    return caught.value.failure


def oblique(seed: int = 1) -> sitk.Image:
    image = sitk.GetImageFromArray(np.random.default_rng(seed).integers(-9, 9, (5, 6, 7), np.int16))
    image.SetSpacing((0.7, 0.9, 2.123456789012345))
    image.SetOrigin((-12.5, 1 / 3, 7.0))
    turned = sitk.Euler3DTransform((0, 0, 0), 0.1, 0.2, 0.3).GetMatrix()
    image.SetDirection(tuple((np.reshape(turned, (3, 3)) * [1, -1, 1]).ravel()))  # left-handed
    return image


def test_jobs_answer_with_what_json_can_hold(worker):
    assert worker.run("echo", {"word": "Läsion", "n": [1, 2.5, None]})["word"] == "Läsion"


def test_images_keep_voxels_and_place_exactly(tmp_path):
    image = oblique()
    back = take_image(put_image(image, tmp_path), tmp_path)
    assert Geometry.of(back) == Geometry.of(image)
    assert np.array_equal(sitk.GetArrayFromImage(back), sitk.GetArrayFromImage(image))
    assert list(tmp_path.iterdir()) == []


def test_large_arrays_are_written_in_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("PASTALib.worker.messages.CHUNK_BYTES", 1000)
    array = np.arange(5000, dtype=np.int16).reshape(10, 20, 25)
    steps = array_in_steps(array, tmp_path)
    assert [next(steps) for _ in range(11)] == 11 * [None]
    assert np.array_equal(take_array(finished(steps), tmp_path), array)


def test_an_array_that_is_given_up_half_way_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("PASTALib.worker.messages.CHUNK_BYTES", 1000)
    steps = array_in_steps(np.zeros(5000, np.int16), tmp_path)
    next(steps), next(steps)
    steps.close()
    assert list(tmp_path.iterdir()) == []


def test_files_are_gone_when_they_have_been_read(worker):
    image = oblique()
    answer = worker.run("double", {"image": put_image(image, worker.folder)})
    doubled = take_image(answer["image"], worker.folder)
    assert np.array_equal(sitk.GetArrayFromImage(doubled), 2 * sitk.GetArrayFromImage(image))
    assert list(worker.folder.iterdir()) == []


def test_files_of_a_job_that_failed_are_removed(worker):
    given = put_image(oblique(), worker.folder)
    assert failure_of(worker, "leftovers", image=given).kind == "crash"
    assert list(worker.folder.iterdir()) == []


def test_what_libraries_print_does_not_disturb_the_answers(worker):
    assert worker.run("shout") == {"quiet": True}


def test_progress_is_told_while_a_job_runs(worker):
    told, cancel = [], CancelToken()

    def progress(fraction, message):
        told.append((fraction, message))
        if len(told) == 3:
            cancel.cancel()

    with pytest.raises(Cancelled):
        worker.run("patient", progress=progress, cancel=cancel)
    assert [f for f, _ in told] == sorted(f for f, _ in told)
    assert told[0][1].startswith("Step")


def test_a_cancelled_worker_takes_the_next_job(worker):
    pid = worker.run("pid")["pid"]
    cancel = CancelToken()
    threading.Timer(0.3, cancel.cancel).start()
    with pytest.raises(Cancelled):
        worker.run("patient", cancel=cancel)
    assert worker.run("pid")["pid"] == pid


def test_a_worker_that_does_not_heed_a_cancel_is_killed(worker):
    cancel = CancelToken()
    cancel.cancel()
    worker.run("pid")
    with pytest.raises(Cancelled):
        worker.run("deaf", cancel=cancel)
    # It never began: a request that is cancelled while it waits is not started at all.
    assert worker.process.poll() is None
    cancel = CancelToken()
    threading.Timer(0.3, cancel.cancel).start()
    with pytest.raises(Cancelled):
        worker.run("deaf", cancel=cancel)
    worker.process.wait(5)
    assert worker.process.returncode != 0


@pytest.mark.parametrize(
    ("kind", "args", "expected", "words"),
    [
        ("MemoryError", [], "memory", "Memory was too small"),
        ("RuntimeError", ["CUDA out of memory. Tried to allocate"], "memory", "use the CPU"),
        (
            "RuntimeError",
            ["CUDA error: no kernel image is available for execution on the device"],
            "device",
            "no code for this graphics card",
        ),
        ("RuntimeError", ["CUDA error: unspecified launch failure"], "device", "graphics card"),
        ("OSError", [28, "No space left on device", "/tmp/x"], "disk", "no space left"),
        ("ZeroDivisionError", ["what"], "crash", "a fault of its own"),
    ],
)
def test_failures_are_one_sentence_and_details(worker, kind, args, expected, words):
    failure = failure_of(worker, "raise", kind=kind, args=args)
    assert failure.kind == expected
    assert words in failure.sentence
    assert "Traceback" in failure.details
    assert kind in failure.details
    assert failure.cpu_helps == (expected in ("memory", "device"))


def test_a_missing_package_is_named():
    failure = explain(ModuleNotFoundError("No module named 'safetensors'", name="safetensors"))
    assert failure.kind == "package"
    assert "safetensors" in failure.sentence


def test_mistakes_of_the_user_keep_their_sentence():
    assert explain(PastaError("Choose a CT.")).sentence == "Choose a CT."


def test_a_worker_that_dies_tells_whoever_waits(worker):
    failure = failure_of(worker, "die")
    assert failure.kind == "crash"
    assert "code 7" in failure.sentence


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_killed_by_the_system_reads_as_lack_of_memory(worker):
    threading.Timer(0.5, lambda: os.kill(worker.process.pid, signal.SIGKILL)).start()
    failure = failure_of(worker, "patient")
    assert failure.kind == "memory"
    assert "memory ran out" in failure.sentence


def test_a_library_that_is_not_there_ends_the_start_with_a_reason(tmp_path, monkeypatch):
    (tmp_path / "broken_jobs.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with Worker(["broken_jobs"]) as worker:
        failure = failure_of(worker, "echo")
    assert failure.kind == "package"
    assert "no_such_package_at_all" in failure.details


def test_nothing_is_left_when_it_is_closed():
    with Worker(["worker_jobs"]) as worker:
        pid = worker.run("pid")["pid"]
        put_image(oblique(), worker.folder)
    assert not worker.folder.exists()
    assert not psutil.pid_exists(pid)


def test_nothing_is_left_when_the_parent_is_killed(tmp_path):
    script = f"""
import sys, time
sys.path[:0] = [{str(ROOT / "PASTA")!r}, {str(ROOT / "Testing")!r}]
from PASTALib.worker.client import Worker
worker = Worker(["worker_jobs"])
print(worker.run("pid")["pid"], worker.folder, flush=True)
worker.run("deaf")
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    parent.kill()
    parent.wait()
    psutil.Process(int(pid)).wait(20)
    assert not Path(folder).exists()


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="needs limits of file size")
def test_no_space_in_the_temporary_folder_is_told(worker):
    big = sitk.Image(64, 64, 64, sitk.sitkInt16)
    given = put_image(big, worker.folder)
    psutil.Process(worker.process.pid).rlimit(psutil.RLIMIT_FSIZE, (50_000, 50_000))
    failure = failure_of(worker, "double", image=given)
    assert failure.kind == "disk"
    assert "no space left" in failure.sentence
    assert list(worker.folder.iterdir()) == []
    assert worker.run("echo", {"still": "there"}) == {"still": "there"}


def test_memory_stays_flat_over_many_jobs(worker):
    process = psutil.Process(worker.process.pid)
    image = sitk.Image(128, 128, 64, sitk.sitkInt16)  # 2 MB

    def some():
        for _ in range(40):
            answer = worker.run("double", {"image": put_image(image, worker.folder)})
            take_image(answer["image"], worker.folder)
        return process.memory_info().rss

    first = some()
    assert some() < first + 8_000_000


def test_old_folders_of_killed_processes_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, recent = make_folder(), make_folder()
    day_ago = time.time() - 100_000
    os.utime(old, (day_ago, day_ago))
    made = make_folder()
    assert sorted(tmp_path.iterdir()) == sorted([recent, made])


def test_a_result_that_comes_too_late_is_dropped(tmp_path):
    written: list[str] = []
    heard: list[str] = []
    talk = Conversation(written.append, tmp_path)
    listener = Listener(done=lambda _: heard.append("done"), cancelled=lambda: heard.append("no"))
    number = talk.request("double", {}, listener)
    talk.cancel(number)
    late = put_image(oblique(), tmp_path)
    talk.hear(encode({"id": number, "result": {"image": late}}))
    assert heard == ["no"]
    assert list(tmp_path.iterdir()) == []
    assert not talk.stopping


def test_a_torn_line_is_skipped(tmp_path):
    talk = Conversation(lambda line: None, tmp_path)
    talk.hear('{"id": 1, "resu')
    talk.hear("")
    talk.hear("[1]")


def test_a_scan_is_analyzed_measured_and_exported(tmp_path, shared_data):
    from PASTALib.report import Report

    ct = abdomen_with_a_cyst(shared_data)
    with Worker([ANALYSIS_JOBS]) as worker:
        assert worker.run("devices")["devices"][-1]["key"] == "cpu"
        image = put_image(ct.image, worker.folder)
        worker.run("open", {"key": "a", "name": "Case", "image": image})
        told: list[float] = []
        found = worker.run(
            "analyze",
            {"key": "a", "model": "pasta-s", "device": "cpu"},
            progress=lambda fraction, message: told.append(fraction),
        )
        report = Report.model_validate(found["report"])
        rows = [row for row in found["segments"] if row["layer"] == 1]
        assert rows
        assert [row["id"] for row in rows] == [finding.id for finding in report.findings]
        lesions = take_image(found["layers"][1], worker.folder)
        take_image(found["layers"][0], worker.folder)
        assert set(np.unique(sitk.GetArrayViewFromImage(lesions))) - {0} == {
            row["label"] for row in rows
        }
        assert told == sorted(told)
        outlines = [
            {"id": f.id, "type": f.type, "mask": None, "start": [0, 0, 0], "found_by": "model",
             "confidence": f.confidence, "type_confidence": f.type_confidence}
            for f in report.findings
        ]  # fmt: skip
        arguments = {"key": "a", "report": found["report"], "outlines": outlines}
        same = worker.run("measure", arguments)
        assert [f["size"] for f in same["findings"]] == [
            f["size"] for f in found["report"]["findings"]
        ]
        formats = ["json", "html", "csv", "nifti", "seg.nrrd"]
        done = worker.run(
            "export",
            {"key": "a", "report": found["report"], "folder": str(tmp_path), "formats": formats},
        )
        assert sorted(Path(file).name for file in done["files"]) == [
            "lesion_instances.nii.gz", "lesions.csv", "report.html", "report.json",
            "segmentation.nii.gz", "segmentation.seg.nrrd",
        ]  # fmt: skip
        assert failure_of(worker, "analyze", key="b", model="pasta-s", device="cpu").kind == "user"
        assert list(worker.folder.iterdir()) == []


def test_the_sample_torso_is_made_in_the_worker():
    with Worker(["PASTAGenLib.jobs"]) as worker:
        made = worker.run("torso", {"seed": 1, "spacing_mm": 8.0})
        image, organs = (take_image(made[key], worker.folder) for key in ("image", "organs"))
    assert made["name"] == "SYNTHETIC torso 1"
    assert image.GetSize() == organs.GetSize()
    assert sitk.GetArrayViewFromImage(organs).max() > 0
