"""What is wider upstream of a lesion: lumen, pancreatic duct and bile ducts."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom
from hypothesis import given, settings
from hypothesis import strategies as st

from PASTAGenLib.apply import apply, apply_in, insert
from PASTAGenLib.boxes import offsets_from, slices
from PASTAGenLib.features.lumen import Lumen
from PASTAGenLib.plan import plan_in
from PASTAGenLib.scene import Scene
from PASTAGenLib.sites.bile_ducts import hilum
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.tensors import on
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

CT, ORGANS = phantom()
SCENE = Scene.of(CT, ORGANS)
RING = {
    kind: LesionSpec(kind, features=("upstream dilation",), seed=1)
    for kind in ("colorectal_cancer", "esophageal_cancer")
}


def with_portal_vein() -> tuple[sitk.Image, sitk.Image]:
    """The phantom with a portal vein that ends in the liver."""
    labels, point = sitk.GetArrayFromImage(ORGANS), np.array([60.0, 60.0, 65.0]) / 2.5
    x, y, z = point.astype(int)
    labels[z - 2 : z + 2, y - 2 : y + 2, x - 4 : x + 8] = catalog().label("portal_vein")
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(ORGANS)
    return CT, image


@given(radius=st.floats(5, 25), push=st.floats(1, 8), turn=st.floats(0, 6.28))
@settings(max_examples=20, deadline=None)
def test_a_widened_tube_never_folds_tissue_over_itself(
    radius: float, push: float, turn: float
) -> None:
    lumen = Lumen(((0.0, 0.0, 0.0), (0.0, 0.0, 30.0), (0.0, 0.0, 60.0)), radius, push, 2.0, 10.0)
    away = np.linspace(0.1, lumen.around_mm + 2, 300)
    outward = np.array([np.cos(turn), np.sin(turn), 0.0])
    offsets = away[:, None] * outward + [0, 0, 25.0]
    far = np.full(len(away), 100.0)
    steps = lumen.displacement(on(offsets, "cpu")[None, None], on(far, "cpu")[None, None])
    source = away + (steps[0, 0].numpy() @ outward)
    assert np.all(np.diff(source) > 0)
    assert source[-1] == pytest.approx(away[-1], abs=1e-3)
    widest = np.interp(radius, source, away) - radius
    assert widest == pytest.approx(push, rel=0.05, abs=0.1)


@pytest.mark.parametrize("kind", list(RING))
def test_above_a_narrow_place_the_tube_is_wider_and_its_organ_map_with_it(kind: str) -> None:
    plan = plan_in(SCENE, RING[kind], np.random.default_rng(1))
    (lumen,) = (f for f in plan.features if isinstance(f, Lumen))
    assert plan.form == "annular"
    assert np.all(np.array(lumen.path)[:, 2] > 0)  # both tubes of the phantom begin below
    inserted = apply_in(SCENE, plan)
    box, label = slices(plan.box), catalog().label(SCENE_HOST[kind])
    points = offsets_from(np.array(plan.blob.center), SCENE.geometry, plan.box)
    widest = np.array(lumen.path[len(lumen.path) // 3 : 2 * len(lumen.path) // 3 + 1])
    level = (points[..., 2] > widest[0, 2] - 3) & (points[..., 2] < widest[-1, 2] + 3)
    before, after = (
        np.sum((labels == label) & level) for labels in (SCENE.organs[box], inserted.organs)
    )
    assert after > 1.2 * before
    near = np.linalg.norm(points[..., None, :] - widest, axis=-1).min(axis=-1) < 3
    content = np.median(inserted.hu[near & level])
    assert abs(content - lumen.hu) < 40


SCENE_HOST = {"colorectal_cancer": "colorectum", "esophageal_cancer": "esophagus"}


def test_the_lumen_is_filled_with_what_was_found_in_it() -> None:
    hu = sitk.GetArrayFromImage(CT)
    hu[SCENE.organs == catalog().label("colorectum")] = 60
    solid = Scene(hu, SCENE.organs, SCENE.geometry)
    rng = np.random.default_rng
    filled = [plan_in(s, RING["colorectal_cancer"], rng(1)).features[-1].hu for s in (SCENE, solid)]
    assert filled[0] < -900
    assert 0 < filled[1] < 30


def test_what_lies_outside_of_the_plans_box_stays_bit_by_bit() -> None:
    case = apply(CT, ORGANS, plan_in(SCENE, RING["esophageal_cancer"], np.random.default_rng(1)))
    changed = sitk.GetArrayFromImage(case.ct) != sitk.GetArrayFromImage(CT)
    changed[slices(case.plan.box)] = False
    assert not changed.any()
    assert "upstream dilation" in case.truth.features


@pytest.mark.parametrize("shape", ["Irregular", "protrusion into the lumen"])
def test_a_lesion_that_does_not_narrow_the_lumen_has_nothing_wider_upstream(shape: str) -> None:
    with pytest.raises(PastaError, match=r"does not narrow the lumen.*'luminal narrowing'"):
        LesionSpec("colorectal_cancer", shape=shape, features=("upstream dilation",))


def test_a_duct_that_has_no_way_to_go_is_refused_with_the_remedy() -> None:
    spec = LesionSpec(
        "pancreas_tumor", location="tail", features=("duct dilation",), long_axis_mm=14, seed=2
    )
    with pytest.raises(PastaError, match=r"does not go on upstream.*leave 'duct dilation' out"):
        insert(CT, ORGANS, spec)


def test_bile_ducts_are_wider_beyond_a_lesion_near_the_hilum() -> None:
    scene = Scene.of(*with_portal_vein())
    spec = LesionSpec("liver_tumor", features=("bile duct dilation",), long_axis_mm=16)
    plan = plan_in(scene, spec, np.random.default_rng(3))
    gate, center = hilum(scene), np.array(plan.blob.center)
    assert np.linalg.norm(center - gate) < 40
    ducts = [f for f in plan.features if f.name == "bile duct dilation"]
    assert len(ducts) >= 6
    ends = np.array([duct.path[-1] for duct in ducts[1::2]])  # of their outer halves
    assert np.all(ends @ (center - gate) > 0)
    plain = apply_in(scene, plan).hu
    assert plain.min() < 60  # bile in a liver of 110 HU


def test_bile_ducts_without_a_portal_vein_in_the_organ_map_are_refused() -> None:
    with pytest.raises(PastaError, match=r"portal vein.*Leave 'bile duct dilation' out"):
        plan_in(
            SCENE,
            LesionSpec("liver_tumor", features=("bile duct dilation",), long_axis_mm=16),
            np.random.default_rng(0),
        )
