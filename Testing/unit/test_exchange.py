"""Models for nnU-Net and MONAI and back: the other program gives the labels that ours gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from pasta_checkpoint import random_checkpoint
from PASTALib.errors import PastaError
from PASTALib.exchange.class_names import catalogue_classes
from PASTALib.exchange.nnunet_import import import_nnunet
from PASTALib.exchange.pasta_names import PASTA_FEATURES
from PASTALib.model import Model, ModelInfo, Normalization, load_model, save_model
from PASTATrain.exchange.cli import main
from PASTATrain.exchange.monai_bundle import export_monai
from PASTATrain.exchange.nnunet_export import export_nnunet

pytest.importorskip("nnunetv2")
EDGE = 16
INFO = ModelInfo(
    "tiny-model",
    "1.2.3",
    ("background", "liver", "kidney_left", "liver_tumor"),
    3.0,
    (EDGE,) * 3,
    (4, 6, 8),
    Normalization(-900.0, 400.0, -50.0, 200.0),
)


KINDS: tuple[dict, ...] = (
    {},
    {"biases": True},
    {"finest": 1, "biases": True},
    {"refines": True, "compresses": True},
    {"refines": True, "hu_windows": True},
)


def tiny(**kind: Any) -> Model:
    torch.manual_seed(3)
    info = replace(INFO, **kind)
    network = info.network().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0, 0.4)
    return Model(info, network, "cpu")


def ct(size: tuple[int, int, int], spacing: float = 3.0) -> sitk.Image:
    """Smooth random HU with LPS axes; size in voxels x, y, z."""
    noise = np.random.default_rng(1).normal(size=size[::-1]).astype(np.float32)
    image = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(noise), 1.5)
    image = sitk.Cast(image * 4000, sitk.sitkInt16)
    image.SetSpacing((spacing,) * 3)
    image.SetOrigin((-20.0, 30.0, 40.0))
    return image


def direct_labels(model: Model, image: sitk.Image, overlap: float) -> np.ndarray:
    """Most probable channel, ``[z, y, x]``: our network over MONAI's Gaussian window."""
    from monai.inferers import sliding_window_inference

    values = torch.from_numpy(model.info.normalization(sitk.GetArrayFromImage(image)))
    with torch.inference_mode():
        logits = sliding_window_inference(
            values[None, None], model.info.patch, 1, model.network, overlap, mode="gaussian"
        )
    return logits[0].argmax(0).numpy()


MIDDLE = (slice(EDGE // 4, -EDGE // 4),) * 3
"""nnU-Net weights logits in half precision: at the corners of a tile little is left of them."""


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Share of voxels with the same label, away from the corners."""
    return float(np.mean(first[MIDDLE] == second[MIDDLE]))


def nnunet_labels(folder: Path, image: sitk.Image, work: Path) -> np.ndarray:
    """What nnU-Net's predictor makes of a file."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    work.mkdir(exist_ok=True)
    sitk.WriteImage(image, str(work / "case_0000.nii.gz"))
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(folder), ("0",))
    source, target = [[str(work / "case_0000.nii.gz")]], [str(work / "case")]
    predictor.predict_from_files_sequential(source, target)
    labels: np.ndarray = sitk.GetArrayFromImage(sitk.ReadImage(str(work / "case.nii.gz")))
    return labels


@pytest.mark.parametrize("kind", KINDS)
def test_nnunets_predictor_gives_the_labels_of_the_model(kind, tmp_path):
    model = tiny(**kind)
    folder = export_nnunet(model, tmp_path)
    one_tile = ct((EDGE,) * 3)
    expected = direct_labels(model, one_tile, 0)
    assert len(np.unique(expected[MIDDLE])) > 1
    assert agreement(nnunet_labels(folder, one_tile, tmp_path / "work"), expected) > 0.995
    tiles = ct((40, 24, 32))
    found = nnunet_labels(folder, tiles, tmp_path / "work")
    assert agreement(found, direct_labels(model, tiles, 0.5)) > 0.94  # scores nearly tie


@pytest.mark.slow
def test_the_command_nnunetv2_predict_runs_the_export(tmp_path):
    model = tiny()
    save_model(tmp_path / "tiny-model", model.info, model.network, half=False)
    command = ["export", str(tmp_path / "tiny-model"), "--to", "nnunet", "--dataset", "7"]
    assert main([*command, "-o", str(tmp_path / "results")]) == 0
    image = ct((EDGE,) * 3)
    (tmp_path / "in").mkdir()
    sitk.WriteImage(image, str(tmp_path / "in" / "a_0000.nii.gz"))
    arguments = (
        f"-i {tmp_path}/in -o {tmp_path}/out -d 7 -c 3d_fullres -f 0 -device cpu -npp 0 -nps 0"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from nnunetv2.inference.predict_from_raw_data import predict_entry_point as main;"
            "main()",
            *arguments.split(),
        ],
        env={
            **os.environ,
            "nnUNet_results": str(tmp_path / "results"),
            "nnUNet_raw": str(tmp_path),
            "nnUNet_preprocessed": str(tmp_path),
        },
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "a.nii.gz")))
    assert agreement(labels, direct_labels(model, image, 0)) > 0.995


