"""The lesion engine: noise, mass effect, features, places asked for, and what is checked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from generator_phantom import phantom
from hypothesis import given, settings
from hypothesis import strategies as st

from PASTAGenLib.apply import apply, apply_in, insert
from PASTAGenLib.boxes import slices
from PASTAGenLib.case import Trial
from PASTAGenLib.features.registry import as_row, from_row
from PASTAGenLib.habits import FEATURES
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.noise import autocorrelation, drawn_noise, even_blocks, sd_of_even
from PASTAGenLib.plan import plan_in
from PASTAGenLib.scene import Scene
from PASTAGenLib.shape import Blob
from PASTAGenLib.sites.couinaud import segments
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.tensors import flags, gaussian, on
from PASTAGenLib.verify import disagreements
from PASTAGenLib.warp import WIDTH_PER_PUSH, MassEffect, Shift, displacement, moved
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.measure import longest_diameter
from PASTALib.region import Region

CT, ORGANS = phantom()
SCENE = Scene.of(CT, ORGANS)
NO_PUSH = MassEffect(0.0, 1.0)
EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def draw(spec: LesionSpec, seed: int = 0) -> InsertionPlan:
    return plan_in(SCENE, spec, np.random.default_rng(seed))


def center_of(drawn: InsertionPlan) -> np.ndarray:
    mask = apply_in(SCENE, drawn).mask
    start = np.array([low for low, _ in drawn.box])
    return SCENE.geometry.points_of_zyx(np.argwhere(mask).mean(axis=0) + start)


@given(
    radius=st.floats(4, 14),
    push=st.floats(0.5, 6),
    wider=st.floats(1.0, 2.0),
    waves=st.integers(0, 3),
)
@settings(max_examples=20, deadline=None)
def test_mass_effect_never_folds_tissue_over_itself(
    radius: float, push: float, wider: float, waves: int
) -> None:
    push = min(push, 0.5 * radius)
    geometry = Geometry.isotropic((48, 48, 48), 1.0)
    bumps = tuple((0.0, 2.0 + k, 1.0, 0.3 * k, 0.08) for k in range(waves))
    blob = Blob((24.0, 24.0, 24.0), (radius, radius, 0.9 * radius), EYE, bumps)
    index = np.stack(np.meshgrid(*(np.arange(48.0),) * 3, indexing="ij"), axis=-1)
    away, normal = blob.distance(on(geometry.points_of_zyx(index) - 24, "cpu"))
    effect = MassEffect(push, WIDTH_PER_PUSH * push * wider)
    still = away * 0
    steps = displacement(effect, away, normal, still, geometry).numpy()
    outside = away.numpy() >= 1.0  # inside the lesion replaces what is moved
    assert np.abs(steps).max() <= push + 1e-4
    assert not steps[away.numpy() > effect.width_mm].any()
    source = index + steps
    jacobian = np.stack([np.gradient(source[..., k], axis=(0, 1, 2)) for k in range(3)])
    determinant = np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))
    inner = (slice(2, -2),) * 3
    assert determinant[inner][outside[inner]].min() > 0


def test_mass_effect_moves_the_organs_with_the_picture() -> None:
    drawn = draw(LesionSpec("kidney_cyst", protrudes=False, long_axis_mm=22, features=()), 1)
    pushed = replace(drawn, mass_effect=MassEffect(4.0, 10.0))
    before, after = SCENE.organs[slices(drawn.box)], apply_in(SCENE, pushed).organs
    label = catalog().label("kidney_left")
    assert np.count_nonzero(after == label) > np.count_nonzero(before == label)
    assert np.array_equal(apply_in(SCENE, replace(drawn, mass_effect=NO_PUSH)).organs, before)


def test_moving_by_nothing_changes_nothing() -> None:
    field = on(np.random.default_rng(0).normal(size=(6, 7, 8)), "cpu")
    everywhere = field.new_ones(field.shape).bool()
    still = Shift(everywhere, field.new_zeros((field.numel(), 3)))
    assert np.allclose(moved(field, still), field, atol=1e-5)
    assert moved(field, Shift.of(everywhere, still.steps)).equal(field)


@pytest.mark.parametrize("seed", range(3))
def test_a_lesion_without_contrast_leaves_the_noise_of_the_scan_as_it_is(seed: int) -> None:
    spec = LesionSpec("liver_tumor", long_axis_mm=24, hu=110, protrudes=False, features=())
    drawn = replace(draw(spec, seed), mass_effect=NO_PUSH, keeps=0.0)
    box = slices(drawn.box)
    mean = float(SCENE.hu[box][apply_in(SCENE, drawn).mask].mean())
    hidden = replace(drawn, density=replace(drawn.density, mean_hu=mean, texture_sd=0.0))
    inserted = apply_in(SCENE, hidden)
    change = (inserted.hu - SCENE.hu[box])[inserted.mask]
    assert change.std() < 0.25 * SCENE.noise_hu
    assert inserted.hu[inserted.mask].std() == pytest.approx(SCENE.noise_hu, rel=0.2)


def test_drawn_noise_has_the_spectrum_of_the_scan() -> None:
    white = on(np.random.default_rng(1).normal(size=(16, 64, 64)), "cpu")
    scan = (100 + 30 * gaussian(white, (0.0, 0.9, 0.5))).numpy().astype(np.int16)
    blocks = even_blocks(scan, np.ones(scan.shape, bool))
    assert blocks is not None
    rng = np.random.default_rng(2)
    drawn = drawn_noise((16, 64, 64), autocorrelation(blocks), rng, "cpu").numpy()
    for axis in range(3):
        pairs = [np.moveaxis(field - field.mean(), axis, 0) for field in (scan, drawn)]
        seen, made = (np.mean(p[1:] * p[:-1]) / p.var() for p in pairs)
        assert made == pytest.approx(seen, abs=0.1)


@pytest.mark.parametrize("axis", [1, 2])
def test_streaks_count_as_the_noise_that_they_are_whichever_way_they_run(axis: int) -> None:
    white = on(np.random.default_rng(1).normal(size=(8, 96, 96)), "cpu")
    sigma = [0.0, 0.6, 0.6]
    sigma[axis] = 3.0
    streaks = gaussian(white, sigma)
    scan = (100 + 12 * streaks / streaks.std()).numpy().round().astype(np.int16)
    even = np.ones(256, bool)
    found = sd_of_even(scan, np.ones(scan.shape, np.uint8), even, 1)
    assert found == pytest.approx(12, rel=0.1)
    assert sd_of_even(scan, np.ones(scan.shape, np.uint8), ~even, 1) is None


@pytest.mark.parametrize(
    ("position", "axis", "sign"), [("supine", 1, 1), ("prone", 1, -1), ("left_lateral", 0, 1)]
)
def test_gallstones_lie_where_gravity_puts_them(position: str, axis: int, sign: int) -> None:
    index = np.argwhere(SCENE.organs == catalog().label("gallbladder"))
    middle = SCENE.geometry.points_of_zyx(index.mean(axis=0))
    spec = LesionSpec("gallstone", long_axis_mm=6, position=position)  # type: ignore[arg-type]
    for seed in range(3):
        assert sign * (center_of(draw(spec, seed)) - middle)[axis] > 0


@pytest.mark.parametrize(
    ("type_", "hint", "axis", "sign"),
    [
        ("liver_cyst", "upper", 2, 1),
        ("liver_cyst", "lower", 2, -1),
        ("pancreas_cyst", "tail", 0, 1),
        ("liver_tumor", "anterior", 1, -1),
    ],
)
def test_a_part_of_the_organ_can_be_asked_for(type_: str, hint: str, axis: int, sign: int) -> None:
    labels = catalog().organ_labels(catalog().lesion_types[type_].organ)
    index = np.argwhere(np.isin(SCENE.organs, labels))
    middle = SCENE.geometry.points_of_zyx(index.mean(axis=0))
    spec = LesionSpec(type_, location=hint, long_axis_mm=12, protrudes=False)
    assert sign * (center_of(draw(spec)) - middle)[axis] > 0


@pytest.mark.parametrize(
    ("type_", "hint", "axis", "sign"),
    [
        ("bladder_cancer", "anterior wall", 1, -1),
        ("bladder_cancer", "posterior wall", 1, 1),
        ("gastric_cancer", "upper part", 2, 1),
    ],
)
def test_a_side_of_a_wall_can_be_asked_for(type_: str, hint: str, axis: int, sign: int) -> None:
    labels = catalog().organ_labels(catalog().lesion_types[type_].organ)
    middle = SCENE.geometry.points_of_zyx(np.argwhere(np.isin(SCENE.organs, labels)).mean(axis=0))
    spec = LesionSpec(type_, location=hint, shape="Wall thickening", long_axis_mm=18)
    for seed in range(3):
        assert sign * (center_of(draw(spec, seed)) - middle)[axis] > 0


def with_vena_cava() -> Scene:
    """The phantom with the landmarks of the liver's segments where they are in a patient."""
    organs = SCENE.organs.copy()
    organs[organs == catalog().label("gallbladder")] = 0
    index = np.stack(np.indices(organs.shape), axis=-1)
    x, y, z = np.moveaxis(2.5 * index[..., ::-1], -1, 0)  # mm from the corner, as the phantom
    organs[(x - 50) ** 2 + (y - 86) ** 2 < 8**2] = catalog().label("inferior_vena_cava")
    ball = (x - 46) ** 2 + (y - 26) ** 2 + (z - 50) ** 2 < 7**2
    organs[ball] = catalog().label("gallbladder")
    return Scene(SCENE.hu, organs, SCENE.geometry)


