"""Lesions while training: MONAI's and nnU-Net's transforms draw the same way and keep geometry."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from generator_phantom import phantom, tilted
from monai.data import MetaTensor
from monai.transforms import Compose

from PASTAGenLib.apply import apply
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.transforms.monai_insertion import InsertLesiond, geometry_of
from PASTAGenLib.transforms.nnunet_insertion import InsertLesion
from PASTAGenLib.transforms.patch_lesions import PatchLesions, label_lookup
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.straighten import affine_of

TYPES = ("liver_cyst", "kidney_tumor", "pancreas_cyst")
SPACING = (2.5, 2.0, 3.0)
MEAN, SD = 60.0, 150.0
NNUNET_LABELS = {
    "background": 0, "liver": 1, "kidney": 2, "pancreas": 3, "aorta": 4,
    "liver_cyst": 5, "kidney_tumor": 6, "pancreas_cyst": 7,
}  # fmt: skip


def monai_item(direction: np.ndarray | None = None) -> dict:
    """As `LoadImaged` and `EnsureChannelFirstd` give it: ``(1, x, y, z)`` with an RAS affine."""
    ct, organs = phantom(SPACING, direction)
    affine = np.diag([-1.0, -1, 1, 1]) @ affine_of(ct)
    tensors = [
        MetaTensor(
            torch.from_numpy(sitk.GetArrayFromImage(i).transpose(2, 1, 0)[None].copy()), affine
        )
        for i in (ct, organs)
    ]
    return {"image": tensors[0].float(), "organs": tensors[1]}


def transform(**options) -> InsertLesiond:
    settings = {"prob": 1.0, "types": TYPES, "phase": "portal_venous", **options}
    return InsertLesiond(**settings).set_random_state(4)


def nnunet_patch() -> dict:
    ct, organs = phantom(SPACING)
    labels = sitk.GetArrayFromImage(organs)
    seg = np.zeros(labels.shape, np.int16)
    for name, number in NNUNET_LABELS.items():
        if name in catalog().organs:
            seg[np.isin(labels, catalog().organ_labels(name))] = number
    seg[labels == catalog().label("aorta")] = NNUNET_LABELS["aorta"]
    seg[:2] = -1
    image = (sitk.GetArrayFromImage(ct).astype(np.float32) - MEAN) / SD
    return {"image": torch.from_numpy(image[None]), "segmentation": torch.from_numpy(seg[None])}


def nnunet_transform(**options) -> InsertLesion:
    settings = {"prob": 1.0, "clip": (-1000.0, 400.0), "phase": "portal_venous", **options}
    return InsertLesion(NNUNET_LABELS, SPACING[::-1], MEAN, SD, **settings)


@pytest.mark.parametrize("direction", [None, tilted(), np.diag([-1.0, -1, 1])])
def test_the_geometry_is_that_of_the_scan(direction):
    ct, _ = phantom(SPACING, direction)
    found, wanted = geometry_of(monai_item(direction)["image"]), Geometry.of(ct)
    assert found.size == wanted.size
    for name in ("spacing", "origin", "direction"):
        assert np.allclose(getattr(found, name), getattr(wanted, name), atol=1e-6)


def test_monai_gets_a_lesion_in_its_organ_and_nothing_else_changes():
    before, after = monai_item(), transform()(monai_item())
    lesion = after["lesion"][0].numpy() > 0
    assert lesion.any()
    (plan,) = [InsertionPlan.from_json(text) for text in after["lesion_plans"]]
    assert set(np.unique(after["lesion"])) == {0, catalog().label(plan.type)}
    organ = catalog().organ_labels(catalog().lesion_types[plan.type].organ)
    assert np.isin(after["organs"][0].numpy()[lesion], organ).all()
    changed = (after["image"] != before["image"])[0].numpy()
    box = np.zeros(changed.shape, bool)
    (z0, z1), (y0, y1), (x0, x1) = plan.box
    box[x0:x1, y0:y1, z0:z1] = True
    assert changed[lesion].mean() > 0.9
    assert not changed[~box].any()


@pytest.mark.parametrize("direction", [None, tilted()])
def test_the_plan_makes_the_same_lesion_in_the_scan(direction):
    after = transform()(monai_item(direction))
    ct, organs = phantom(SPACING, direction)
    case = apply(ct, organs, InsertionPlan.from_json(after["lesion_plans"][0]))
    hu = after["image"][0].numpy().transpose(2, 1, 0)
    mask = after["lesion"][0].numpy().transpose(2, 1, 0)
    assert np.array_equal(mask, sitk.GetArrayFromImage(case.lesion_mask))
    # The geometry went through an affine and back, so that rounding may differ in a voxel or two.
    assert np.mean(hu != sitk.GetArrayFromImage(case.ct)) < 1e-4


def test_image_and_labels_keep_type_affine_and_the_item_that_was_handed_in():
    before = monai_item()
    kept = before["image"].clone()
    after = transform()(before)
    assert torch.equal(before["image"], kept)
    assert set(before) == {"image", "organs"}
    for key in ("image", "organs"):
        assert isinstance(after[key], MetaTensor)
        assert after[key].dtype == before[key].dtype
        assert torch.equal(after[key].affine, before[key].affine)
    assert after["lesion"].shape == before["organs"].shape


def test_the_same_random_state_gives_the_same_lesion_and_another_gives_another():
    first, again = transform()(monai_item()), transform()(monai_item())
    other = transform().set_random_state(5)(monai_item())
    assert torch.equal(first["image"], again["image"])
    assert first["lesion_plans"] == again["lesion_plans"] != other["lesion_plans"]


def test_a_pipeline_hands_its_random_state_on():
    def once() -> list[str]:
        pipeline = Compose([InsertLesiond(prob=1.0, types=TYPES)]).set_random_state(8)
        return pipeline(monai_item())["lesion_plans"] + pipeline(monai_item())["lesion_plans"]

    assert once() == once()
    assert len(set(once())) == 2


def test_without_luck_nothing_is_inserted():
    after = transform(prob=0.0)(monai_item())
    assert torch.equal(after["image"], monai_item()["image"])
    assert after["lesion_plans"] == []
    assert not after["lesion"].any()


def test_the_training_label_takes_the_lesion_with_its_number():
    item = monai_item()
    item["label"] = (item["organs"] > 0).to(torch.uint8)
    numbers = {kind: 7 for kind in TYPES}
    after = transform(label_key="label", label_numbers=numbers)(item)
    assert torch.equal(after["label"] == 7, after["lesion"] > 0)


def test_organs_in_another_numbering_are_understood_and_kept():
    item = monai_item()
    table = catalog().label_table("totalsegmentator_v2")
    back = np.zeros(256, np.uint8)
    for number, label in sorted(table.items(), reverse=True):
        back[label] = number
    theirs = torch.from_numpy(back[item["organs"].numpy()])
    item["organs"] = MetaTensor(theirs, item["image"].affine)
    after = transform(organ_table="totalsegmentator_v2")(item)
    assert after["lesion"].any()
    organ = after["organs"][0].numpy()[after["lesion"][0].numpy() > 0]
    assert set(np.unique(organ)) <= set(table)


def test_a_patch_without_the_organ_stays_as_it_is():
    item = monai_item()
    item["organs"] = item["organs"] * 0
    after = transform()(item)
    assert after["lesion_plans"] == []


def test_numpy_arrays_and_plain_tensors_are_taken_too():
    item = {key: value.numpy() for key, value in monai_item().items()}
    after = transform()(item)
    assert isinstance(after["image"], np.ndarray)
    assert after["lesion"].any()
    plain = {key: torch.from_numpy(value) for key, value in item.items()}
    assert torch.equal(transform()(plain)["image"], torch.from_numpy(after["image"]))


def test_a_sheared_affine_is_refused():
    item = monai_item()
    item["image"].affine[0, 1] += 1.0
    with pytest.raises(PastaError, match="before transforms that shear"):
        transform()(item)


def test_what_is_no_ct_with_organs_is_refused():
    item = monai_item()
    with pytest.raises(PastaError, match="finds no 'organs'"):
        transform()({"image": item["image"]})
    with pytest.raises(PastaError, match="differ in shape"):
        transform()({**item, "organs": item["organs"][..., 1:]})
    with pytest.raises(PastaError, match=r"shape \(1, x, y, z\)"):
        transform()({**item, "image": item["image"][0]})
    with pytest.raises(PastaError, match="label_numbers"):
        InsertLesiond(label_key="label")


def test_nnunet_gets_lesions_in_image_and_segmentation():
    np.random.seed(3)  # noqa: NPY002
    before, after = nnunet_patch(), nnunet_transform()(**nnunet_patch())
    seg = after["segmentation"][0].numpy()
    numbers = {NNUNET_LABELS[kind] for kind in TYPES}
    lesion = np.isin(seg, list(numbers))
    assert lesion.any()
    assert np.array_equal(seg[~lesion], before["segmentation"][0].numpy()[~lesion])
    changed = (after["image"] != before["image"])[0].numpy()
    assert changed[lesion].mean() > 0.9
    assert changed.mean() < 0.2
    hu = after["image"][0].numpy() * SD + MEAN
    assert hu[lesion].max() <= 400.1


def test_parameters_hold_all_that_is_random():
    np.random.seed(3)  # noqa: NPY002
    made, patch = nnunet_transform(), nnunet_patch()
    parameters = made.get_parameters(**patch)
    np.random.seed(99)  # noqa: NPY002
    first = made.apply(nnunet_patch(), **parameters)
    second = made.apply(nnunet_patch(), **parameters)
    assert torch.equal(first["image"], second["image"])
    np.random.seed(3)  # noqa: NPY002
    assert torch.equal(made(**nnunet_patch())["image"], first["image"])


def test_nnunets_plans_say_all_that_is_needed(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": NNUNET_LABELS}))
    facts = {"mean": MEAN, "std": SD, "percentile_00_5": -900.0, "percentile_99_5": 350.0}
    plans = {
        "configurations": {"3d_fullres": {"spacing": list(SPACING[::-1])}},
        "foreground_intensity_properties_per_channel": {"0": facts},
    }
    (tmp_path / "plans.json").write_text(json.dumps(plans))
    made = InsertLesion.from_plans(tmp_path / "dataset.json", tmp_path / "plans.json", prob=1.0)
    np.random.seed(3)  # noqa: NPY002
    patch = made(**nnunet_patch())
    assert (patch["segmentation"] >= 5).any()
    with pytest.raises(PastaError, match="3d_lowres"):
        InsertLesion.from_plans(tmp_path / "dataset.json", tmp_path / "plans.json", "3d_lowres")


def test_labels_without_a_lesion_or_an_organ_are_refused():
    with pytest.raises(PastaError, match="none of the lesion types"):
        InsertLesion({"background": 0, "liver": 1}, (1, 1, 1), 0, 1)
    with pytest.raises(PastaError, match="None of the organ names"):
        InsertLesion({"background": 0, "thing": 1, "liver_cyst": 2}, (1, 1, 1), 0, 1)


def test_a_transform_can_be_sent_to_a_worker_process():
    assert pickle.loads(pickle.dumps(nnunet_transform()))
    sent = pickle.loads(pickle.dumps(transform()))
    assert sent(monai_item())["lesion_plans"] == transform()(monai_item())["lesion_plans"]


def test_several_lesions_do_not_lie_on_top_of_each_other():
    ct, organs = phantom((2.0, 2.0, 2.0))
    hu, labels = sitk.GetArrayFromImage(ct), sitk.GetArrayFromImage(organs)
    draw = PatchLesions([LesionMix.of("liver_cyst", {"long_axis_mm": 12})], (3, 3), attempts=6)
    found = draw(hu, labels, Geometry.of(ct), np.random.default_rng(1), "portal_venous")
    assert len(found) == 3
    count = np.zeros(hu.shape, int)
    for lesion in found:
        count[lesion.where] += lesion.mask
    assert count.max() == 1


def test_weights_choose_the_types():
    ct, organs = phantom((3.0, 3.0, 3.0))
    hu, labels = sitk.GetArrayFromImage(ct), sitk.GetArrayFromImage(organs)
    draw = PatchLesions({"liver_cyst": 1, "kidney_cyst": 0})
    kinds = {
        lesion.plan.type
        for seed in range(6)
        for lesion in draw(hu, labels, Geometry.of(ct), np.random.default_rng(seed))
    }
    assert kinds == {"liver_cyst"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"types": ["wart"]}, "wart"),
        ({"types": {}}, "at least one"),
        ({"types": {"liver_cyst": 0}}, "above zero"),
        ({"count": (2, 1)}, "least and the most"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(PastaError, match=words):
        PatchLesions(**arguments)


def test_a_look_up_takes_tables_names_and_organs():
    assert label_lookup("amos")[6] == catalog().label("liver")
    own = label_lookup({1: "liver", 2: "kidney", 3: "Left lung"})
    assert own[1] == catalog().label("liver")
    assert own[2] in catalog().organ_labels("kidney")
    assert own[3] == catalog().label("lung_left")
    with pytest.raises(PastaError, match="1 to 255"):
        label_lookup({300: "liver"})
