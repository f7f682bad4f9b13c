"""The sample torso: its anatomy, HU, geometry and repeatability."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.torso import Torso, TorsoSpec, build_torso, sample_torso
from PASTAGenLib.torso.__main__ import main
from PASTALib.catalog import PHASES, catalog
from PASTALib.errors import PastaError

COARSE = (4.0, 4.0, 4.0)
STRUCTURES = [
    "liver", "gallbladder", "pancreas", "spleen", "kidney_right", "kidney_left",
    "adrenal_gland_right", "adrenal_gland_left", "stomach", "duodenum", "small_bowel",
    "colorectum", "urinary_bladder", "esophagus", "lung_right", "lung_left", "trachea", "heart",
    "aorta", "inferior_vena_cava", "portal_vein", "vertebrae", "sacrum", "ribs", "sternum",
    "hip_bone", "limb_bones", "back_muscle",
]  # fmt: skip


def arrays(torso: Torso) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    return sitk.GetArrayFromImage(torso.image), sitk.GetArrayFromImage(torso.organs)


def center(torso: Torso, key: str) -> NDArray[np.float64]:
    """Mean LPS point of a structure."""
    _, organs = arrays(torso)
    index = np.argwhere(organs == catalog().label(key)).mean(axis=0)[::-1]
    return np.array(torso.organs.TransformContinuousIndexToPhysicalPoint(index.tolist()))


def median(torso: Torso, key: str) -> float:
    image, organs = arrays(torso)
    return float(np.median(image[organs == catalog().label(key)]))


@pytest.fixture(scope="module")
def by_phase() -> dict[str, Torso]:
    """The same man without contrast, in the arterial and in the portal venous phase."""
    spec = TorsoSpec(seed=5, sex="male", spacing=COARSE)
    return {phase: build_torso(replace(spec, phase=phase)) for phase in PHASES}


@pytest.fixture(scope="module")
def torso(by_phase: dict[str, Torso]) -> Torso:
    return by_phase["portal_venous"]


def test_full_torso_holds_every_structure(torso: Torso) -> None:
    _, organs = arrays(torso)
    missing = [k for k in (*STRUCTURES, "prostate") if not (organs == catalog().label(k)).any()]
    assert missing == []


def test_labels_are_structures_of_the_catalog(torso: Torso) -> None:
    _, organs = arrays(torso)
    known = {s.label for s in catalog().structures.values()}
    assert set(np.unique(organs).tolist()) - {0} <= known


def test_labels_lie_on_the_grid_of_the_image(torso: Torso) -> None:
    image, organs = torso.image, torso.organs
    assert image.GetPixelID() == sitk.sitkInt16
    assert organs.GetPixelID() == sitk.sitkUInt8
    assert image.GetSize() == organs.GetSize()
    assert image.GetOrigin() == organs.GetOrigin()
    assert image.GetSpacing() == organs.GetSpacing() == COARSE
    assert image.GetDirection() == organs.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)


def test_organs_lie_on_their_side(torso: Torso) -> None:
    right = ("liver", "gallbladder", "kidney_right", "lung_right", "inferior_vena_cava")
    left = ("spleen", "stomach", "kidney_left", "lung_left", "adrenal_gland_left")
    assert all(center(torso, key)[0] < 0 for key in right)
    assert all(center(torso, key)[0] > 0 for key in left)
    assert center(torso, "aorta")[0] > center(torso, "inferior_vena_cava")[0]


def test_organs_lie_at_their_level(torso: Torso) -> None:
    heights = ["prostate", "urinary_bladder", "sacrum", "small_bowel", "liver", "heart", "trachea"]
    levels = [center(torso, key)[2] for key in heights]
    assert levels == sorted(levels)
    # Kidneys reach from T12 to L3; the body's origin is L3, T12 is 98 mm above it.
    assert all(0 < center(torso, f"kidney_{side}")[2] < 98 for side in ("right", "left"))


def test_organs_lie_in_front_of_or_behind_each_other(torso: Torso) -> None:
    depth = {key: center(torso, key)[1] for key in STRUCTURES}
    assert depth["sternum"] < depth["heart"] < depth["esophagus"] < depth["back_muscle"]
    assert depth["pancreas"] < depth["kidney_left"] < depth["back_muscle"]
    assert depth["gallbladder"] < depth["inferior_vena_cava"] < depth["vertebrae"]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("key", "tissue", "tolerance"),
    [("liver", "liver", 8), ("spleen", "spleen", 15), ("aorta", "blood", 15),
     ("lung_left", "lung", 40), ("back_muscle", "muscle", 15)],
)  # fmt: skip
def test_organ_hu_follow_the_catalog(
    by_phase: dict[str, Torso], phase: str, key: str, tissue: str, tolerance: float
) -> None:
    value = catalog().normal_hu[tissue][phase]
    # A person lies within 1.5 standard deviations of the table.
    assert abs(median(by_phase[phase], key) - value.mean) <= 1.5 * value.sd + tolerance


def test_contrast_arrives_where_the_phase_says(by_phase: dict[str, Torso]) -> None:
    plain, arterial, portal = (by_phase[phase] for phase in PHASES)
    assert median(arterial, "aorta") > median(portal, "aorta") > median(plain, "aorta") + 50
    assert median(portal, "liver") > median(arterial, "liver") > median(plain, "liver")


def test_phase_changes_hu_but_not_anatomy(by_phase: dict[str, Torso]) -> None:
    plain, arterial, portal = (arrays(by_phase[phase])[1] for phase in PHASES)
    assert np.array_equal(plain, arterial)
    assert np.array_equal(plain, portal)


def test_same_spec_gives_the_same_bytes(torso: Torso) -> None:
    again = build_torso(torso.spec)
    for first, second in zip(arrays(torso), arrays(again), strict=True):
        assert np.array_equal(first, second)


def test_two_seeds_differ_in_anatomy_and_image() -> None:
    spec = TorsoSpec(spacing=(6, 6, 6), field_of_view="abdomen", habitus=0.4)
    one, two = (arrays(build_torso(replace(spec, seed=seed))) for seed in (1, 2))
    rows, columns = (min(a, b) for a, b in zip(one[1].shape[1:], two[1].shape[1:], strict=True))
    same = (one[1][:, :rows, :columns] == two[1][:, :rows, :columns]).mean()
    assert same < 0.9


@pytest.mark.parametrize(
    ("view", "seen", "not_seen"),
    [
        ("chest", ("heart", "trachea"), ("urinary_bladder", "hip_bone")),
        ("abdomen", ("liver", "kidney_left"), ("trachea", "urinary_bladder")),
        ("pelvis", ("urinary_bladder", "hip_bone"), ("liver", "heart")),
    ],
)
def test_field_of_view_shows_its_region_only(
    view: str, seen: tuple[str, ...], not_seen: tuple[str, ...]
) -> None:
    _, organs = arrays(build_torso(TorsoSpec(seed=2, spacing=(5, 5, 5), field_of_view=view)))
    assert all((organs == catalog().label(key)).any() for key in seen)
    assert not any((organs == catalog().label(key)).any() for key in not_seen)


def test_spacing_may_differ_along_each_axis() -> None:
    spec = TorsoSpec(spacing=(2.0, 2.5, 7.5), field_of_view=(20, 80))
    built = build_torso(spec)
    assert built.image.GetSpacing() == (2.0, 2.5, 7.5)
    assert built.image.GetSize()[2] == 8


def test_anatomy_does_not_depend_on_the_spacing() -> None:
    spec = TorsoSpec(seed=4, field_of_view="abdomen", spacing=(3, 3, 3))
    fine, coarse = build_torso(spec), build_torso(replace(spec, spacing=(4, 4, 6)))
    resampled = sitk.Resample(
        fine.organs, coarse.organs, sitk.Transform(), sitk.sitkNearestNeighbor
    )
    liver = catalog().label("liver")
    a, b = sitk.GetArrayFromImage(resampled) == liver, arrays(coarse)[1] == liver
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.95


def test_table_and_arms_follow_the_spec() -> None:
    spec = TorsoSpec(spacing=(6, 6, 6), field_of_view="abdomen_pelvis")
    with_table, without = (build_torso(replace(spec, table=table)) for table in (True, False))
    last_rows = slice(-8, None)
    assert arrays(with_table)[0][:, last_rows].max() > -750
    assert arrays(without)[0][:, last_rows].max() < -850
    down = build_torso(replace(spec, arms_up=False))
    arms = catalog().label("limb_bones")
    assert (arrays(down)[1] == arms).sum() > (arrays(with_table)[1] == arms).sum()


def test_women_have_no_prostate() -> None:
    built = build_torso(TorsoSpec(sex="female", spacing=(4, 4, 4), field_of_view="pelvis"))
    assert not (arrays(built)[1] == catalog().label("prostate")).any()


def test_noise_has_the_requested_strength() -> None:
    spec = TorsoSpec(seed=3, spacing=(1.5, 1.5, 3), field_of_view=(90, 100), noise_sd=20)
    noisy, quiet = (arrays(build_torso(replace(spec, noise_sd=sd))) for sd in (20, 0.01))
    liver = noisy[1] == catalog().label("liver")
    noise = (noisy[0].astype(float) - quiet[0])[liver]
    assert 13 < noise.std() < 24
    assert abs(noise.mean()) < 2


def test_every_sampled_torso_is_complete() -> None:
    rng = np.random.default_rng(11)
    for _ in range(2):
        _, organs = arrays(build_torso(sample_torso(rng, spacing=COARSE, field_of_view="torso")))
        assert [k for k in STRUCTURES if not (organs == catalog().label(k)).any()] == []


def test_pinning_one_field_leaves_the_others_as_drawn() -> None:
    free = sample_torso(np.random.default_rng(7))
    pinned = sample_torso(np.random.default_rng(7), phase="arterial", spacing=(2, 2, 2))
    assert pinned == replace(free, phase="arterial", spacing=(2, 2, 2))


@pytest.mark.parametrize(
    "wrong",
    [{"phase": "venous"}, {"field_of_view": "leg"}, {"spacing": (0, 1, 1)}, {"sex": "x"},
     {"field_of_view": (50, 10)}, {"habitus": 2}],
)  # fmt: skip
def test_impossible_specs_are_refused_with_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(PastaError, match=r"\.$"):
        TorsoSpec(**wrong)  # type: ignore[arg-type]


def test_command_writes_ct_and_organs(tmp_path: Path) -> None:
    arguments = ["-o", str(tmp_path), "--seed", "3", "--spacing", "8", "--phase", "arterial"]
    assert main(arguments) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ct.nii.gz", "organs.nii.gz"]
    ct = sitk.ReadImage(tmp_path / "ct.nii.gz")
    assert ct.GetSpacing() == pytest.approx((8, 8, 8))