@pytest.mark.parametrize("biases", [False, True])
def test_a_model_that_goes_to_nnunet_and_back_answers_the_same(biases, tmp_path):
    model = tiny(biases=biases)
    import_nnunet(export_nnunet(model, tmp_path), tmp_path / "again", {})
    again = load_model(tmp_path / "again")
    for field in ("classes", "spacing_mm", "patch", "features", "normalization"):
        assert getattr(again.info, field) == getattr(model.info, field)
    image = torch.randn(1, 1, 32, 16, 16)
    with torch.inference_mode():
        assert torch.allclose(again.network(image), model.network(image), atol=1e-5)


def edited(folder: Path, name: str, change) -> None:
    data = json.loads((folder / name).read_text(encoding="utf-8"))
    change(data)
    (folder / name).write_text(json.dumps(data))


def settings(plans: dict) -> dict:
    return plans["configurations"]["3d_fullres"]


REFUSED = {
    "isotropic": lambda p: settings(p).update(spacing=[5.0, 0.8, 0.8]),
    "CTNormalization": lambda p: settings(p).update(normalization_schemes=["ZScoreNormalization"]),
    "strides of 2": lambda p: settings(p)["architecture"]["arch_kwargs"].update(
        strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]]
    ),
    "PlainConvUNet": lambda p: settings(p)["architecture"].update(
        network_class_name="dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
    ),
    "turned axes": lambda p: p.update(transpose_forward=[2, 0, 1]),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_model_that_we_cannot_run_is_refused_with_the_reason(reason, tmp_path):
    folder = export_nnunet(tiny(), tmp_path)
    edited(folder, "plans.json", REFUSED[reason])
    with pytest.raises(PastaError, match=reason):
        import_nnunet(folder, tmp_path / "again", {})


def test_a_class_that_is_not_known_has_to_be_named(tmp_path):
    folder = export_nnunet(tiny(), tmp_path)
    labels = {"background": 0, "Leber": 1, "left kidney": 2, "Liver tumour": 3}
    edited(folder, "dataset.json", lambda data: data.update(labels=labels))
    with pytest.raises(PastaError, match=r"Leber.*--class"):
        import_nnunet(folder, tmp_path / "again", {})
    command = ["import", str(folder), "-o", str(tmp_path / "again"), "--class", "Leber=liver"]
    assert main(command) == 0
    assert load_model(tmp_path / "again").info.classes == INFO.classes


def test_labels_with_gaps_are_refused():
    with pytest.raises(PastaError, match="without gaps"):
        catalogue_classes({"background": 0, "liver": 2}, {})


@pytest.mark.slow
def test_a_model_folder_of_pastas_own_fork_is_imported(tmp_path):
    """Its checkpoints have PASTA's names, whatever network the plans tell of."""
    folder = export_nnunet(tiny(), tmp_path)
    edited(folder, "plans.json", lambda plans: settings(plans).update(patch_size=[64, 64, 64]))
    path = folder / "fold_0" / "checkpoint_final.pth"
    stored = torch.load(path, weights_only=True)
    stored["network_weights"] = random_checkpoint(PASTA_FEATURES, classes=4, report=None)
    stored["_best_ema"] = np.float64(0.7)  # as nnU-Net's checkpoints have it
    torch.save(stored, path)
    info = import_nnunet(folder, tmp_path / "again", {})
    assert info.features == PASTA_FEATURES
    assert load_model(tmp_path / "again").info.classes == INFO.classes


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundle_loads_with_monais_parser_and_gives_the_same_labels(kind, tmp_path):
    from monai.bundle import ConfigParser
    from monai.data import MetaTensor

    model = tiny(**kind)
    folder = export_monai(model, tmp_path / "bundle")
    parser = ConfigParser()
    parser.read_config(folder / "configs" / "inference.json")
    parser.read_meta(folder / "configs" / "metadata.json")
    parser["bundle_root"] = str(folder)
    network = parser.get_parsed_content("network").eval()
    network.load_state_dict(torch.load(folder / "models" / "model.pt", weights_only=True))
    image = ct((40, 24, 32))
    oblique_order = sitk.DICOMOrient(image, "RSP")  # other axes in the file, the same body
    sitk.WriteImage(oblique_order, str(tmp_path / "ct.nii.gz"))
    prepared = parser.get_parsed_content("preprocessing")({"image": str(tmp_path / "ct.nii.gz")})
    expected = model.info.normalization(sitk.GetArrayFromImage(image))
    assert isinstance(prepared["image"], MetaTensor)
    assert np.allclose(prepared["image"][0].numpy(), expected, atol=1e-4)
    with torch.inference_mode():
        inferer = parser.get_parsed_content("inferer")
        logits = inferer(prepared["image"][None], network)[0]
    assert np.array_equal(logits.argmax(0).numpy(), direct_labels(model, image, 0.25))


