"""PASTA's checkpoint: what is in it is taken whole, translated faithfully, or refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from pasta_checkpoint import direct_answer, random_checkpoint
from PASTALib.errors import PastaError
from PASTALib.exchange.nnunet_names import architecture, from_nnunet, to_nnunet
from PASTALib.exchange.pasta_import import import_pasta, take_pasta
from PASTALib.exchange.pasta_names import PASTA_FEATURES
from PASTALib.exchange.pretrained import pretrained_network, read_pretrained
from PASTALib.model import load_model
from PASTALib.network import UNet
from PASTATrain.exchange.cli import main

SMALL = (4, 6, 8, 10, 12, 12)


@pytest.fixture(scope="module")
def state():
    return random_checkpoint(SMALL)


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def test_the_file_has_the_names_and_shapes_of_the_published_one():
    with torch.device("meta"):
        state = random_checkpoint(PASTA_FEATURES)
    assert len(state) == 104
    assert next(iter(state)) == "conv_blocks_localization.0.0.blocks.0.conv.weight"
    for name, shape in {
        "conv_blocks_context.0.blocks.0.conv.weight": (64, 1, 3, 3, 3),
        "conv_blocks_context.4.blocks.1.conv.weight": (1024, 1024, 3, 3, 3),
        "conv_blocks_context.5.0.blocks.0.conv.weight": (1024, 1024, 3, 3, 3),
        "conv_blocks_context.5.1.blocks.0.instnorm.bias": (1024,),
        "conv_blocks_localization.0.0.blocks.0.conv.weight": (1024, 2048, 3, 3, 3),
        "conv_blocks_localization.4.0.blocks.0.conv.weight": (64, 128, 3, 3, 3),
        "tu.1.weight": (1024, 512, 2, 2, 2),
        "tu.4.weight": (128, 64, 2, 2, 2),
        "seg_outputs.4.weight": (3, 64, 1, 1, 1),
        "head.0.weight": (512, 1024),
        "head.4.bias": (14,),
    }.items():
        assert tuple(state[name].shape) == shape, name
    assert "tu.4.bias" not in state


@pytest.mark.parametrize("wrapper", [None, "network_weights", "state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_every_layout_gives_the_same_weights(wrapper, prefix, state, tmp_path):
    named = {prefix + name: tensor for name, tensor in state.items()}
    content = named if wrapper is None else {"epoch": 3, wrapper: named}
    imported = import_pasta(saved(tmp_path / "p.pth", content), tmp_path / "out", SMALL)
    assert len(imported.weights) == 104
    assert imported.left == {}
    assert torch.equal(imported.weights["up.4.weight"], state["tu.4.weight"])


def test_the_imported_network_answers_as_the_file_does_on_every_scale(state, tmp_path):
    import_pasta(saved(tmp_path / "p.pth", state), tmp_path / "out", SMALL)
    what = read_pretrained(tmp_path / "out")
    assert (what.source, what.outputs, what.report_outputs) == ("p.pth", 3, 14)
    network = pretrained_network(tmp_path / "out")
    image = torch.randn(1, 1, 64, 64, 96)
    with torch.inference_mode():
        ours, theirs = network.scales(image), direct_answer(state, image)
    assert len(ours) == len(theirs) == 5
    for mine, direct in zip(ours, theirs, strict=True):
        assert direct.std() > 0.1
        assert torch.allclose(mine, direct, atol=1e-5)


@pytest.mark.slow
def test_the_network_in_its_published_size_is_taken_whole_and_answers_the_same(tmp_path):
    state = random_checkpoint(PASTA_FEATURES)
    assert sum(t.numel() for name, t in state.items() if "head" not in name) == 240_268_032
    imported = import_pasta(saved(tmp_path / "PASTA_final.pth", state), tmp_path / "out")
    assert (len(imported.weights), imported.left) == (104, {})
    del imported
    (tmp_path / "PASTA_final.pth").unlink()
    network = pretrained_network(tmp_path / "out")
    image = torch.randn(1, 1, 64, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(network(image), direct_answer(state, image)[0], atol=1e-4)


def test_nnunets_own_network_with_these_weights_gives_the_same_answer(state):
    pytest.importorskip("nnunetv2")
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    weights = {k: v for k, v in take_pasta(state, "p", SMALL).weights.items() if "report" not in k}
    design = architecture(SMALL)
    theirs = get_network_from_plans(
        design["network_class_name"],
        design["arch_kwargs"],
        design["_kw_requires_import"],
        1,
        3,
        deep_supervision=True,
    ).eval()
    theirs.load_state_dict(to_nnunet(weights, len(SMALL)), strict=True)
    ours = UNet(SMALL, 3).eval()
    ours.load_state_dict(weights, strict=True)
    image = torch.randn(2, 1, 64, 64, 64)
    with torch.inference_mode():
        for mine, plain in zip(ours.scales(image), theirs(image), strict=True):
            assert torch.allclose(mine, plain, atol=1e-5)


def test_a_network_of_nnunet_with_trained_biases_comes_back_with_them():
    pytest.importorskip("nnunetv2")
    from dynamic_network_architectures.architectures.unet import PlainConvUNet
    from torch import nn

    features = (4, 6, 8)
    theirs = PlainConvUNet(
        1, 3, features, nn.Conv3d, 3, [1, 2, 2], 2, 2, 2, conv_bias=True,
        norm_op=nn.InstanceNorm3d, norm_op_kwargs={"affine": True}, nonlin=nn.LeakyReLU,
    ).eval()  # fmt: skip
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = UNet(features, 2, biases=True).eval()
    ours.load_state_dict(from_nnunet(theirs.state_dict(), 3))
    image = torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        assert torch.allclose(ours(image), theirs(image), atol=1e-5)


def test_a_file_without_heads_is_complete(tmp_path):
    state = random_checkpoint(SMALL, report=None)
    bare = {name: tensor for name, tensor in state.items() if "seg_outputs" not in name}
    imported = import_pasta(saved(tmp_path / "p.pth", bare), tmp_path / "out", SMALL)
    assert len(imported.weights) == 93
    assert (imported.outputs, imported.report_outputs, imported.left) == (0, 0, {})
    assert "93 of 93" in imported.summary()
    pretrained_network(tmp_path / "out")


def test_what_does_not_belong_is_left_and_listed(state, tmp_path):
    odd = {**state, "td.0.weight": torch.zeros(2), "head.4.weight": torch.zeros(14)}
    imported = import_pasta(saved(tmp_path / "p.pth", odd), tmp_path / "out", SMALL)
    assert imported.left["td.0.weight"] == "not part of the network"
    assert "head" in imported.left["head.0.weight"]
    assert len(imported.weights) == 98
    assert "left: 7" in imported.summary()


@pytest.mark.parametrize("damage", ["missing", "shape", "encoder only", "other names"])
def test_a_file_that_matches_too_little_is_refused(damage, state, tmp_path):
    changed = dict(state)
    if damage == "missing":
        del changed["tu.2.weight"]
    elif damage == "shape":
        changed["tu.2.weight"] = torch.zeros(3, 3, 2, 2, 2)
    elif damage == "encoder only":
        changed = {name: t for name, t in state.items() if name.startswith("conv_blocks_context")}
    else:
        changed = {name.replace("conv_blocks", "blocks"): t for name, t in state.items()}
    with pytest.raises(PastaError, match=r"only \d+ of 93 tensors"):
        import_pasta(saved(tmp_path / "p.pth", changed), tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_nothing_in_a_file_is_executed(tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    path = saved(tmp_path / "bad.pth", {"state_dict": Malicious()})
    with pytest.raises(PastaError, match="weights only"):
        import_pasta(path, tmp_path / "out")
    assert not (tmp_path / "executed").exists()


def test_a_file_without_weights_says_so(tmp_path):
    with pytest.raises(PastaError, match="holds no weights"):
        import_pasta(saved(tmp_path / "p.pth", {"epoch": 3}), tmp_path / "out")
    with pytest.raises(PastaError, match="There is no file"):
        import_pasta(tmp_path / "absent.pth", tmp_path / "out")


def test_the_command_imports_lists_and_verifies(state, tmp_path, capsys):
    path = saved(tmp_path / "p.pth", state)
    out = tmp_path / "models" / "pasta"
    features = ",".join(map(str, SMALL))
    assert main(["import", str(path), "-o", str(out), "--features", features]) == 0
    assert "taken: 104 tensors" in capsys.readouterr().out
    assert main(["list", str(tmp_path / "models")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("pasta-s (bundled)")
    assert "pretrained weights of p.pth, features 4-6-8-10-12-12" in lines[-1]
    assert main(["verify", str(out)]) == 0
    assert main(["verify", "pasta-s"]) == 0
    assert "checksum" in capsys.readouterr().out
    with (out / "weights.safetensors").open("r+b") as stream:
        stream.seek(-4, 2)
        stream.write(b"\0\1\2\3")
    assert main(["verify", str(out)]) == 1
    assert "damaged" in capsys.readouterr().err


def test_pretrained_weights_are_no_model_and_say_what_to_do(state, tmp_path):
    import_pasta(saved(tmp_path / "p.pth", state), tmp_path / "out", SMALL)
    with pytest.raises(PastaError, match="finetune"):
        load_model(tmp_path / "out")