@pytest.mark.parametrize(
    ("segment", "signs"),
    [(7, (1, 1)), (6, (1, -1)), (8, (-1, 1)), (5, (-1, -1))],
)
def test_a_segment_of_the_liver_lies_where_couinaud_put_it(
    segment: int, signs: tuple[int, int]
) -> None:
    scene = with_vena_cava()
    index = np.argwhere(scene.organs == catalog().label("liver"))
    liver = scene.geometry.points_of_zyx(index)
    number = segments(scene, liver)
    assert set(number) <= set(range(1, 9))
    right = liver[np.isin(number, (5, 6, 7, 8))].mean(axis=0)
    own = liver[number == segment].mean(axis=0)
    assert own[0] < liver[np.isin(number, (2, 3))].mean(axis=0)[0]
    assert signs[0] * (own - right)[1] > 0
    assert signs[1] * (own - right)[2] > 0
    spec = LesionSpec("liver_cyst", location=f"segment_{segment}", long_axis_mm=8)
    drawn = plan_in(scene, spec, np.random.default_rng(0))
    assert segments(scene, np.array([drawn.blob.center]))[0] == segment


def test_segments_without_their_landmarks_or_in_another_organ_are_refused() -> None:
    with pytest.raises(PastaError, match="inferior vena cava"):
        draw(LesionSpec("liver_cyst", location="segment_4"))
    with pytest.raises(PastaError, match="a part of the liver, not of the pancreas"):
        LesionSpec("pancreas_cyst", location="segment_4")