@pytest.mark.slow
def test_monais_own_runner_runs_the_bundle(tmp_path, monkeypatch):
    pytest.importorskip("ignite")
    from monai.bundle import run

    model = tiny()
    save_model(tmp_path / "tiny-model", model.info, model.network, half=False)
    folder = tmp_path / "bundle"
    command = ["export", str(tmp_path / "tiny-model"), "--to", "monai", "-o", str(folder)]
    assert main(command) == 0
    image = ct((24, 24, 24))
    (tmp_path / "data").mkdir()
    turned = sitk.DICOMOrient(image, "RAS")
    sitk.WriteImage(turned, str(tmp_path / "data" / "a.nii.gz"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run(
        config_file=str(folder / "configs" / "inference.json"),
        bundle_root=str(folder),
        dataset_dir=str(tmp_path / "data"),
        output_dir=str(tmp_path / "out"),
    )
    found = sitk.ReadImage(str(tmp_path / "out" / "a_seg.nii.gz"))
    assert np.allclose(found.GetOrigin(), turned.GetOrigin(), atol=1e-3)
    labels = sitk.GetArrayFromImage(sitk.DICOMOrient(found, "LPS"))
    assert np.array_equal(labels, direct_labels(model, image, 0.25))


def torso_part(edge: int, spacing: tuple[float, float, float]) -> sitk.Image:
    """The middle of a torso made by rule, at most so many voxels along each axis."""
    from PASTAGenLib.torso import build_torso, sample_torso

    torso = build_torso(sample_torso(np.random.default_rng(4), spacing=spacing))
    size = [min(edge, count) for count in torso.image.GetSize()]
    start = [(count - kept) // 2 for count, kept in zip(torso.image.GetSize(), size, strict=True)]
    return sitk.RegionOfInterest(torso.image, size, start)


def assert_same_organs(
    model: Model, image: sitk.Image, theirs: np.ndarray, least_dice: float
) -> None:
    """Channels of another program agree with the organs that PASTA outlines, where it sees any."""
    from PASTALib.ct import CT
    from PASTALib.inference import segment
    from PASTATrain.evaluation import dice

    ours = sitk.GetArrayFromImage(segment(CT(image, "torso"), model).organs)
    compared = 0
    for channel, key in enumerate(model.info.classes):
        mask = ours == model.info.labels[channel]
        if key != "background" and mask.sum() * np.prod(image.GetSpacing()) > 81_000:
            compared += 1
            assert dice(theirs == channel, mask) > least_dice, key
    assert compared >= 3


@pytest.mark.slow
def test_the_bundled_model_finds_the_same_organs_in_nnunet(tmp_path):
    model = load_model("pasta-s")
    image = torso_part(96, (3.0, 3.0, 3.0))
    theirs = nnunet_labels(export_nnunet(model, tmp_path), image, tmp_path / "work")
    assert_same_organs(model, image, theirs, 0.85)


@pytest.mark.slow
def test_the_bundled_model_finds_the_same_organs_as_a_bundle_of_monai(tmp_path, monkeypatch):
    """Run as its README says, on a CT that is neither on the grid nor in the axes of the model."""
    pytest.importorskip("ignite")
    from monai.bundle import run

    model = load_model("pasta-s")
    folder = export_monai(model, tmp_path / "bundle")
    image = torso_part(48, (4.0, 3.5, 5.0))
    (tmp_path / "data").mkdir()
    sitk.WriteImage(sitk.DICOMOrient(image, "RAS"), str(tmp_path / "data" / "a.nii.gz"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(folder)
    places = {"dataset_dir": str(tmp_path / "data"), "output_dir": str(tmp_path / "out")}
    run(config_file="configs/inference.json", bundle_root=".", **places)
    found = sitk.DICOMOrient(sitk.ReadImage(str(tmp_path / "out" / "a_seg.nii.gz")), "LPS")
    # It takes labels back to the CT where PASTA takes scores: ribs are as thin as these voxels.
    assert_same_organs(model, image, sitk.GetArrayFromImage(found), 0.7)
