"""What a run of stage I may begin with, see and stress."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.model import load_model
from PASTALib.network import compressed, in_hu_windows
from PASTALib.progress import CancelToken, silent
from PASTATrain.cases import load_cases
from PASTATrain.classes import CLASSES, IGNORE, STRUCTURES
from PASTATrain.export import export_checkpoint
from PASTATrain.losses import SegmentationLoss
from PASTATrain.patches import PatchMaker
from PASTATrain.states import CHECKPOINT
from PASTATrain.training import fresh_state, train, with_hu_windows
from training_cases import SMALL, write_cases


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return write_cases(tmp_path)


def test_a_run_begins_with_the_weights_of_a_model(cases: Path, tmp_path: Path) -> None:
    train(cases, tmp_path / "run", SMALL, "cpu", silent, CancelToken())
    export_checkpoint(tmp_path / "run", SMALL, tmp_path / "model")
    model = load_model(tmp_path / "model")
    fresh_state(SMALL, "cpu").begin_with(model.network, tmp_path / "next")
    state = fresh_state(SMALL, "cpu")
    state.resume(tmp_path / "next" / CHECKPOINT, "cpu")
    assert state.step == 0
    for network in (state.network, state.average):
        for mine, theirs in zip(network.parameters(), model.network.parameters(), strict=True):
            assert torch.equal(mine, theirs)
    assert train(cases, tmp_path / "next", SMALL, "cpu", silent, CancelToken()) == SMALL.steps
    with pytest.raises(PastaError, match="already"):
        fresh_state(SMALL, "cpu").begin_with(model.network, tmp_path / "next")
    smaller = fresh_state(replace(SMALL, features=(4, 8)), "cpu")
    with pytest.raises(PastaError, match="other features"):
        smaller.begin_with(model.network, tmp_path / "other")


def test_a_network_that_gets_windows_sees_soft_tissue_as_before() -> None:
    before = fresh_state(SMALL, "cpu").network
    after = with_hu_windows(before, replace(SMALL, hu_windows=True))
    first = "encoder.0.0.0.weight"
    old, new = before.state_dict(), after.state_dict()
    assert all(torch.equal(old[key], new[key]) for key in old if key != first)
    assert torch.equal(new[first][:, :1], old[first])
    assert (new[first][:, 1:] != 0).any()
    image = 4 * torch.randn(1, 1, 32, 32, 32)
    with torch.inference_mode():
        new[first][:, 1:] = 0
        assert torch.allclose(before(image), after(image), atol=1e-5)


def test_a_lesion_type_can_count_more_than_the_others() -> None:
    liver_cyst, bone = CLASSES.index("liver_cyst"), CLASSES.index("bone_metastasis")
    channels = torch.zeros(1, 8, 8, 8, dtype=torch.uint8)
    channels[:, :4], channels[:, 4:6] = liver_cyst, bone
    logits = torch.zeros(1, len(CLASSES), 8, 8, 8)
    logits[:, liver_cyst, :4], logits[:, bone, 6:] = 5.0, 5.0  # right of cysts, wrong of bone
    as_usual, more = SegmentationLoss(), SegmentationLoss(emphasis={"bone_metastasis": 6.0})
    assert more([logits], channels, 3.0) > as_usual([logits], channels, 3.0) + 0.1


def test_bone_and_lung_are_told_apart_in_windows_of_their_own() -> None:
    hu = torch.tensor([-1200.0, -800, -500, 40, 90, 250, 400]).reshape(1, 1, 1, 1, 7) / 100
    soft, lung, bone = in_hu_windows(hu)[0, :, 0, 0]
    assert torch.equal(soft, compressed(hu)[0, 0, 0, 0])
    assert torch.allclose(lung[:3], torch.tensor([-2.0, -1.0, 0.5]))
    assert (lung[3:] == 2).all()
    assert (bone[:5] == -2).all()
    assert torch.allclose(bone[5:], torch.tensor([-1.25, -0.5]))
    assert float(bone[6] - bone[5]) > 5 * float(soft[6] - soft[5])


def test_lesion_types_are_inserted_as_often_as_the_run_wants(cases: Path) -> None:
    never = {key: 0.0 for key in catalog().lesion_types if key != "liver_cyst"}
    config = replace(SMALL, kinds={"real": 1.0}, lesion_share=1.0, often=never)
    maker = PatchMaker(load_cases(cases, "train"), config, seed=0)
    rng = np.random.default_rng(0)
    seen = np.unique([maker(rng)["label"] for _ in range(6)])
    assert [CLASSES[c] for c in seen if c > len(STRUCTURES) and c != IGNORE] == ["liver_cyst"]


def test_lesions_of_a_type_are_as_the_run_wants_them(cases: Path) -> None:
    cysts = {key: 0.0 for key in catalog().lesion_types if key != "liver_cyst"}
    config = replace(SMALL, kinds={"real": 1.0}, lesion_share=1.0, often=cysts)

    def voxels(long_axis_mm: float) -> float:
        sized = replace(config, lesions={"liver_cyst": {"long_axis_mm": long_axis_mm}})
        maker = PatchMaker(load_cases(cases, "train"), sized, seed=0)
        rng = np.random.default_rng(0)
        return sum(
            np.count_nonzero(maker(rng)["label"] == CLASSES.index("liver_cyst")) for _ in range(8)
        )

    assert voxels(20.0) > 2 * voxels(10.0) > 0
    with pytest.raises(PastaError, match="lesions, liver_cyst: 'colour' is"):
        PatchMaker(
            load_cases(cases, "train"), replace(config, lesions={"liver_cyst": {"colour": 1}}), 0
        )
