"""Fine-tuning through nnU-Net: plans that fit the network, splits, and a whole run."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
import yaml

from mr_like import mr_like
from painted_scans import write_scans
from pasta_checkpoint import random_checkpoint
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.exchange.nnunet_import import import_nnunet
from PASTALib.exchange.nnunet_names import to_nnunet
from PASTALib.exchange.pasta_import import import_pasta
from PASTALib.exchange.pretrained import read_start
from PASTALib.model import ModelInfo, Normalization, load_model, save_model
from PASTALib.network import compressed, in_hu_windows
from PASTALib.progress import silent
from PASTATrain.cli import main
from PASTATrain.finetuning.config import FinetuneConfig, read_finetune_config
from PASTATrain.finetuning.dataset import few_shots, read_dataset, split, turned_to_lps
from PASTATrain.finetuning.from_manifest import write_raw_dataset as raw_from_manifest
from PASTATrain.finetuning.nnunet_starter import allow_torchvision_without_operators
from PASTATrain.finetuning.plans import check_patch, finetuning_plans
from PASTATrain.finetuning.programs import TRAINERS
from raw_dataset import write_raw_dataset

pytest.importorskip("nnunetv2")
CONFIGS = Path(__file__).parents[2] / "PASTATrain" / "configs"
SMOKE = CONFIGS / "finetune-smoke.yaml"
CASES = tuple(f"case{number:02d}" for number in range(30))
FINGERPRINT = {
    "foreground_intensity_properties_per_channel": {
        "0": {"mean": 90.0, "std": 30.0, "percentile_00_5": -20.0, "percentile_99_5": 200.0}
    }
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_raw_dataset(tmp_path_factory.mktemp("data") / "Liver", [1, 2, 3])


def configuration(plans: dict) -> dict:
    return plans["configurations"]["3d_fullres"]


def test_plans_for_a_model_of_ours_keep_its_grid_and_normalization():
    start = read_start("pasta-s")
    plans = finetuning_plans(start, FINGERPRINT, FinetuneConfig(), "Dataset001_X")
    settings = configuration(plans)
    levels = len(start.features)
    assert settings["spacing"] == [start.info.spacing_mm] * 3
    assert settings["architecture"]["arch_kwargs"]["features_per_stage"] == list(start.features)
    strides = settings["architecture"]["arch_kwargs"]["strides"]
    assert strides == [[1, 1, 1]] + [[2, 2, 2]] * (levels - 1)
    values = plans["foreground_intensity_properties_per_channel"]["0"]
    kept = [values[key] for key in ("percentile_00_5", "percentile_99_5", "mean", "std")]
    assert Normalization(*kept) == start.info.normalization


def test_plans_for_pastas_weights_are_at_1_mm_and_normalize_as_the_dataset_asks(tmp_path):
    features = (4, 4, 4, 4, 4, 4)
    torch.save(random_checkpoint(features), tmp_path / "p.pth")
    import_pasta(tmp_path / "p.pth", tmp_path / "start", features)
    start = read_start(str(tmp_path / "start"))
    plans = finetuning_plans(start, FINGERPRINT, FinetuneConfig(), "Dataset001_X")
    assert configuration(plans)["spacing"] == [1.0] * 3
    name = "foreground_intensity_properties_per_channel"
    assert plans[name] == FINGERPRINT[name]


INPUT_MAPS = {"compresses": compressed, "hu_windows": in_hu_windows}


def model_with_input_map(folder: Path, name: str) -> Path:
    """A small model with a map of its input, which refines half resolution."""
    classes = ("background", "liver", "kidney_left")
    normal = Normalization(-1000.0, 1000.0, 0.0, 100.0)
    info = ModelInfo("tiny", "1", classes, 6.0, (16,) * 3, (4, 6, 8), normal)
    info = replace(info, refines=True, **{name: True})
    save_model(folder, info, info.network(), half=False)
    return folder


@pytest.mark.parametrize("name", INPUT_MAPS)
def test_a_model_that_maps_its_input_does_so_in_nnunet_and_after_it(tmp_path, name):
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    start = read_start(str(model_with_input_map(tmp_path / "start", name)))
    config = FinetuneConfig(patch=(16, 16, 16))
    plans = finetuning_plans(start, FINGERPRINT, config, "Dataset001_X")
    design = configuration(plans)["architecture"]
    arguments = [design[k] for k in ("network_class_name", "arch_kwargs", "_kw_requires_import")]
    theirs = get_network_from_plans(*arguments, 1, 2, deep_supervision=True)
    body = {k: v for k, v in start.network.state_dict().items() if not k.startswith("heads")}
    heads = {f"heads.{n}.weight": torch.zeros(2, c, 1, 1, 1) for n, c in enumerate((6, 4))}
    theirs.load_state_dict(to_nnunet({**body, **heads}, 3))
    fold = tmp_path / "trained" / "fold_0"
    fold.mkdir(parents=True)
    (tmp_path / "trained" / "plans.json").write_text(json.dumps(plans))
    labels = {"labels": {"background": 0, "liver": 1}}
    (tmp_path / "trained" / "dataset.json").write_text(json.dumps(labels))
    torch.save({"network_weights": theirs.state_dict()}, fold / "checkpoint_final.pth")
    info = import_nnunet(tmp_path / "trained", tmp_path / "again", {})
    assert {key for key in INPUT_MAPS if getattr(info, key)} == {name}
    assert not info.refines
    again = load_model(tmp_path / "again").network
    image = 4 * torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        before, after = start.network.encode(image), again.encode(image)
        inside = theirs.encoder(INPUT_MAPS[name](image))
        assert torch.allclose(theirs.eval()(image)[0], again(image), atol=1e-5)
    for mine, kept, trained in zip(before, after, inside, strict=True):
        assert torch.allclose(mine, kept, atol=1e-5)
        assert torch.allclose(mine, trained, atol=1e-5)


@pytest.mark.parametrize("patch", [(96, 96, 80), (32, 64, 64)])
def test_a_patch_that_the_network_cannot_take_is_refused(patch):
    with pytest.raises(PastaError, match="multiples of 32 from 64 on"):
        check_patch(patch, 6)
    check_patch((96, 128, 64), 6)


def test_nnunet_finds_the_trainers_with_their_schedules(monkeypatch, capsys):
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    allow_torchvision_without_operators()
    monkeypatch.setitem(os.environ, "nnUNet_extTrainer", str(TRAINERS))
    expected = {
        "PASTATrainer": (2000, 250, 50, 1e-2),
        "PASTATrainer_ft": (500, 250, 50, 1e-4),
        "PASTATrainer_fewshot": (10, 200, 50, 1e-3),
    }
    for name, numbers in expected.items():
        schedule = recursive_find_trainer_class_by_name(name).schedule
        found = (schedule.epochs, schedule.iterations, schedule.validation_iterations)
        assert (*found, schedule.learning_rate) == numbers


@pytest.mark.parametrize("shots", [1, 2, 4, 8, 16])
def test_few_shots_train_with_so_many_scans_and_validate_with_the_same_ones(shots):
    full, few = split(CASES, 0), few_shots(split(CASES, 0), shots, 1)
    assert len(few["train"]) == shots
    assert set(few["train"]) <= set(full["train"])
    assert few["val"] == full["val"]
    assert not set(full["train"]) & set(full["val"])
    assert few_shots(full, shots, 1) == few
    assert few_shots(full, None, 1) == full


def test_the_folds_validate_with_every_scan_once():
    parts = [split(CASES, fold)["val"] for fold in range(5)]
    assert sorted(case for part in parts for case in part) == list(CASES)
    with pytest.raises(PastaError, match="fold 5 does not exist"):
        split(CASES, 5)
    with pytest.raises(PastaError, match="fewer than 4"):
        few_shots(split(CASES[:4], 0), 4, 1)


def test_scans_with_other_axes_are_turned_and_their_labels_with_them(dataset, tmp_path):
    original = read_dataset(dataset)
    turned = turned_to_lps(original, tmp_path, silent)
    for case in turned.cases:
        image, labels = (sitk.ReadImage(str(f(case))) for f in (turned.image, turned.labels))
        assert np.allclose(image.GetDirection(), np.eye(3).ravel())
        assert labels.GetDirection() == image.GetDirection()
        before = sitk.DICOMOrient(sitk.ReadImage(str(original.labels(case))), "LPS")
        assert np.array_equal(sitk.GetArrayFromImage(before), sitk.GetArrayFromImage(labels))


def test_a_dataset_without_an_image_or_with_two_channels_says_so(dataset, tmp_path):
    description = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    (tmp_path / "labelsTr").mkdir()
    with pytest.raises(PastaError, match=r"dataset\.json"):
        read_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    for name in ("a", "b"):
        (tmp_path / "labelsTr" / f"{name}.nii.gz").touch()
    with pytest.raises(PastaError, match=r"a_0000\.nii\.gz' is missing"):
        read_dataset(tmp_path)
    description["channel_names"] = {"0": "CT", "1": "PET"}
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(PastaError, match="one channel"):
        read_dataset(tmp_path)


def test_a_manifest_becomes_a_raw_dataset_with_its_own_split(tmp_path):
    manifest = write_scans(tmp_path, 6, splits=("train", "validation", "test"))
    data = json.loads(manifest.read_text(encoding="utf-8"))
    numbers = {"7": "liver tumor", str(catalog().label("liver")): "liver"}
    masks = sitk.ReadImage(str(tmp_path / "scan01_seg.nii.gz"))
    masks[10, 10, 10] = 7
    sitk.WriteImage(sitk.DICOMOrient(masks, "RAS"), str(tmp_path / "scan01_seg.nii.gz"))
    manifest.write_text(json.dumps({**data, "labels": numbers}), encoding="utf-8")
    chosen = raw_from_manifest(manifest, tmp_path / "raw", silent)
    assert chosen == {"train": ["scan00", "scan01"], "val": ["scan02", "scan03"]}
    raw = read_dataset(tmp_path / "raw")
    assert raw.description["labels"] == {"background": 0, "liver": 1, "liver_tumor": 2}
    assert raw.is_ct
    labels = sitk.ReadImage(str(raw.labels("scan01")))
    assert labels[10, 10, 10] == 2
    assert sitk.GetArrayViewFromImage(labels).sum() == 12 * 14 * 16 + 1
    for case in data["cases"]:
        case["patient"] = "the same"
    manifest.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(PastaError, match="patient 'the same' is in the splits"):
        raw_from_manifest(manifest, tmp_path / "raw", silent)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", "unknown keys"),
        ("trainer: nnUNetTrainer", "none of"),
        ("shots: 3", "1, 2, 4, 8, 16"),
        ("schedule: {momentum: 1}", "may change"),
    ],
)
def test_a_configuration_that_is_not_known_is_refused(text, message, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(PastaError, match=message):
        read_finetune_config(tmp_path / "c.yaml")


@pytest.mark.slow
def test_a_raw_dataset_becomes_an_evaluated_model_and_a_second_call_keeps_it(
    dataset, tmp_path, capsys
):
    command = ["finetune", str(dataset), "-o", str(tmp_path / "run"), "--settings", str(SMOKE)]
    assert main([*command, "--device", "cpu"]) == 0
    told = capsys.readouterr().err
    assert "liver: Dice" in told
    model = load_model(tmp_path / "run" / "model")
    assert model.info.classes == ("background", "liver", "liver_tumor")
    assert model.info.normalization == load_model("pasta-s").info.normalization
    log = (tmp_path / "run" / "nnunet.log").read_text(encoding="utf-8")
    assert "Loading pretrained weights" in log
    fold = next((tmp_path / "run" / "results").glob("*/PASTATrainer_fewshot__*/fold_0"))
    assert len(list((fold / "validation").glob("*.nii.gz"))) == 1
    figures = json.loads(
        (tmp_path / "run" / "evaluation" / "figures.json").read_text(encoding="utf-8")
    )
    liver = figures["models"][0]["outlines"][0]
    assert liver["structure"] == "liver"
    assert 0 < liver["dice"]["value"] < 1
    split_file = next((tmp_path / "run" / "preprocessed").glob("*/splits_final.json"))
    assert [
        len(json.loads(split_file.read_text(encoding="utf-8"))[0][k]) for k in ("train", "val")
    ] == [2, 1]
    started = load_model("pasta-s").network.state_dict()["encoder.0.0.0.weight"]
    trained = model.network.state_dict()["encoder.0.0.0.weight"]
    assert not torch.equal(started, trained)
    assert torch.allclose(started, trained, atol=0.05)  # two steps away from its start
    assert main([*command, "--device", "cpu"]) == 0
    assert (tmp_path / "run" / "nnunet.log").read_text(encoding="utf-8") == log
    assert main([*command, "--shots", "1"]) == 1
    assert "other settings" in capsys.readouterr().err


@pytest.mark.slow
def test_mr_scans_are_normalized_one_by_one_and_become_a_model_for_nnunet(
    dataset, tmp_path, capsys
):
    data = tmp_path / "Liver"
    for sub in ("imagesTr", "labelsTr"):
        (data / sub).mkdir(parents=True)
    for number, path in enumerate(sorted((dataset / "imagesTr").iterdir())):
        sitk.WriteImage(
            mr_like(sitk.ReadImage(str(path)), number), str(data / "imagesTr" / path.name)
        )
    for path in (dataset / "labelsTr").iterdir():
        (data / "labelsTr" / path.name).write_bytes(path.read_bytes())
    description = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    description["channel_names"] = {"0": "MR"}
    (data / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    start = model_with_input_map(tmp_path / "start", "compresses")
    recipe = CONFIGS / "finetune-mr.yaml"
    smoke = yaml.safe_load(recipe.read_text(encoding="utf-8")) | {
        "patch": [32, 32, 32], "batch": 1, "workers": 0, "trainer": "PASTATrainer_fewshot",
    }  # fmt: skip
    smoke["schedule"] |= {"epochs": 1, "iterations": 2, "validation_iterations": 1}
    (tmp_path / "smoke.yaml").write_text(yaml.safe_dump(smoke), encoding="utf-8")
    command = ["finetune", str(data), "-o", str(tmp_path / "run"), "--start", str(start)]
    assert main([*command, "--settings", str(tmp_path / "smoke.yaml"), "--device", "cpu"]) == 0
    assert "it reads CT only" in capsys.readouterr().err
    prepared = next((tmp_path / "run" / "preprocessed").glob("Dataset001_*"))
    plans = json.loads((prepared / "PASTAPlans.json").read_text(encoding="utf-8"))
    assert configuration(plans)["normalization_schemes"] == ["ZScoreNormalization"]
    assert (tmp_path / "run" / "evaluation" / "evaluation.html").is_file()
    assert not (tmp_path / "run" / "model").exists()
    log = (tmp_path / "run" / "nnunet.log").read_text(encoding="utf-8")
    assert "Loading pretrained weights" in log
