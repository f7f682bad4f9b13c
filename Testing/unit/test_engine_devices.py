"""The engine leaves every tensor on the device that it is asked to paint on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from generator_phantom import phantom

from PASTAGenLib.apply import apply_in
from PASTAGenLib.plan import plan_in
from PASTAGenLib.production import case
from PASTAGenLib.production.cli import NOT_STARTED, main
from PASTAGenLib.production.recipe import read_recipe
from PASTAGenLib.production.run import produce
from PASTAGenLib.production.workers import ThisProcess
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.tensors import on
from PASTALib.errors import PastaError
from pretended_device import NAME, Elsewhere, PretendedDevice
from production_case import fingerprints, write_recipe

SCENE = Scene.of(*phantom())
EVERY_PATH = (
    LesionSpec("liver_tumor", features=("necrosis", "capsule", "rim enhancement")),
    LesionSpec("lung_tumor", features=("spiculation", "halo", "calcification")),
    LesionSpec("pancreas_tumor", features=("duct dilation", "stranding", "decreased areas")),
    LesionSpec("kidney_cyst", protrudes=True, features=("septa",)),
    LesionSpec("gallstone", subtype="laminated"),
    LesionSpec("colorectal_cancer", shape="luminal narrowing"),
    LesionSpec("esophageal_cancer", features=("upstream dilation",)),
    LesionSpec("bladder_cancer", shape="protrusion into the lumen"),
    LesionSpec("bone_metastasis", features=("sclerotic rim",)),
)


@pytest.mark.parametrize("spec", EVERY_PATH, ids=lambda spec: spec.type)
def test_a_lesion_painted_on_another_device_is_the_same(spec: LesionSpec) -> None:
    plan = plan_in(SCENE, spec, np.random.default_rng(3))
    here = apply_in(SCENE, plan)
    with PretendedDevice():
        there = apply_in(SCENE, plan, device=NAME)
    assert np.array_equal(here.hu, there.hu)
    assert np.array_equal(here.mask, there.mask)
    assert np.array_equal(here.organs, there.organs)
    assert not np.array_equal(here.hu, SCENE.hu[tuple(slice(*side) for side in plan.box)])


def test_the_pretended_device_tells_when_tensors_are_mixed() -> None:
    values = np.arange(4.0)
    with PretendedDevice():
        far = on(values, NAME)
        assert isinstance(far, Elsewhere)
        assert float((far * 2).sum()) == 12.0
        assert np.array_equal(far.cpu().numpy(), values)
        with pytest.raises(AssertionError, match="two devices"):
            far + on(values, "cpu")
        with pytest.raises((TypeError, RuntimeError)):
            far.numpy()


def test_a_production_paints_on_the_device_that_it_is_given(tmp_path: Path) -> None:
    lesions = [{"type": "kidney_cyst", "count": 1}]
    recipe = read_recipe(write_recipe(tmp_path, lesions=lesions))
    with PretendedDevice():
        produce(recipe, tmp_path / "there", ThisProcess(), 1, device=NAME)
    produce(recipe, tmp_path / "here", ThisProcess(), 1)
    assert fingerprints(tmp_path / "here") == fingerprints(tmp_path / "there")


def test_a_device_that_is_not_there_is_named(tmp_path: Path, capsys) -> None:
    recipe = write_recipe(tmp_path)
    arguments = [str(recipe), "-o", str(tmp_path / "out"), "--device", "cuda:7"]
    assert main(arguments) == NOT_STARTED
    assert "There is no device 'cuda:7' on this machine; use auto" in capsys.readouterr().err


def test_a_device_without_memory_ends_the_run_with_the_remedy(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(case, "insert_many", full)
    with pytest.raises(PastaError, match=r"memory of cuda:0 .* fewer --workers"):
        produce(
            read_recipe(write_recipe(tmp_path)), tmp_path / "out", ThisProcess(), 1, device="cuda:0"
        )