def test_the_grain_of_the_texture_can_be_asked_for() -> None:
    for grain in (2.0, 6.0):
        spec = LesionSpec("liver_tumor", heterogeneity="Heterogeneous", grain_mm=grain)
        assert draw(spec).grain_mm == grain
    with pytest.raises(PastaError, match="grain_mm must lie between 1 and 10 mm"):
        LesionSpec("liver_tumor", grain_mm=40)


def test_a_volume_can_be_asked_for_instead_of_a_long_axis() -> None:
    drawn = draw(LesionSpec("liver_cyst", volume_mm3=6000, protrudes=False))
    volume = apply_in(SCENE, drawn).mask.sum() * SCENE.geometry.voxel_mm3
    assert volume == pytest.approx(6000, rel=0.35)


@pytest.mark.parametrize("close", [True, False])
def test_a_close_relationship_can_be_asked_for(close: bool) -> None:
    apart, near = catalog().attributes["invasion"].values
    spec = LesionSpec("liver_tumor", invasion=near if close else apart, long_axis_mm=20)
    assert insert(CT, ORGANS, replace(spec, seed=1)).truth.attributes["invasion"] == spec.invasion


def test_a_ring_narrows_the_lumen_and_leaves_it_open() -> None:
    drawn = draw(LesionSpec("colorectal_cancer", shape="luminal narrowing", long_axis_mm=40))
    assert drawn.form == "annular"
    inserted, box = apply_in(SCENE, drawn), slices(drawn.box)
    level = int(np.bincount(np.argwhere(inserted.mask)[:, 0]).argmax())
    host = SCENE.organs[box][level] == catalog().label("colorectum")
    gas_before = (SCENE.hu[box][level][host] < -500).sum()
    assert 0 < (inserted.hu[level][host] < -500).sum() < gas_before


