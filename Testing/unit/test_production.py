"""A production: the same files whoever computes, nothing lost when killed, and a true manifest."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTAGenLib.apply import apply
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.production import workers as workers_module
from PASTAGenLib.production.cli import INTERRUPTED, NOT_STARTED, SOME_FAILED, SUCCESS, main
from PASTAGenLib.production.produced import read_records
from PASTAGenLib.production.recipe import read_recipe
from PASTAGenLib.production.run import produce
from PASTAGenLib.production.workers import ThisProcess
from PASTAGenLib.torso import TorsoSpec, build_torso
from PASTALib.catalog import catalog
from PASTALib.errors import Cancelled, PastaError
from PASTALib.organ_input import read_organs
from PASTALib.progress import CancelToken
from PASTALib.reading import read_ct
from production_case import TYPES, fingerprints, write_recipe

csv.field_size_limit(1 << 24)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def made(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of one worker in this process."""
    out = tmp_path_factory.mktemp("made") / "out"
    assert main([str(recipe), "-o", str(out), "-q"]) == SUCCESS
    return out


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_three_workers_write_the_same_bytes_as_one(recipe, made, tmp_path):
    assert main([str(recipe), "-o", str(tmp_path / "out"), "-q", "--workers", "3"]) == SUCCESS
    assert fingerprints(tmp_path / "out") == fingerprints(made)


