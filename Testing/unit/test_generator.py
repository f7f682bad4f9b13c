"""The lesion generator: every type, replay, bit-identity, and what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom, tilted
from hypothesis import given, settings
from hypothesis import strategies as st

from PASTAGenLib.apply import SyntheticCase, apply, insert, insert_in, insert_many
from PASTAGenLib.boxes import slices
from PASTAGenLib.habits import PROTRUDES
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.plan import plan
from PASTAGenLib.scene import FALLBACK_TISSUE, Scene, hosts_of
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.warp import MassEffect
from PASTALib.attributes import core_of
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry

TYPES = tuple(catalog().lesion_types)
CT, ORGANS = phantom()
NO_PUSH = MassEffect(0.0, 1.0)
GRIDS = {
    "isotropic": (CT, ORGANS),
    "thick slices": phantom((1.3, 1.3, 5.0)),
    "thickest slices": phantom((1.3, 1.3, 8.0)),
    "thinnest slices": phantom((1.6, 1.6, 0.5)),
    "oblique": phantom((2.0, 2.4, 3.0), tilted()),
    "upside down": phantom((2.5, 2.5, 2.5), np.diag([-1.0, -1.0, 1.0])),
}


def array(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def organ_table(type_: str) -> np.ndarray:
    return Scene.table(catalog().organ_labels(catalog().lesion_types[type_].organ))


def same_bytes(a: SyntheticCase, b: SyntheticCase) -> bool:
    images = ("ct", "organs", "lesion_mask", "fraction")
    return all(
        array(getattr(a, i)).tobytes() == array(getattr(b, i)).tobytes() for i in images
    ) and (a.truth == b.truth)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("type_", TYPES)
def test_every_type_finds_room_on_every_grid_and_changes_nothing_outside_its_box(
    type_: str, grid: str
) -> None:
    ct, organs = GRIDS[grid]
    before = array(ct)
    case = apply(ct, organs, plan(ct, organs, LesionSpec(type_), np.random.default_rng(3)))
    after, mask = array(case.ct), array(case.lesion_mask)
    outside = np.ones(before.shape, bool)
    outside[slices(case.plan.box)] = False
    assert np.array_equal(before[outside], after[outside])
    assert not mask[outside].any()
    assert set(np.unique(mask)) == {0, catalog().label(type_)}
    assert case.ct.GetPixelID() == sitk.sitkInt16
    assert case.lesion_mask.GetPixelID() == sitk.sitkUInt8
    for image in (case.ct, case.organs, case.lesion_mask, case.fraction):
        assert image.GetOrigin() == ct.GetOrigin()
        assert image.GetSpacing() == ct.GetSpacing()
        assert image.GetDirection() == ct.GetDirection()
    assert np.array_equal(before, array(ct))  # the CT that came in is as it was


@given(type_=st.sampled_from(TYPES), seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_lesion_lies_in_its_organ_unless_it_protrudes_into_unlabelled_fat(
    type_: str, seed: int
) -> None:
    drawn = plan(CT, ORGANS, LesionSpec(type_), np.random.default_rng(seed))
    case = apply(CT, ORGANS, replace(drawn, mass_effect=NO_PUSH))
    mask, before, after = array(case.lesion_mask) > 0, array(ORGANS), array(case.organs)
    own = organ_table(type_)
    assert own[after[mask]].all()
    grown = before != after
    assert not (grown & ~mask).any()
    assert (before[grown] == 0).all()
    if case.plan.outward_mm == 0:
        assert own[before[mask]].all()
    kept_outside = (array(case.ct) != array(CT)) & (before > 0) & ~own[before]
    assert not kept_outside.any(), "another organ was changed"


@given(type_=st.sampled_from(TYPES), seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_stored_plan_gives_the_same_bytes(type_: str, seed: int) -> None:
    drawn = plan(CT, ORGANS, LesionSpec(type_), np.random.default_rng(seed))
    stored = InsertionPlan.from_json(drawn.to_json())
    assert stored == drawn
    assert same_bytes(apply(CT, ORGANS, drawn), apply(CT, ORGANS, stored))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_lesion() -> None:
    spec = LesionSpec("liver_tumor", seed=11)
    first, again = insert(CT, ORGANS, spec), insert(CT, ORGANS, spec)
    other = insert(CT, ORGANS, replace(spec, seed=12))
    assert same_bytes(first, again)
    assert not same_bytes(first, other)


@pytest.mark.parametrize("type_", [t for t in TYPES if t in PROTRUDES])
def test_a_lesion_that_is_asked_to_stay_inside_stays_inside(type_: str) -> None:
    spec = LesionSpec(type_, protrudes=False, surface="Well-defined margin", features=())
    drawn = plan(CT, ORGANS, spec, np.random.default_rng(5))
    case = apply(CT, ORGANS, replace(drawn, mass_effect=NO_PUSH))
    assert np.array_equal(array(case.organs), array(ORGANS))


def test_a_protruding_kidney_cyst_takes_fat_and_the_kidney_grows_with_it() -> None:
    spec = LesionSpec("kidney_cyst", protrudes=True, long_axis_mm=20, seed=2)
    case = insert(CT, ORGANS, spec)
    grown = array(case.organs) != array(ORGANS)
    assert 0.1 < grown.sum() / case.truth.voxels < 0.6
    assert (array(case.organs)[grown] == catalog().label("kidney_left")).all()


@pytest.mark.parametrize("size", [12.0, 20.0, 30.0])
@pytest.mark.parametrize("grid", GRIDS)
def test_the_long_axis_in_the_axial_plane_is_the_one_that_was_asked_for(
    size: float, grid: str
) -> None:
    ct, organs = GRIDS[grid]
    spec = LesionSpec("liver_cyst", long_axis_mm=size, protrudes=False, seed=4)
    measured = insert(ct, organs, spec).truth.long_axis_mm
    # One voxel, and a tenth for the cut of a tilted slice through a body that is not a ball.
    assert measured == pytest.approx(size, abs=0.1 * size + ct.GetSpacing()[0])


@pytest.mark.parametrize("hu", [20.0, 60.0, 200.0])
def test_the_mean_hu_of_the_core_is_the_one_that_was_asked_for(hu: float) -> None:
    spec = LesionSpec(
        "liver_tumor", hu=hu, long_axis_mm=30, surface="Well-defined margin", protrudes=False
    )
    for seed in range(4):
        case = insert(CT, ORGANS, replace(spec, seed=seed))
        core = core_of(array(case.lesion_mask) > 0, Geometry.of(CT).spacing_zyx)
        assert array(case.ct)[core].mean() == pytest.approx(hu, abs=2)


@pytest.mark.parametrize("type_", ["liver_cyst", "liver_tumor", "pancreas_cyst"])
def test_a_homogeneous_lesion_is_as_noisy_as_its_organ(type_: str) -> None:
    noise = array(CT)[array(ORGANS) == catalog().label("liver")].std()
    found = []
    for seed in range(5):
        spec = LesionSpec(
            type_, heterogeneity="Homogeneous", long_axis_mm=20, features=(), seed=seed
        )
        case = insert(CT, ORGANS, spec)
        inside = array(case.fraction) > 250
        texture = case.plan.density.texture_sd
        found.append(array(case.ct)[inside].std() / np.hypot(noise, texture))
    assert np.mean(found) == pytest.approx(1, abs=0.12)


def test_an_ill_defined_edge_is_wider_than_a_well_defined_one() -> None:
    soft, sharp = (
        insert(CT, ORGANS, LesionSpec("liver_tumor", surface=s, long_axis_mm=30, seed=1))
        for s in ("Ill-defined margin", "Well-defined margin")
    )
    between = [
        np.mean((f > 25) & (f < 230)) / np.mean(f >= 128)
        for f in (array(soft.fraction), array(sharp.fraction))
    ]
    assert between[0] > 1.3 * between[1]


@pytest.mark.parametrize("density", ["Hypodense", "Isodense", "Hyperdense"])
def test_density_is_drawn_as_it_was_asked_for(density: str) -> None:
    case = insert(CT, ORGANS, LesionSpec("liver_tumor", density=density, phase="arterial", seed=6))
    difference = case.plan.density.mean_hu - case.truth.organ_hu
    sign = {"Hypodense": -1, "Isodense": 0, "Hyperdense": 1}[density]
    assert case.truth.attributes["density"] == density
    assert np.sign(np.trunc(difference / 10.001)) == sign


def test_a_lesion_that_is_not_isodense_stands_out_of_the_noise() -> None:
    scene = Scene.of(*phantom(noise=25.0))
    for seed in range(20):
        drawn, _ = insert_in(scene, LesionSpec("liver_tumor"), np.random.default_rng(seed))
        density = drawn.density
        assert abs(density.mean_hu - density.base_hu) >= 1.5 * scene.noise_hu


def test_gallstones_lie_at_the_back_of_the_gallbladder() -> None:
    index = np.argwhere(array(ORGANS) == catalog().label("gallbladder")).mean(0)
    middle = Geometry.of(CT).points_of_zyx(index)[1]
    for seed in range(10):
        case = insert(CT, ORGANS, LesionSpec("gallstone", long_axis_mm=5, seed=seed))
        assert case.truth.center[1] > middle


@pytest.mark.parametrize("type_", ["urinary_bladder", "gallbladder", "colorectum", "stomach"])
def test_wall_thickening_lies_on_the_wall(type_: str) -> None:
    lesion = next(
        t.key
        for t in catalog().lesions_of(catalog().structures[type_].organ or "")
        if "Wall thickening" in t.shapes
    )
    case = insert(CT, ORGANS, LesionSpec(lesion, shape="Wall thickening", seed=8))
    organ = sitk.Equal(ORGANS, catalog().label(type_))
    depth = array(sitk.SignedMaurerDistanceMap(organ, True, False, True))
    inside = (array(case.lesion_mask) > 0) & (array(organ) > 0)
    assert -depth[inside].min() <= (case.plan.thickness_mm or 0) + 2 * 2.5
    assert (-depth[inside] < 3.0).mean() > 0.25


def test_location_chooses_the_structure() -> None:
    case = insert(CT, ORGANS, LesionSpec("bone_metastasis", location="vertebra_L2", seed=0))
    assert case.truth.structure == "vertebra_L2"
    with pytest.raises(PastaError, match="use one of kidney_left"):
        insert(CT, ORGANS, LesionSpec("kidney_cyst", location="right"))


def test_a_center_is_kept() -> None:
    index = np.array([26, 22, 16])
    point = tuple(Geometry.of(CT).points_of_zyx(index).tolist())
    case = insert(CT, ORGANS, LesionSpec("liver_cyst", center=point, long_axis_mm=20, seed=3))
    assert np.linalg.norm(np.subtract(case.truth.center, point)) < 2.5


def test_several_lesions_keep_off_each_other() -> None:
    specs = [LesionSpec("liver_cyst", long_axis_mm=18) for _ in range(5)]
    cases = insert_many(CT, ORGANS, specs, np.random.default_rng(0))
    masks = [array(case.lesion_mask) > 0 for case in cases]
    assert np.max(np.sum(masks, axis=0)) == 1
    assert all(mask.any() for mask in masks)
    for mask in masks:  # the last CT still shows each of them
        assert array(cases[-1].ct)[mask].mean() < 60


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (LesionSpec("liver_cyst", long_axis_mm=150), "ask for [0-9]+ mm or less"),
        (LesionSpec("liver_cyst", center=(0.0, 0.0, 0.0)), "is not in the liver"),
        (LesionSpec("liver_cyst", density="Hyperdense"), "give hu"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(spec: LesionSpec, sentence: str) -> None:
    with pytest.raises(PastaError, match=sentence):
        insert(CT, ORGANS, spec, np.random.default_rng(0))


def test_an_absent_organ_is_named() -> None:
    organs = sitk.Mask(ORGANS, sitk.Equal(ORGANS, catalog().label("liver")))
    with pytest.raises(PastaError, match="needs the kidney"):
        insert(CT, organs, LesionSpec("kidney_stone", seed=0))


def test_an_organ_map_of_another_grid_is_refused() -> None:
    with pytest.raises(PastaError, match="another voxel grid"):
        insert(CT, GRIDS["oblique"][1], LesionSpec("liver_cyst", seed=0))


def test_a_plan_for_another_scan_or_of_another_kind_is_refused() -> None:
    drawn = plan(CT, ORGANS, LesionSpec("liver_cyst"), np.random.default_rng(0))
    with pytest.raises(PastaError, match="another size"):
        apply(*GRIDS["oblique"], drawn)
    with pytest.raises(PastaError, match="not an insertion plan"):
        InsertionPlan.from_json('{"version": 2, "type": "liver_cyst"}')
    with pytest.raises(PastaError, match="not an insertion plan"):
        InsertionPlan.from_json("lesion")


@pytest.mark.parametrize(
    "wrong",
    [
        {"subtype": "hcc"},
        {"shape": "Wall thickening"},
        {"shape": "luminal narrowing"},
        {"long_axis_mm": 0.2},
        {"volume_mm3": -1.0},
        {"density": "hypo"},
        {"features": ("spiculation",)},
        {"number": 0},
        {"hu": 5000.0},
    ],
)
def test_a_spec_that_contradicts_its_type_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PastaError, match=next(iter(wrong))):
        LesionSpec("kidney_cyst", **wrong)  # type: ignore[arg-type]


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(PastaError, match="use one of lung_tumor"):
        LesionSpec("prostate_tumor")


def test_arrays_and_images_give_the_same_lesion() -> None:
    scene = Scene.of(CT, ORGANS)
    drawn, inserted = insert_in(scene, LesionSpec("kidney_tumor"), np.random.default_rng(9))
    case = insert(CT, ORGANS, LesionSpec("kidney_tumor", seed=9))
    assert case.plan == drawn
    assert np.array_equal(array(case.ct)[slices(drawn.box)], inserted.hu)


def test_the_truth_is_plain_json() -> None:
    truth = insert(CT, ORGANS, LesionSpec("lung_tumor", seed=1)).truth.to_dict()
    assert json.loads(json.dumps(truth))["attributes"].keys() == catalog().attributes.keys()
    for key, value in truth["attributes"].items():
        assert value in catalog().attributes[key].values


def test_lesions_in_a_real_ct(shared_data: Callable[[str], Path]) -> None:
    ct = sitk.ReadImage(str(shared_data("totalsegmentator/example_ct.nii.gz")), sitk.sitkInt16)
    original = sitk.ReadImage(str(shared_data("totalsegmentator/example_seg_total117.nii.gz")))
    table = np.zeros(256, np.uint8)
    for number, label in catalog().label_table("totalsegmentator_v2").items():
        table[number] = label
    organs = sitk.GetImageFromArray(table[array(original)])
    organs.CopyInformation(ct)
    present = [t for t in TYPES if t != "esophageal_cancer"]  # the scan ends below it
    for seed, type_ in enumerate(present):
        rng = np.random.default_rng(seed)
        case = apply(ct, organs, plan(ct, organs, LesionSpec(type_), rng))
        mask = array(case.lesion_mask) > 0
        assert organ_table(type_)[array(case.organs)[mask]].all()
        assert case.truth.voxels == mask.sum() > 0


def test_every_structure_that_can_hold_a_lesion_has_a_textbook_density() -> None:
    for organ in catalog().organs:
        for host in hosts_of(organ):
            assert FALLBACK_TISSUE.get(host.key, host.key) in catalog().normal_hu