@pytest.mark.parametrize("type_", ["colorectal_cancer", "gastric_cancer", "esophageal_cancer"])
def test_a_protrusion_into_the_lumen_does_not_reach_out_of_the_organ(type_: str) -> None:
    organ = catalog().organ_labels(catalog().lesion_types[type_].organ)
    for seed in range(3):
        drawn = draw(LesionSpec(type_, shape="protrusion into the lumen"), seed)
        inserted = apply_in(SCENE, drawn)
        own = np.isin(SCENE.organs[slices(drawn.box)], organ)
        assert drawn.form == "polyp"
        assert np.mean(own[inserted.mask]) > 0.97


def test_a_ring_that_is_asked_for_shorter_than_its_tube_is_wide_is_refused_with_what_fits() -> None:
    with pytest.raises(PastaError, match="mm or more"):
        draw(LesionSpec("colorectal_cancer", shape="luminal narrowing", long_axis_mm=28))


@pytest.mark.parametrize(
    ("type_", "shape", "size"),
    [
        ("colorectal_cancer", "luminal narrowing", 42.0),
        ("gastric_cancer", "Wall thickening", 30.0),
        ("bladder_cancer", "Wall thickening", 32.0),
    ],
)
def test_the_longest_diameter_of_a_wall_thickening_is_the_one_that_was_asked_for(
    type_: str, shape: str, size: float
) -> None:
    drawn = draw(LesionSpec(type_, shape=shape, long_axis_mm=size), 2)
    region = Region.of(apply_in(SCENE, drawn).mask, SCENE.geometry)
    assert region is not None
    assert longest_diameter(region).length_mm == pytest.approx(size, abs=max(0.1 * size, 2.5))


def test_moving_even_tissue_aside_leaves_its_noise_in_place() -> None:
    spec = LesionSpec("liver_tumor", long_axis_mm=16, hu=110, protrudes=False, features=())
    drawn = replace(draw(spec, 3), mass_effect=MassEffect(4.0, 10.0), keeps=0.0)
    inserted, before = apply_in(SCENE, drawn), SCENE.hu[slices(drawn.box)]
    around = (SCENE.organs[slices(drawn.box)] == catalog().label("liver")) & (inserted.share == 0)
    assert np.mean(np.abs(inserted.hu - before)[around] <= 1) > 0.9


@pytest.mark.parametrize(
    ("type_", "feature"),
    [(t, f) for t, features in FEATURES.items() for f in features if f != "bile duct dilation"],
)
def test_every_feature_that_is_asked_for_is_painted_and_survives_json(
    type_: str, feature: str
) -> None:
    # Upstream of a lesion in the head of the phantom's small pancreas there is gland enough.
    place = "head" if feature == "duct dilation" else None
    drawn = draw(LesionSpec(type_, features=(feature,), location=place), 4)
    assert feature in drawn.feature_names
    assert tuple(from_row(as_row(f)) for f in drawn.features) == drawn.features
    plain = replace(drawn, features=())
    assert not np.array_equal(apply_in(SCENE, drawn).hu, apply_in(SCENE, plain).hu)


def test_features_that_are_not_asked_for_are_not_drawn() -> None:
    for seed in range(6):
        assert draw(LesionSpec("kidney_tumor", features=()), seed).features == ()


def test_a_homogeneous_lesion_with_necrosis_is_refused() -> None:
    with pytest.raises(PastaError, match="not homogeneous"):
        LesionSpec("liver_tumor", heterogeneity="Homogeneous", features=("necrosis",))


def test_a_ct_that_is_not_in_hu_is_refused() -> None:
    with pytest.raises(PastaError, match="not HU"):
        insert(ORGANS == 1, ORGANS, LesionSpec("liver_cyst"))


