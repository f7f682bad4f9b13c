"""The network family, and models on disk: what is loaded is what was saved, or says why not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from PASTALib.errors import PastaError
from PASTALib.model import (
    WEIGHTS_FILE,
    ModelInfo,
    Normalization,
    available_models,
    load_model,
    save_model,
)
from PASTALib.network import UNet, compressed

FEATURES = (4, 6, 8)
CLASSES = ("background", "liver", "liver_tumor")
INFO = ModelInfo("small", "1", CLASSES, 3.0, (16,) * 3, FEATURES, Normalization(-1000, 500, 0, 250))


@pytest.fixture
def network() -> UNet:
    torch.manual_seed(0)
    return UNet(FEATURES, len(CLASSES)).eval()


@pytest.fixture
def folder(tmp_path: Path, network: UNet) -> Path:
    save_model(tmp_path / "small", INFO, network)
    return tmp_path / "small"


def test_the_network_answers_in_the_size_of_its_input(network: UNet) -> None:
    assert network(torch.zeros(2, 1, 16, 32, 16)).shape == (2, len(CLASSES), 16, 32, 16)


def test_every_decoder_scale_is_half_the_next(network: UNet) -> None:
    scales = network.scales(torch.zeros(1, 1, 16, 16, 16))
    assert [scale.shape[2] for scale in scales] == [16, 8]
    assert [scale.shape[2] for scale in network.scales(torch.zeros(1, 1, 16, 16, 16), 1)] == [8]


def test_with_64_features_it_has_the_parameters_of_pastas_own_network() -> None:
    with torch.device("meta"):
        pasta = UNet((64, 128, 256, 512, 1024, 1024), classes=3)
    assert sum(parameter.numel() for parameter in pasta.parameters()) == 240_268_032


def test_a_network_of_half_resolution_enlarges_what_its_coarse_head_says(network: UNet) -> None:
    coarse = UNet(FEATURES, len(CLASSES), finest=1).eval()
    coarse.load_state_dict(network.state_dict())
    image = torch.randn(1, 1, 16, 16, 16)
    answer = coarse(image)
    assert answer.shape == (1, len(CLASSES), 16, 16, 16)
    head = network.scales(image, 1)[0]
    enlarged = torch.nn.functional.interpolate(head, (16, 16, 16), mode="trilinear")
    assert torch.equal(answer, enlarged)


def test_a_saved_model_loads_with_the_same_answer(folder: Path, network: UNet) -> None:
    model = load_model(folder)
    assert model.info.classes == CLASSES
    assert model.info.lesion_channels == (2,)
    image = torch.randn(1, 1, 16, 16, 16)
    assert torch.allclose(model.network(image), network(image), atol=0.05)  # half precision


def test_whoever_may_read_a_new_file_may_read_the_weights(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    usual = (tmp_path / "new").stat().st_mode
    assert (folder / WEIGHTS_FILE).stat().st_mode == usual


def test_normalization_clips_and_scales() -> None:
    values = INFO.normalization(np.array([-3000.0, 0.0, 250.0, 3000.0]))
    assert values.tolist() == [-4.0, 0.0, 1.0, 2.0]
    assert values.dtype == np.float32


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(PastaError, match=next(iter(available_models()), "none")):
        load_model("no-such-model")


def test_a_folder_without_weights_says_which_file_is_missing(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(PastaError, match=r"weights\.safetensors"):
        load_model(folder)


def test_damaged_weights_are_refused(folder: Path) -> None:
    with (folder / "weights.safetensors").open("r+b") as stream:
        stream.seek(-4, 2)
        stream.write(b"\0\1\2\3")
    with pytest.raises(PastaError, match="checksum"):
        load_model(folder)


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    description["features"] = [4, 6, 10]
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(PastaError, match="do not fit"):
        load_model(folder)


def test_a_class_outside_the_catalogue_is_refused(tmp_path: Path) -> None:
    network = UNet(FEATURES, 2)
    save_model(tmp_path / "odd", replace(INFO, classes=("background", "wart")), network)
    with pytest.raises(PastaError, match="wart"):
        load_model(tmp_path / "odd")


def test_a_broken_description_says_so(folder: Path) -> None:
    (folder / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(PastaError, match="not a valid PASTA model"):
        load_model(folder)


def test_a_refining_network_adds_to_the_logits_of_half_resolution() -> None:
    torch.manual_seed(1)
    refining = UNet(FEATURES, len(CLASSES), refines=True).eval()
    torch.nn.init.zeros_(refining.heads[-1].weight)
    coarse = UNet(FEATURES, len(CLASSES), finest=1).eval()
    coarse.load_state_dict(refining.state_dict())
    image = torch.randn(1, 1, 16, 16, 16)
    assert torch.allclose(refining(image), coarse(image), atol=1e-5)
    torch.nn.init.normal_(refining.heads[-1].weight)
    assert not torch.allclose(refining(image), coarse(image), atol=1e-1)


def test_soft_tissue_keeps_its_contrast_and_air_and_bone_share_the_rest() -> None:
    hu = torch.tensor([-1000.0, -200.0, 0.0, 200.0, 1000.0])
    knots = torch.tensor([0.0, 0.2, 0.55, 0.9, 1.0])  # PASTA's intensity map
    theirs = (knots - 0.55) / 0.175
    assert torch.allclose(compressed(hu / 100), theirs, atol=0.01)
