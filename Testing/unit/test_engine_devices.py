"""The engine leaves every tensor on the device that it is asked to paint on."""

from __future__ import annotations

import numpy as np
import pytest
from generator_phantom import phantom

from PASTAGenLib.apply import apply_in
from PASTAGenLib.plan import plan_in
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.tensors import on
from pretended_device import NAME, Elsewhere, PretendedDevice

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
