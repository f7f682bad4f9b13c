"""``pasta analyze`` from the command line to the result folders."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from dicom_series import PATIENT, write_series
from PASTALib import job
from PASTALib.analysis import Analysis
from PASTALib.catalog import catalog
from PASTALib.cli import (
    INTERRUPTED,
    NOT_STARTED,
    SOME_FAILED,
    SUCCESS,
    build_analyze_parser,
    build_parser,
    main,
    run,
)
from PASTALib.model import Model, ModelInfo, Normalization, load_model, save_model
from PASTALib.network import UNet

CLASSES = ("background", "liver", "liver_cyst")
HU = (-1000.0, 110.0, 10.0)
FILES = {
    "segmentation.nii.gz", "lesion_instances.nii.gz", "segmentation.seg.nrrd", "lesions.csv",
    "report.json", "report.html", "done.json",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


class ByHU(torch.nn.Module):
    """Stands in for a trained network: logits fall with the distance to each class's HU."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        levels = torch.tensor(HU).reshape(1, -1, 1, 1, 1)
        return -((image.float() * 100 - levels).abs()) / 10


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose network is replaced, when loaded, by one that knows the answer."""
    info = ModelInfo(
        name="by-hu", version="0", classes=CLASSES, spacing_mm=3.0, patch=(16, 16, 16),
        features=(2, 2), normalization=Normalization(-1000, 1000, 0, 100),
    )  # fmt: skip
    folder = tmp_path / "model"
    save_model(folder, info, UNet(info.features, len(CLASSES)))

    def load(name: str, device: str) -> Model:
        return replace(load_model(name, device), network=ByHU())

    monkeypatch.setattr(job, "load_model", load)
    return folder


def liver() -> np.ndarray:
    """HU ``[z, y, x]`` of 3 mm voxels: a liver with a cyst of 27 mm, air around."""
    z, y, x = np.indices((24, 32, 36))
    hu = np.where(np.hypot(np.hypot(z - 12, y - 16), x - 18) < 11, 110, -1000)
    hu[np.hypot(np.hypot(z - 11, y - 16), x - 20) < 4.5] = 10
    return hu + np.random.default_rng(0).integers(-8, 9, hu.shape)


def written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(liver().astype(np.int16))
    image.SetSpacing((3.0, 3.0, 3.0))
    image.SetOrigin((10.0, -20.0, 300.0))
    sitk.WriteImage(image, str(path))
    return path


def summary(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_and_a_dicom_folder_become_result_folders(tmp_path: Path, model: Path) -> None:
    volume = written(tmp_path / "in" / "liver one.nii.gz")
    write_series(tmp_path / "in" / "dicom2", liver(), spacing=(3, 3), step=3)
    out = tmp_path / "out"
    code = main(["analyze", str(volume), str(tmp_path / "in" / "dicom2"), "-o", str(out),
                 "--model", str(model), "--device", "cpu"])  # fmt: skip
    assert code == SUCCESS
    for name in ("liver_one", "dicom2"):
        assert {path.name for path in (out / name).iterdir()} == FILES
        with (out / name / "lesions.csv").open(encoding="utf-8") as file:
            lesions = list(csv.DictReader(file))
        assert [row["type"] for row in lesions] == ["liver_cyst"]
        assert float(lesions[0]["long_axis_mm"]) == pytest.approx(27, abs=4)
        report = json.loads((out / name / "report.json").read_text(encoding="utf-8"))
        assert report["study"] == name
        labels = sitk.ReadImage(str(out / name / "segmentation.nii.gz"))
        found = sitk.GetArrayViewFromImage(labels)
        assert set(np.unique(found)) == {0, catalog().label("liver"), catalog().label("liver_cyst")}
        steps = json.loads((out / name / "done.json").read_text(encoding="utf-8"))["facts"]["steps"]
        assert next(iter(steps)) == "reading"
        assert list(steps)[-1] == "writing"
    assert [row["status"] for row in summary(out)] == ["done", "done"]
    original = sitk.ReadImage(str(volume))
    labels = sitk.ReadImage(str(out / "liver_one" / "segmentation.nii.gz"))
    assert labels.GetSize() == original.GetSize()
    np.testing.assert_allclose(labels.GetOrigin(), original.GetOrigin())


def test_a_bad_file_in_a_folder_fails_alone_and_masks_are_skipped(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "in" / "good.nii.gz")
    (tmp_path / "in" / "broken.nii.gz").write_bytes(b"\x1f\x8b nothing")
    mask = sitk.GetImageFromArray((liver() > 0).astype(np.uint8))
    sitk.WriteImage(mask, str(tmp_path / "in" / "mask.nii.gz"))
    out = tmp_path / "out"
    arguments = ["analyze", str(tmp_path / "in"), "-o", str(out), "--model", str(model),
                 "--formats", "csv"]  # fmt: skip
    assert main(arguments) == SOME_FAILED
    states = {row["case"]: row["status"] for row in summary(out)}
    assert states == {"good": "done", "broken": "failed", "mask": "skipped"}
    assert "damaged" in (out / "broken" / "error.txt").read_text(encoding="utf-8")
    assert {path.name for path in (out / "good").iterdir()} == {"lesions.csv", "done.json"}
    assert not (out / "mask").exists()
    assert "1 done, 1 skipped, 1 failed" in capsys.readouterr().err

    (tmp_path / "in" / "broken.nii.gz").unlink()
    assert main([*arguments, "--resume"]) == SUCCESS
    assert {row["case"]: row["status"] for row in summary(out)}["good"] == "kept"
    assert main([*arguments, "--resume", "--phase", "arterial"]) == SUCCESS
    row = next(row for row in summary(out) if row["case"] == "good")
    assert (row["status"], row["phase"]) == ("done", "arterial")


def test_no_patient_name_is_in_any_output(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in" / "MUSTERMANN"
    tags = {"0008|103e": "Abdomen Erika"}
    write_series(folder, liver(), spacing=(3, 3), step=3, tags=tags)
    (tmp_path / "in" / "x.txt").write_text("")
    out = tmp_path / "out"
    assert main(["analyze", str(tmp_path / "in"), "-o", str(out), "--model", str(model)]) == SUCCESS
    said = capsys.readouterr().err
    for path in out.rglob("*"):
        said += path.name + (path.read_bytes().decode("latin-1") if path.is_file() else "")
    for word in PATIENT.split("^"):
        assert word.lower() not in said.lower()


def test_given_organs_and_a_region_limit_where_lesions_are_found(
    tmp_path: Path, model: Path
) -> None:
    volume = written(tmp_path / "liver.nrrd")
    image = sitk.ReadImage(str(volume))
    nowhere = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    nowhere.CopyInformation(image)
    nowhere[0:6, 0:6, 0:6] = 5
    sitk.WriteImage(nowhere, str(tmp_path / "organs.nii.gz"))
    common = ["analyze", str(volume), "--model", str(model), "--formats", "csv"]
    assert main([*common, "-o", str(tmp_path / "a"), "--organs", str(tmp_path / "organs.nii.gz"),
                 "--organ-table", "totalsegmentator_v2"]) == SUCCESS  # fmt: skip
    assert summary(tmp_path / "a")[0]["lesions"] == "0"
    assert "label table: totalsegmentator_v2" in summary(tmp_path / "a")[0]["notes"]
    assert main([*common, "-o", str(tmp_path / "b"), "--roi", "-5,-20,300,40,10,350"]) == SUCCESS
    assert summary(tmp_path / "b")[0]["lesions"] == "0"
    assert main([*common, "-o", str(tmp_path / "c"), "--roi=10,-20,300,118,76,372"]) == SUCCESS
    assert summary(tmp_path / "c")[0]["lesions"] == "1"


def test_a_carrier_gets_every_analysis_before_it_counts_as_done(
    tmp_path: Path, model: Path
) -> None:
    seen: list[tuple[int, bool]] = []

    def carrier(analysis: Analysis, folder: Path) -> None:
        seen.append((len(analysis.lesions), (folder / "done.json").exists()))

    parser = build_analyze_parser("analyze.py")
    args = parser.parse_args([str(written(tmp_path / "a.mha")), "-o", str(tmp_path / "out"),
                              "--model", str(model)])  # fmt: skip
    assert run(args, carrier) == SUCCESS
    assert seen == [(1, False)]


def test_ctrl_c_stops_with_its_own_exit_code(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        os.kill(os.getpid(), 2)

    monkeypatch.setattr(job, "read_ct", lambda *_, **__: interrupt())
    monkeypatch.setattr(job, "replace", lambda ct, **_: ct)
    volume = written(tmp_path / "a.mha")
    out = tmp_path / "out"
    assert main(["analyze", str(volume), "-o", str(out), "--model", str(model)]) == INTERRUPTED
    assert not (out / "a" / "done.json").exists()


def test_list_series_prints_the_series_and_marks_the_chosen_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_series(tmp_path / "ct", liver(), uid="1.2.1")
    write_series(tmp_path / "ct", liver()[:1], uid="1.2.2", stem="b")
    assert main(["analyze", str(tmp_path / "ct"), "--list-series"]) == SUCCESS
    lines = capsys.readouterr().out.splitlines()
    assert any(line.strip().startswith("* 1.2.1") for line in lines)
    assert any("1.2.2" in line and "single slice" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.nii.gz"], "-o OUT"),
        (["in.nii.gz", "-o", "out", "--model", "nothing"], "'nothing' is neither bundled"),
        (["in.nii.gz", "-o", "out", "--organs", "gone.nii.gz"], "gone.nii.gz"),
        (["gone", "-o", "out"], "'gone' does not exist"),
    ],
)
def test_what_cannot_start_is_said_in_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "in.nii.gz")
    assert main(["analyze", *arguments]) == NOT_STARTED
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "wrong", [["--roi", "1,2,3"], ["--formats", "docx"], ["--phase", "late"], ["--formats", ""]]
)
def test_wrong_options_are_usage_errors(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        build_parser().parse_args(["analyze", "x", "-o", "y", *wrong])
    assert stop.value.code == 2


@pytest.mark.slow
def test_the_module_runs_as_a_program_with_its_own_network(tmp_path: Path) -> None:
    info = ModelInfo(
        name="untrained", version="0", classes=("background", "liver"), spacing_mm=6.0,
        patch=(16, 16, 16), features=(2, 2), normalization=Normalization(-1000, 1000, 0, 500),
    )  # fmt: skip
    save_model(tmp_path / "model", info, UNet(info.features, 2))
    done = subprocess.run(
        [sys.executable, "-m", "PASTALib", "analyze", str(written(tmp_path / "größe.nii.gz")),
         "-o", str(tmp_path / "out"), "--model", str(tmp_path / "model"), "--device", "cpu"],
        cwd=ROOT / "PASTA", capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == SUCCESS, done.stderr
    assert {path.name for path in (tmp_path / "out" / "größe").iterdir()} == FILES


def test_a_real_dicom_series_goes_the_whole_way(
    tmp_path: Path, model: Path, shared_data: Callable[[str], Path]
) -> None:
    series = shared_data("totalsegmentator/example_ct_dicom")
    code = main(["analyze", str(series), "-o", str(tmp_path), "--model", str(model),
                 "--formats", "nifti,csv", "--roi", "-60,-320,-800,20,-240,-770"])  # fmt: skip
    assert code == SUCCESS
    row = summary(tmp_path)[0]
    assert row["case"] == "example_ct_dicom"
    assert "the only series" in row["notes"]
