"""Stage II: lesions with known attributes, features of the frozen encoder, and the head."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from PASTALib.errors import PastaError
from PASTALib.model import Model, ModelInfo, Normalization, load_model, save_model
from PASTALib.progress import CancelToken, silent
from PASTATrain.attributes.samples import Samples, make_samples, question_values
from PASTATrain.attributes.training import answers_of, judge_answers, train_head
from PASTATrain.cases import Case, save_case
from PASTATrain.cli import main
from PASTATrain.heads.encoder import crop_edge, features_of, pooled
from PASTATrain.heads.head import HeadInfo, read_head, with_prefix
from PASTATrain.sources import torso_case

INFO = ModelInfo(
    "tiny", "1", ("background", "liver"), 5.0, (16,) * 3, (4, 6, 8),
    Normalization(-400, 400, 0, 100),
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Model:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, INFO, INFO.network())
    return load_model(folder)


@pytest.fixture(scope="module")
def torsos() -> list[Case]:
    return [torso_case(n, 5.0, split) for n, split in ((1, "train"), (2, "train"), (3, "test"))]


def test_the_questions_are_the_five_attributes_and_the_type():
    counts = {key: len(values) for key, values in question_values().items()}
    assert counts == {
        "shape": 4, "density": 3, "heterogeneity": 2, "surface": 2, "invasion": 2, "type": 15,
    }  # fmt: skip


def test_features_are_mean_and_maximum_in_the_lesion_and_mean_of_the_crop(model):
    image = torch.randn(2, 1, 8, 8, 8)
    mask = torch.zeros(2, 1, 8, 8, 8)
    mask[:, :, 2:4, 2:4, 2:4] = 1
    with torch.inference_mode():
        levels = model.network.encode(image)
    features = pooled(levels, mask)
    assert features.shape == (2, 3 * sum(INFO.features))
    inside = levels[0][:, :, 2:4, 2:4, 2:4]
    assert torch.allclose(features[:, :4], inside.mean((2, 3, 4)), atol=1e-5)
    assert torch.equal(features[:, 4:8], inside.amax((2, 3, 4)))
    assert torch.allclose(features[:, 8:12], levels[0].mean((2, 3, 4)), atol=1e-5)
    assert torch.isfinite(pooled(levels, torch.zeros_like(mask))).all()


def test_samples_are_the_same_for_the_same_seed_and_have_answers_in_range(model, torsos):
    first, again = (make_samples(torsos, model, 6, 4, silent, CancelToken()) for _ in range(2))
    assert np.array_equal(first.features, again.features)
    assert np.array_equal(first.answers, again.answers)
    assert np.array_equal(first.rules, again.rules)
    assert first.features.shape == (6, 3 * sum(INFO.features))
    for column, values in enumerate(question_values().values()):
        assert (first.answers[:, column] < len(values)).all()
    other = make_samples(torsos, model, 6, 5, silent, CancelToken())
    assert not np.array_equal(first.features, other.features)


def test_cases_of_another_grid_and_empty_cases_are_refused(model, torsos):
    with pytest.raises(PastaError, match="4 mm, the model of 5 mm"):
        make_samples([replace(torsos[0], spacing_mm=4.0)], model, 1, 1, silent, CancelToken())
    empty = replace(torsos[0], labels=np.zeros_like(torsos[0].labels))
    with pytest.raises(PastaError, match="no organ"):
        make_samples([empty], model, 1, 1, silent, CancelToken())


def learnable(count: int, seed: int) -> Samples:
    """Features that hold the answers, among noise."""
    rng = np.random.default_rng(seed)
    answers = np.stack([rng.integers(0, len(v), count) for v in question_values().values()], 1)
    noise = rng.normal(0, 0.2, (count, 40)).astype(np.float32)
    told = [np.eye(len(v))[answers[:, n]] for n, v in enumerate(question_values().values())]
    noise[:, :28] += np.concatenate(told, 1).astype(np.float32)
    return Samples(noise, answers, answers, np.array([f"case{n % 8}" for n in range(count)]))


def test_a_head_learns_what_the_features_tell(tmp_path):
    info = HeadInfo("attributes", "tiny", "x", 8, 40, question_values(), {})
    head = train_head(learnable(600, 1), info, 1, tmp_path, silent, CancelToken())
    test = learnable(100, 2)
    told = answers_of(head, info, test.features)
    figures = {row.attribute: row for row in judge_answers(told, test, info, 50)}
    assert set(figures) == set(question_values())
    for row in figures.values():
        assert row.accuracy.value > 0.85
        assert row.accuracy.low <= row.accuracy.value <= row.accuracy.high


def test_the_command_trains_a_head_beside_a_frozen_encoder(model, torsos, tmp_path, capsys):
    for torso in torsos:
        save_case(tmp_path / "run" / "cases", torso)
    save_model(tmp_path / "model", INFO, model.network)
    weights = (tmp_path / "model" / "weights.safetensors").read_bytes()
    command = ["--run", str(tmp_path / "run"), "attributes", "--model", str(tmp_path / "model")]
    (tmp_path / "run.yaml").write_text("lesions: 30\n")
    command += ["-o", str(tmp_path / "head"), "--device", "cpu"]
    command += ["--settings", str(tmp_path / "run.yaml")]
    assert main(command) == 0
    assert re.search("density: accuracy .*; by rule", capsys.readouterr().err)
    assert (tmp_path / "model" / "weights.safetensors").read_bytes() == weights
    loaded = load_model(tmp_path / "model")
    info, weights = read_head(tmp_path / "head", loaded.info.sha256)
    assert info.training == {"lesions": 30, "scans": 2, "seed": 1}
    head = info.head().eval()
    head.load_state_dict(with_prefix(weights, "head."))
    edge = crop_edge(loaded)
    crops, masks = np.zeros((1, *(edge,) * 3)), np.ones((1, *(edge,) * 3))
    assert head(torch.from_numpy(features_of(loaded, crops, masks))).shape == (1, 28)
    stored = json.loads((tmp_path / "head" / "attributes-figures.json").read_text(encoding="utf-8"))
    for who in ("head", "rules"):
        assert {row["accuracy"]["count"] for row in stored[who]} == {10}
    with pytest.raises(PastaError, match="another model"):
        read_head(tmp_path / "head", "0")
    with pytest.raises(PastaError, match="no head"):
        read_head(tmp_path, "0")


@pytest.mark.parametrize(
    ("text", "words"),
    [("lesion: 30", "unknown keys (lesion)"), ("lesions: 0", "'lesions'"), ("- a", "key: value")],
)
def test_a_configuration_that_cannot_be_says_so(text, words, tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert main(["attributes", "--settings", str(path), "-o", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert str(path) in told
