"""Screening, stage and survival: losses, calibration, crops, the loop, and whole runs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch

from painted_scans import SPACING_MM, painted, write_scans
from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.model import Model, ModelInfo, Normalization, load_model, save_model
from PASTALib.progress import CancelToken, silent
from PASTATrain.cli import main
from PASTATrain.heads.calibration import temperatures
from PASTATrain.heads.config import read_head_config
from PASTATrain.heads.crops import Crop, LabeledScan, crops_of, cube_around, on_cube, read_scan
from PASTATrain.heads.fitting import Schedule, fit
from PASTATrain.heads.head import Head
from PASTATrain.heads.losses import cox_loss, malignancy_loss, positive_weights
from PASTATrain.heads.saliency import METHODS, saliency
from PASTATrain.heads.tasks import Screen, Survive
from PASTATrain.heads.training import load_trained
from PASTATrain.judging.cli import main as judge_main
from PASTATrain.judging.predictions import Labeled
from PASTATrain.manifest import read_manifest

NAN = float("nan")
INFO = ModelInfo(
    "tiny", "1", ("background", "liver"), SPACING_MM, (16,) * 3, (4, 8, 8),
    Normalization(-1000, 1000, 0, 100),
)  # fmt: skip
SETTINGS = "around: [liver]\ncrop: 32\nmargin_mm: 10\nepochs: 60\nbatch: 16\n"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, INFO, INFO.network())
    return folder


@pytest.fixture(scope="module")
def model(model_folder) -> Model:
    return load_model(model_folder)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    return write_scans(tmp_path_factory.mktemp("scans"), 36)


def train(
    name: str, manifest: Path, model_folder: Path, out: Path, settings=SETTINGS, *more
) -> int:
    path = out.parent / f"{out.name}.yaml"
    path.write_text(settings, encoding="utf-8")
    command = [name, str(manifest), "-o", str(out), "--settings", str(path)]
    return main([*command, "--model", str(model_folder), "--device", "cpu", *more])


@pytest.fixture(scope="module")
def screening(tmp_path_factory, manifest, model_folder) -> Path:
    out = tmp_path_factory.mktemp("runs") / "screen"
    assert train("screen", manifest, model_folder, out) == 0
    return out


# Losses and calibration


def test_coxs_loss_is_the_partial_likelihood_of_lifelines():
    from lifelines import CoxPHFitter

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=30), "days": rng.permutation(30) + 1.0})
    table["died"] = rng.random(30) < 0.6
    fitted = CoxPHFitter().fit(table, "days", "died")
    risk = torch.tensor(table["x"].to_numpy() * fitted.params_["x"])[:, None]
    targets = torch.tensor(table[["days", "died"]].to_numpy(float))
    expected = -fitted.log_likelihood_ / table["died"].sum()
    assert cox_loss(risk, targets).item() == pytest.approx(expected, abs=1e-6)
    targets[:, 1] = 0  # nobody died: nothing is learned
    assert cox_loss(risk, targets).item() == 0


def test_unknown_organs_take_no_part_in_the_malignancy_loss():
    targets = torch.tensor([[1.0, NAN], [NAN, 0.0]])
    logits = torch.tensor([[0.3, 9.0], [-9.0, -0.2]], requires_grad=True)
    loss = malignancy_loss(torch.ones(2))(logits, targets)
    expected = -(torch.tensor(0.3).sigmoid().log() + torch.tensor(0.2).sigmoid().log()) / 2
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    loss.backward()
    assert logits.grad[0, 1] == logits.grad[1, 0] == 0


def test_positive_scans_weigh_what_they_lack_in_number_up_to_ten():
    targets = torch.tensor([[1.0, 1.0], *[[0.0, NAN]] * 30, *[[0.0, 0.0]] * 3])
    assert positive_weights(targets).tolist() == [10.0, 3.0]


def test_the_temperature_undoes_overconfidence():
    torch.manual_seed(0)
    true = 1.5 * torch.randn(4000, 1)
    right = (torch.rand(4000, 1) < true.sigmoid()).float()
    found = temperatures(3 * true, right, {"liver": ("malignant",)})
    assert found["liver"] == pytest.approx(3.0, rel=0.1)
    assert temperatures(true[:5], torch.ones(5, 1), {"liver": ("malignant",)}) == {"liver": 1.0}


def test_the_chance_of_any_organ_is_that_of_independent_organs():
    task = Screen.of(["liver", "kidney"])
    logits = torch.logit(torch.tensor([[0.9, 0.2], [0.1, 0.5]]))
    told = task.scores(["kidney", "liver"], logits)
    assert told == pytest.approx(
        {"malignancy": 1 - 0.8 * 0.9, "malignancy_liver": 0.1, "malignancy_kidney": 0.2}
    )


# Crops


def test_a_crop_lies_around_the_organ_and_shows_what_is_there():
    hu, labels, _ = painted(1, tumor=True)
    image = sitk.GetImageFromArray(hu.astype(np.int16))
    image.SetSpacing((SPACING_MM,) * 3)
    image = sitk.DICOMOrient(image, "RAS")
    turned = sitk.GetImageFromArray(labels)
    turned.SetSpacing((SPACING_MM,) * 3)
    turned = sitk.DICOMOrient(turned, "RAS")
    arrays = Labeled(sitk.GetArrayFromImage(turned), np.zeros_like(labels), ())
    scan = LabeledScan(CT(image, "x"), Geometry.of(turned), arrays)
    (crop,) = crops_of(scan, ["liver", "pancreas"], SPACING_MM, 32, 10.0)
    assert crop.around == "liver"
    assert crop.hu.shape == (32, 32, 32)
    assert crop.mask.sum() == pytest.approx((labels > 0).sum(), rel=0.1)
    assert np.median(crop.hu[crop.mask > 0]) == pytest.approx(60, abs=5)
    assert (crop.hu[crop.mask > 0] > 110).sum() == pytest.approx(64, abs=40)


def test_an_organ_that_is_larger_than_the_crop_is_squeezed_evenly():
    grid = Geometry.isotropic((60, 40, 50), 2.0)
    mask = np.zeros(grid.shape_zyx, bool)
    mask[5:55, 10:30, 10:40] = True
    cube = cube_around(mask, grid, 2.0, 16, 4.0)
    assert cube.spacing == pytest.approx(((49 * 2 + 8) / 16,) * 3)
    inside = on_cube(mask, grid, cube).sum() * cube.voxel_mm3
    assert inside == pytest.approx(mask.sum() * grid.voxel_mm3, rel=0.15)


def test_a_lesion_of_one_voxel_is_not_lost_in_a_coarse_crop():
    grid = Geometry.isotropic((20, 20, 20), 1.0)
    mask = np.zeros(grid.shape_zyx, bool)
    mask[3, 4, 5] = True
    assert on_cube(mask, grid, cube_around(mask, grid, 6.0, 8, 10.0)).sum() >= 1


def test_without_masks_the_model_outlines_the_organs(manifest, model):
    entry = replace(read_manifest(manifest)[1], masks=None)
    scan = read_scan(entry, model)
    assert scan.grid == Geometry.of(scan.ct.image)
    assert scan.labels.organs.shape == scan.labels.lesions.shape == scan.grid.shape_zyx
    task = Screen.of(["liver"])
    crop = Crop("liver", np.zeros(1), np.zeros(1), scan.grid)
    assert task.targets(entry, scan.labels, crop) == [1.0]  # the manifest tells
    unknown = replace(entry, malignant=None)  # what the model outlines is no truth
    assert np.isnan(task.targets(unknown, scan.labels, crop)).all()


# The loop


def test_a_stopped_training_ends_as_one_that_was_not(tmp_path):
    torch.manual_seed(1)
    inputs = (torch.randn(40, 6),)
    targets = (inputs[0][:, :1] > 0).float()
    validation = np.arange(40) % 5 == 0
    start = Head(6, 1).state_dict()
    ends = []
    for name, stops in (("whole", (8,)), ("parts", (3, 8))):
        for epochs in stops:
            head = Head(6, 1)
            head.load_state_dict(start)
            schedule = Schedule(epochs=epochs, batch=8, learning_rate=1e-2)
            if epochs < 8:
                schedule = replace(schedule, epochs=8)
                _fit_until(head, inputs, targets, validation, schedule, tmp_path / name, epochs)
                continue
            fit(head, inputs, targets, validation, malignancy_loss(torch.ones(1)), schedule,
                tmp_path / name, silent, CancelToken())  # fmt: skip
        ends.append(head.state_dict())
    for key, value in ends[0].items():
        assert torch.equal(value, ends[1][key]), key
    with (tmp_path / "parts" / "log.csv").open(newline="") as stream:
        assert [int(row["step"]) for row in csv.DictReader(stream)] == list(range(1, 9))


def _fit_until(head, inputs, targets, validation, schedule, run, epochs):
    """Train with a token that stops after some epochs, every epoch stored."""
    from PASTALib.errors import Cancelled
    from PASTATrain.heads import fitting

    cancel = CancelToken()

    def tell(fraction: float, message: str) -> None:
        if fraction >= epochs / schedule.epochs:
            cancel.cancel()

    patch = pytest.MonkeyPatch()
    patch.setattr(fitting, "SAVE_SECONDS", -1.0)
    try:
        with pytest.raises(Cancelled):
            fit(head, inputs, targets, validation, malignancy_loss(torch.ones(1)), schedule, run,
                tell, cancel)  # fmt: skip
    finally:
        patch.undo()


# Whole runs


def test_screening_learns_to_find_tumors_and_is_judged_by_its_scores(
    screening, manifest, model_folder, tmp_path
):
    model = ["--model", str(model_folder), "--device", "cpu"]
    assert main(["apply", str(screening), str(manifest), "-o", str(tmp_path / "a"), *model]) == 0
    with (tmp_path / "a" / "scores.csv").open(newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert len(rows) == 12  # of the test split only
    assert all(0 <= float(row["malignancy_liver"]) <= 1 for row in rows.values())
    command = [str(manifest), "--predictions", f"head={tmp_path / 'a'}", "-o", str(tmp_path)]
    assert judge_main([*command, "--resamples", "50"]) == 0
    (found,) = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["models"]
    assert found["auc"]["value"] > 0.9
    assert found["auc"]["count"] == 12
    (liver,) = found["organs"]
    assert liver["organ"] == "liver"
    assert liver["positive"] == 6
    assert liver["auc"]["low"] <= liver["auc"]["value"] <= liver["auc"]["high"]
    assert liver["brier"]["value"] < 0.2
    page = (tmp_path / "evaluation.html").read_text(encoding="utf-8")
    assert "Malignant tumor by organ" in page
    assert "False findings" not in page


@pytest.mark.parametrize("method", METHODS)
def test_the_saliency_is_highest_at_the_tumor(method, screening, model):
    head = load_trained(screening, model)
    ranks = []
    for number in (1, 3, 5, 7):
        hu, labels, center = painted(number, tumor=True)
        image = sitk.GetImageFromArray(hu.astype(np.int16))
        image.SetSpacing((SPACING_MM,) * 3)
        arrays = Labeled(labels, np.zeros_like(labels), ())
        scan = LabeledScan(CT(image, "x"), Geometry.of(image), arrays)
        (crop,) = crops_of(scan, ["liver"], SPACING_MM, 32, 10.0)
        shown = saliency(head, model, crop, 0, method)
        values = sitk.GetArrayViewFromImage(shown)
        assert 0 <= values.min() <= values.max() == 1
        point = Geometry.of(image).points_of_zyx(center)
        z, y, x = Geometry.of(shown).indices_zyx(point).round().astype(int)
        near = values[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].mean()
        ranks.append((values[crop.mask > 0] < near).mean())
    assert np.mean(ranks) > 0.75


def test_stage_and_survival_are_learned_and_judged(manifest, model_folder, tmp_path):
    out = tmp_path / "scores"
    rows: dict[str, dict[str, str]] = {}
    model = ["--model", str(model_folder), "--device", "cpu"]
    for name in ("stage", "survive"):
        assert train(name, manifest, model_folder, tmp_path / name) == 0
        assert main(["apply", str(tmp_path / name), str(manifest), "-o", str(out), *model]) == 0
        with (out / "scores.csv").open(newline="") as stream:
            for row in csv.DictReader(stream):
                rows.setdefault(row["name"], {}).update(row)
    assert float(rows["scan05"]["stage_late"]) + float(rows["scan05"]["stage_early"]) == (
        pytest.approx(1, abs=1e-5)
    )
    with (out / "scores.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows["scan05"]))
        writer.writeheader()
        writer.writerows(rows.values())
    command = [str(manifest), "--predictions", str(out), "-o", str(tmp_path), "--resamples", "50"]
    assert judge_main(command) == 0
    (found,) = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["models"]
    assert found["stage"]["accuracy"]["value"] > 0.8
    assert found["stage"]["auc"]["value"] > 0.9
    assert found["c_index"]["value"] > 0.7
    horizons = {row["years"]: row["auc"]["value"] for row in found["horizons"]}
    assert horizons[1] > 0.9  # all with a tumor die in the first year, all others after it
    page = (tmp_path / "evaluation.html").read_text(encoding="utf-8")
    assert "death within 1 year (time-dependent)" in page
    assert "Survival of two halves" in page


def test_the_encoder_is_trained_along_where_that_is_asked(manifest, model_folder, tmp_path):
    settings = SETTINGS.replace("epochs: 60", "epochs: 1")
    out = tmp_path / "run"
    assert train("screen", manifest, model_folder, out, settings, "--fine-tune") == 0
    model = load_model(model_folder)
    head = load_trained(out, model)
    assert head.info.fine_tuned
    first = "0.0.0.weight"
    before, after = (x.encoder.state_dict()[first] for x in (model.network, head.module.network))
    assert not torch.equal(before, after)
    assert torch.allclose(before, after, atol=0.1)


def test_a_run_goes_on_only_with_the_same_manifest_and_settings(
    screening, manifest, model_folder, capsys
):
    assert train("screen", manifest, model_folder, screening) == 0
    assert train("stage", manifest, model_folder, screening) == 1
    assert "other settings" in capsys.readouterr().err


def test_a_patient_on_both_sides_stops_the_training(manifest, model_folder, tmp_path, capsys):
    data = json.loads(manifest.read_text(encoding="utf-8"))
    for case in data["cases"]:
        case |= {key: str(manifest.parent / case[key]) for key in ("image", "masks")}
        case["patient"] = "Miller" if case["name"] in ("scan00", "scan04") else case["patient"]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert train("screen", path, model_folder, tmp_path / "run") == 1
    assert "patient 'Miller' is in the splits test and train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("around: [liver]\nlayers: 3", "unknown keys"),
        ("epochs: 3", "must list organs"),
        ("around: [spleen]", "has 'spleen'"),
        ("around: [lesions, liver]", "lesions alone"),
    ],
)
def test_a_configuration_that_is_not_known_is_refused(text, message, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(PastaError, match=message):
        read_head_config(tmp_path / "c.yaml")


def test_what_cannot_be_learned_is_told(manifest):
    entries = read_manifest(manifest)
    with pytest.raises(PastaError, match="0 training cases tell of survival"):
        Survive.of([replace(entry, survival=None) for entry in entries])
    with pytest.raises(PastaError, match="Screening looks at organs"):
        Screen.of(["lesions"])
    assert set(catalog().organs) >= {"liver"}


@pytest.mark.parametrize("name", ["screen", "stage", "survive", "heads-smoke", "screen-fine-tune"])
def test_the_bundled_settings_are_valid(name):
    folder = Path(__file__).parents[2] / "PASTATrain" / "configs"
    config = read_head_config(folder / f"{name}.yaml")
    assert config.crop % 32 == 0


def test_the_smoke_settings_run_on_the_bundled_model(tmp_path):
    manifest = write_scans(tmp_path / "scans", 4, splits=("train", "test"))
    smoke = Path(__file__).parents[2] / "PASTATrain" / "configs" / "heads-smoke.yaml"
    out = tmp_path / "run"
    command = ["screen", str(manifest), "-o", str(out), "--settings", str(smoke)]
    assert main([*command, "--device", "cpu"]) == 0
    command = ["apply", str(out), str(manifest), "-o", str(tmp_path), "--saliency", "gradcam"]
    assert main([*command, "--device", "cpu"]) == 0
    shown = sitk.ReadImage(str(tmp_path / "saliency" / "scan02_liver.nii.gz"))
    assert shown.GetSize() == (64, 64, 64)
    assert len((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()) == 3