def test_size_and_volume_together_are_refused() -> None:
    with pytest.raises(PastaError, match="either long_axis_mm or volume_mm3"):
        LesionSpec("liver_tumor", long_axis_mm=20, volume_mm3=1000)


@pytest.mark.parametrize("type_", ["liver_cyst", "kidney_tumor", "bladder_cancer"])
def test_an_inserted_lesion_is_measured_as_it_was_meant(type_: str) -> None:
    case = insert(CT, ORGANS, LesionSpec(type_, seed=2))
    assert case.truth.attributes == case.truth.measured
    assert all(count > 0 for _, count in case.rejected)


def test_a_picture_that_is_not_what_was_planned_is_found_out() -> None:
    drawn = draw(LesionSpec("liver_cyst", long_axis_mm=24, protrudes=False, features=()))
    wrong = replace(drawn, density=replace(drawn.density, density="Hyperdense"))
    truth = Trial(SCENE, ORGANS).measured(wrong, apply_in(SCENE, wrong))
    assert "density" in disagreements(truth, LesionSpec("liver_cyst"))


def test_several_lesions_are_asked_for_by_their_number() -> None:
    from PASTAGenLib.apply import insert_many

    cases = insert_many(CT, ORGANS, [LesionSpec("liver_cyst", number=3, long_axis_mm=14, seed=5)])
    assert len({case.truth.center for case in cases}) == 3
    with pytest.raises(PastaError, match="use insert_many"):
        insert(CT, ORGANS, LesionSpec("liver_cyst", number=3))


@pytest.mark.gpu
def test_cpu_and_gpu_paint_the_same_picture() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    drawn = draw(LesionSpec("liver_tumor"))
    one, other = (apply(CT, ORGANS, drawn, device=device) for device in ("cpu", "cuda"))
    assert one.truth.voxels == pytest.approx(other.truth.voxels, rel=0.01)
    assert abs(one.truth.mean_hu - other.truth.mean_hu) < 0.5


def test_flags_of_a_read_only_mask_can_be_made() -> None:
    mask = np.zeros(3, bool)
    mask.flags.writeable = False
    assert not flags(mask, "cpu").any()


def test_a_lesion_leaves_its_organ_with_another_median_and_the_others_with_theirs() -> None:
    hu = np.zeros((8, 16, 32), np.int16)
    organs, lesion = np.zeros(hu.shape, np.uint8), np.zeros(hu.shape, np.uint8)
    organs[:, :8], hu[:, :8] = catalog().label("liver"), 110
    organs[:, 8:] = catalog().label("kidney_left")
    hu[:, 8:, :12], hu[:, 8:, 12:] = 100, 200
    before = Scene(hu, organs, Geometry.isotropic(hu.shape, 2.0)).around
    lesion[:, 8:, 12:] = 1
    kidney = (catalog().label("kidney_left"),)
    after = before.after(hu, organs, lesion, "arterial", kidney)
    medians = [found.tissue("kidney_left") for found in (before, after)]
    assert [m and m.median for m in medians] == [200, 100]
    assert after.tissue("liver") is before.tissue("liver")


def test_a_margin_that_so_few_voxels_cannot_show_is_refused_with_the_size_that_can() -> None:
    with pytest.raises(PastaError, match=r"too few voxels .* surface 'Ill-defined margin'; ask"):
        draw(LesionSpec("kidney_cyst", long_axis_mm=8, surface="Ill-defined margin"))
    assert draw(LesionSpec("kidney_cyst", long_axis_mm=8, surface="Well-defined margin"))
    assert draw(LesionSpec("liver_cyst", long_axis_mm=26, surface="Ill-defined margin"))


def test_a_lesion_that_is_all_partial_volume_is_declared_with_its_types_usual_margin() -> None:
    for seed in range(3):
        drawn = draw(LesionSpec("bone_metastasis", long_axis_mm=7), seed)
        truth = Trial(SCENE, ORGANS).measured(drawn, apply_in(SCENE, drawn))
        assert truth.attributes["surface"] == truth.measured["surface"] == "Ill-defined margin"