@pytest.mark.slow
def test_a_dask_cluster_writes_the_same_bytes_as_one_process(recipe, made, tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, worker_dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        out = tmp_path / "out"
        assert main([str(recipe), "-o", str(out), "-q", "--scheduler", address]) == SUCCESS
    assert fingerprints(out) == fingerprints(made)


def test_a_killed_run_goes_on_where_it_was_and_ends_the_same(recipe, made, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "PASTAGenLib.production.cli", str(recipe), "-o", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(out.glob("records/0*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (out / "records").glob("0*.json")}
    assert 2 <= len(kept) < 2 * len(TYPES), "killed too late or too early to show anything"
    assert main([str(recipe), "-o", str(out), "-q"]) == SUCCESS
    assert fingerprints(out) == fingerprints(made)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_what_a_kill_left_half_written_is_removed(recipe, made, tmp_path):
    out = tmp_path / "out"
    assert main([str(recipe), "-o", str(out), "-q"]) == SUCCESS
    (out / "images" / ".0123abcd.part-x.nii.gz").write_bytes(b"half")
    (out / "records" / "000003.json").unlink()
    assert main([str(recipe), "-o", str(out), "-q"]) == SUCCESS
    assert fingerprints(out) == fingerprints(made)


def test_a_run_that_is_cancelled_lists_what_is_finished(recipe, tmp_path):
    cancel = CancelToken()

    def stop(fraction: float, message: str) -> None:
        if "2 of" in message and "cases" in message:
            cancel.cancel()

    with pytest.raises(Cancelled):
        produce(
            read_recipe(recipe), tmp_path / "out", ThisProcess(), 1, progress=stop, cancel=cancel
        )
    assert len(rows(tmp_path / "out")) == 2
    assert (
        len(json.loads((tmp_path / "out/datalist.json").read_text(encoding="utf-8"))["training"])
        == 2
    )


def test_the_manifest_replays_to_the_same_voxels(recipe, made):
    for row in rows(made)[:2]:
        (plan,) = json.loads(row["plans"])
        scan = recipe.parent / "scans" / f"{row['source']}.nii.gz"
        ct = read_ct(scan).image
        organs = read_organs(recipe.parent / "masks" / scan.name, ct, "pasta").labels
        case = apply(ct, organs, InsertionPlan.from_json(json.dumps(plan)))
        written = sitk.ReadImage(str(made / "images" / f"{row['name']}.nii.gz"))
        assert np.array_equal(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(case.ct))


def test_the_manifest_says_what_is_in_the_files(made):
    found = rows(made)
    assert [row["name"] for row in found] == [f"{k}_000{n}" for k in TYPES for n in (1, 2)]
    prints = fingerprints(made)
    for row in found:
        assert row["status"] == "done"
        for name, digest in json.loads(row["files"]).items():
            assert prints[name] == digest
        organs = sitk.GetArrayFromImage(sitk.ReadImage(str(made / f"organs/{row['name']}.nii.gz")))
        assert row["structure"] in catalog().structures
        assert catalog().label(row["structure"]) in organs
        label = sitk.ReadImage(str(made / f"labels/{row['name']}.nii.gz"))
        number = json.loads((made / "datalist.json").read_text(encoding="utf-8"))["labels"]
        own = next(int(n) for n, name in number.items() if name == row["type"])
        voxels = np.count_nonzero(sitk.GetArrayFromImage(label) == own)
        assert voxels * np.prod(label.GetSpacing()) == pytest.approx(
            float(row["volume_mm3"]), rel=1e-4
        )


def test_the_manifest_is_there_as_parquet_too(made):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(made / "manifest.parquet").to_pylist()
    assert [row["name"] for row in table] == [row["name"] for row in rows(made)]
    assert isinstance(table[0]["mean_hu"], float)


def test_every_image_says_that_it_is_synthetic(made):
    assert (made / "SYNTHETIC.txt").read_text(encoding="utf-8").startswith("SYNTHETIC")
    for path in sorted(made.glob("images/*.nii.gz")):
        assert read_ct(path).synthetic


def test_no_scan_and_no_half_file_is_left(made):
    assert not (made / "sources").exists()
    assert not [name for name in fingerprints(made) if ".part-" in name]


def test_a_lesion_that_no_scan_can_hold_is_counted_with_its_reasons(tmp_path, capsys):
    path = write_recipe(
        tmp_path,
        lesions=[
            {"type": "gallstone", "count": 1, "long_axis_mm": 59},
            {"type": "liver_cyst", "count": 1},
            {"type": "bone_metastasis", "count": 1, "phases": ["arterial"]},
        ],
        attempts=3,
    )
    assert main([str(path), "-o", str(tmp_path / "out"), "-q"]) == SOME_FAILED
    by_name = {row["name"]: row for row in rows(tmp_path / "out")}
    assert by_name["liver_cyst_0001"]["status"] == "done"
    stone = by_name["gallstone_0001"]
    assert stone["status"] == "failed"
    assert sum(json.loads(stone["rejected"]).values()) == 3
    assert "No source shows the bone" in by_name["bone_metastasis_0001"]["rejected"]
    assert "gallstone_0001" in capsys.readouterr().err
    again = {record.name for record in read_records(tmp_path / "out/records").values()}
    assert len(again) == 3


def test_a_scan_that_cannot_be_read_is_left_out_and_named(tmp_path, capsys):
    path = write_recipe(tmp_path)
    (tmp_path / "scans" / "broken.nii.gz").write_bytes(b"no scan")
    assert main([str(path), "-o", str(tmp_path / "out"), "-q"]) == SUCCESS
    assert "Left out broken" in capsys.readouterr().err


def test_without_any_scan_nothing_is_made(tmp_path, capsys):
    path = write_recipe(tmp_path)
    for scan in (tmp_path / "scans").iterdir():
        scan.write_bytes(b"no scan")
    assert main([str(path), "-o", str(tmp_path / "out"), "-q"]) == NOT_STARTED
    assert "None of the sources can be used" in capsys.readouterr().err


def test_the_output_of_another_recipe_is_not_continued(made, tmp_path, capsys):
    path = write_recipe(tmp_path, seed=12)
    before = fingerprints(made)
    assert main([str(path), "-o", str(made), "-q"]) == NOT_STARTED
    assert "another recipe" in capsys.readouterr().err
    assert fingerprints(made) == before


def test_a_folder_with_something_else_is_left_alone(recipe, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main([str(recipe), "-o", str(tmp_path), "-q"]) == NOT_STARTED
    assert "choose a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_disk_that_is_too_small_stops_the_run_before_it_is_full(recipe, tmp_path, monkeypatch):
    from PASTAGenLib.production import run

    monkeypatch.setattr(run.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(PastaError, match="are free; make room"):
        produce(read_recipe(recipe), tmp_path / "out", ThisProcess(), 1)
    assert len(rows(tmp_path / "out")) == 1


def test_a_scheduler_that_does_not_answer_is_named(recipe, tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers_module, "SECONDS_TO_CONNECT", 0.5)
    address = "tcp://127.0.0.1:9"
    assert main([str(recipe), "-o", str(tmp_path), "-q", "--scheduler", address]) == NOT_STARTED
    assert f"No Dask scheduler answers at '{address}'" in capsys.readouterr().err


def test_a_dry_run_says_what_all_would_take(recipe, capsys):
    assert main([str(recipe), "--dry-run", "-q"]) == SUCCESS
    said = capsys.readouterr().out
    assert "8 cases from 2 scans" in said
    assert "GB" in said


def test_a_case_can_be_written_as_dicom_besides(tmp_path):
    pytest.importorskip("highdicom")
    lesions = [{"type": "kidney_tumor", "count": 1, "long_axis_mm": 20}]
    path = write_recipe(tmp_path, lesions=lesions, dicom=True)
    out = tmp_path / "out"
    assert main([str(path), "-o", str(out), "-q"]) == SUCCESS
    series = read_ct(out / "dicom/kidney_tumor_0001/ct")
    image = read_ct(out / "images/kidney_tumor_0001.nii.gz")
    assert series.synthetic
    assert np.array_equal(sitk.GetArrayFromImage(series.image), sitk.GetArrayFromImage(image.image))
    assert (out / "dicom/kidney_tumor_0001/seg.dcm").is_file()


def test_the_bundled_model_finds_the_organs_of_a_scan_that_has_no_mask(tmp_path):
    torso = build_torso(TorsoSpec(seed=4, spacing=(3.0, 3.0, 4.0), field_of_view="abdomen"))
    sitk.WriteImage(torso.image, str(tmp_path / "scan.nii.gz"))
    lesions = [{"type": "liver_cyst", "count": 1, "long_axis_mm": 25, "protrudes": False}]
    sources = [{"ct": "scan.nii.gz", "organs": "model", "phase": torso.spec.phase}]
    path = write_recipe(tmp_path, lesions=lesions, sources=sources)
    out = tmp_path / "out"
    assert main([str(path), "-o", str(out), "-q"]) == SUCCESS
    liver = sitk.GetArrayFromImage(torso.organs) == catalog().label("liver")
    lesion = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "labels/liver_cyst_0001.nii.gz")))
    lesion = lesion == lesion.max()
    assert np.mean(liver[lesion]) > 0.8  # of the true liver, which was not told
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "organs/liver_cyst_0001.nii.gz")))
    found = found == catalog().label("liver")
    assert 2 * np.sum(found & liver) / (found.sum() + liver.sum()) > 0.8


def test_the_exit_codes_differ():
    assert len({SUCCESS, SOME_FAILED, NOT_STARTED, INTERRUPTED}) == 4


def test_a_disk_that_is_full_in_the_middle_ends_the_run_in_one_sentence(
    recipe, tmp_path, monkeypatch
):
    from PASTAGenLib.production import run

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out"
    with monkeypatch.context() as at_first:
        at_first.setattr(run, "write_manifest", full)
        with pytest.raises(PastaError, match=r"No space left on device\); make room.* are kept"):
            produce(read_recipe(recipe), out, ThisProcess(), 1)
    kept = len(read_records(out / "records"))
    assert produce(read_recipe(recipe), out, ThisProcess(), 1).made == 8 - kept


def test_why_a_case_could_not_be_made_is_told_at_once(tmp_path, capsys):
    stone = {"type": "gallstone", "count": 1, "long_axis_mm": 59}
    path = write_recipe(tmp_path, lesions=[stone], attempts=2)
    assert main([str(path), "-o", str(tmp_path / "out"), "-q"]) == SOME_FAILED
    told = capsys.readouterr().err
    assert "gallstone_0001 was not made: The gallbladder cannot hold a gallstone" in told
