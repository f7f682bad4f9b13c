"""Training: classes, painted scans, patches, loss, and runs that resume."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from painted_scans import write_scans
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.model import load_model
from PASTALib.network import UNet
from PASTALib.progress import CancelToken, silent
from PASTATrain.augment import Deformation, mirror
from PASTATrain.cases import Case, load_cases, save_case
from PASTATrain.classes import CLASSES, IGNORE, MIRRORED, STRUCTURES, channel_table
from PASTATrain.config import TrainingConfig, read_config
from PASTATrain.export import export_checkpoint
from PASTATrain.losses import SegmentationLoss
from PASTATrain.painting import other_phase, paint
from PASTATrain.parts import pack, unpack
from PASTATrain.patches import PatchMaker, cube
from PASTATrain.pseudo_labels import fill_unknown, filled
from PASTATrain.states import CHECKPOINT, LOG
from PASTATrain.stored import stored_cases
from PASTATrain.training import (
    fresh_state,
    learning_rate,
    train,
    window_of,
)
from training_cases import SMALL, liver_and_lungs, write_cases


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return write_cases(tmp_path)


def test_lobes_and_single_vertebrae_become_the_channel_of_their_parent() -> None:
    table = channel_table()
    for part, parent in (("lung_upper_lobe_left", "lung_left"), ("vertebra_L3", "vertebrae")):
        assert CLASSES[table[catalog().label(part)]] == parent
    assert table[IGNORE] == IGNORE
    assert table[0] == 0


def test_every_lesion_type_has_a_channel_of_its_own() -> None:
    channels = {int(channel_table()[t.label]) for t in catalog().lesion_types.values()}
    assert len(channels) == 15
    assert 0 not in channels


def test_mirroring_twice_gives_the_patch_back_and_once_swaps_the_sides() -> None:
    right, left = MIRRORED[0]
    channels = np.zeros((2, 2, 4), np.uint8)
    channels[..., 0] = right
    image = np.arange(16.0).reshape(2, 2, 4)
    once = mirror(image, channels)
    assert (once[1][..., 3] == left).all()
    twice = mirror(*once)
    assert (twice[0] == image).all()
    assert (twice[1] == channels).all()


def test_a_painted_liver_has_the_attenuation_of_the_phase() -> None:
    labels = liver_and_lungs()
    for phase in ("non_contrast", "portal_venous"):
        hu = paint(labels, 3.0, phase, np.random.default_rng(3))
        expected = catalog().normal_hu["liver"][phase]
        inside = np.median(hu[labels == catalog().label("liver")])
        assert abs(inside - expected.mean) < 4 * expected.sd


def test_changing_the_phase_leaves_everything_without_a_label_as_scanned() -> None:
    labels = liver_and_lungs()
    hu = paint(labels, 3.0, "non_contrast", np.random.default_rng(0))
    after = other_phase(hu, labels, "non_contrast", "portal_venous", np.random.default_rng(1))
    liver = labels == catalog().label("liver")
    assert np.median(after[liver]) > np.median(hu[liver]) + 20
    far = np.zeros(labels.shape, bool)
    far[:, :4] = True
    assert (after[far] == hu[far]).all()


def test_a_cube_that_leaves_the_scan_is_filled_with_what_lies_outside() -> None:
    scan = np.arange(27).reshape(3, 3, 3)
    taken = cube(scan, np.array([0, 1, 2]), 4, -7)
    assert taken.shape == (4, 4, 4)
    assert taken[2, 1, 0] == scan[0, 0, 0]
    assert (taken[:2] == -7).all()
    assert (cube(scan, np.array([50, 0, 0]), 4, -7) == -7).all()


def test_deformation_keeps_labels_whole_numbers() -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[10:30, 10:30, 10:30] = 200
    deform = Deformation(32, seed=0)
    _, deformed = deform(labels.astype(np.float32), labels, np.random.default_rng(0))
    assert deformed.shape == (32, 32, 32)
    assert set(np.unique(deformed)) <= {0, 200}


def test_the_same_seed_draws_the_same_patches(cases: Path) -> None:
    def draw() -> list[np.ndarray]:
        maker = PatchMaker(load_cases(cases, "train"), SMALL, seed=5)
        rng = np.random.default_rng(5)
        return [maker(rng)["image"] for _ in range(3)]

    for first, second in zip(draw(), draw(), strict=True):
        assert np.array_equal(first, second)


def test_patches_with_lesions_hold_lesion_channels(cases: Path) -> None:
    config = replace(SMALL, lesion_share=1.0)
    maker = PatchMaker(load_cases(cases, "train"), config, seed=0)
    rng = np.random.default_rng(0)
    seen = set[int]()
    for _ in range(12):
        seen |= set(np.unique(maker(rng)["label"]).tolist())
    lesions = {CLASSES[channel] for channel in seen if channel != IGNORE} & set(
        catalog().lesion_types
    )
    assert lesions
    assert lesions <= {"liver_tumor", "liver_cyst", "lung_tumor"}


def test_test_cases_never_reach_training(cases: Path) -> None:
    assert {case.name for case in load_cases(cases, "train")} == {"scan", "map"}
    assert {case.name for case in load_cases(cases, "test")} == {"kept"}


def test_an_empty_case_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(PastaError, match="prepare"):
        load_cases(tmp_path, "train")


def test_unknown_voxels_may_be_any_structure_but_no_lesion() -> None:
    torch.manual_seed(0)
    logits = [torch.randn(1, len(CLASSES), 8, 8, 8)]
    channels = torch.randint(0, 5, (1, 8, 8, 8)).to(torch.uint8)
    channels[:, :4] = IGNORE
    logits[0][:, :, :4] = -20.0
    liver, spleen = logits[0].clone(), logits[0].clone()
    liver[:, CLASSES.index("liver"), :4] = 20.0
    spleen[:, CLASSES.index("spleen"), :4] = 20.0
    loss = SegmentationLoss()
    assert torch.allclose(loss([liver], channels, 20.0), loss([spleen], channels, 20.0))
    tumor = logits[0].clone()
    tumor[:, CLASSES.index("liver_tumor"), :4] = 20.0
    assert loss([tumor], channels, 20.0) > loss([liver], channels, 20.0) + 1


def test_the_loss_of_a_sure_and_right_answer_is_near_zero() -> None:
    channels = torch.randint(0, 4, (1, 8, 8, 8)).to(torch.uint8)
    right = 30.0 * torch.nn.functional.one_hot(channels.long(), len(CLASSES)).movedim(-1, 1)
    assert SegmentationLoss()([right], channels, 20.0) < 0.01
    assert SegmentationLoss()([right.roll(1, 1)], channels, 20.0) > 1.0


def test_the_learning_rate_rises_stays_level_and_falls_to_a_hundredth() -> None:
    config = TrainingConfig(steps=1000, coarse_steps=400, warm_up=100, learning_rate=1.0)
    rates = [learning_rate(step, config) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[100:400] == pytest.approx([1.0] * 300)
    assert rates[-1] == pytest.approx(0.01, abs=0.001)
    assert all(later <= earlier for earlier, later in pairwise(rates[400:]))


def test_a_run_that_was_stopped_goes_on_where_it_ended(cases: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    half = replace(SMALL, steps=2)
    assert train(cases, run, half, "cpu", silent, CancelToken()) == 2
    assert train(cases, run, SMALL, "cpu", silent, CancelToken()) == 4
    with (run / LOG).open(newline="") as stream:
        steps = [int(row["step"]) for row in csv.DictReader(stream)]
    assert steps == [1, 2, 3, 4]


def test_a_cancelled_run_keeps_its_checkpoint(cases: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    done = train(cases, tmp_path / "run", SMALL, "cpu", lambda fraction, _: cancel.cancel(), cancel)
    assert done == 1
    assert (tmp_path / "run" / "checkpoint.pt").is_file()


def test_an_exported_run_loads_as_a_model(cases: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(cases, run, SMALL, "cpu", silent, CancelToken())
    info = export_checkpoint(run, SMALL, tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert model.info == info
    assert model.info.training["steps"] == 4
    image = torch.zeros(1, 1, 16, 16, 16)
    assert model.network(image).shape == (1, len(CLASSES), 16, 16, 16)


def test_exporting_without_a_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PastaError, match="pasta-train run"):
        export_checkpoint(tmp_path, SMALL, tmp_path / "model")


def test_an_unknown_key_in_the_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("batchsize: 4\n", encoding="utf-8")
    with pytest.raises(PastaError, match="batchsize"):
        read_config(path)


def test_self_training_labels_only_what_was_unknown_and_never_as_a_lesion(
    cases: Path, tmp_path: Path
) -> None:
    labels = liver_and_lungs()
    labels[:20] = IGNORE
    hu = paint(liver_and_lungs(), 3.0, "non_contrast", np.random.default_rng(0))
    case = Case("part", "partial", hu, labels, 3.0, "non_contrast", "train")
    probability = np.zeros((len(STRUCTURES) + 1, *labels.shape), np.float32)
    probability[CLASSES.index("liver"), :10] = 0.95
    probability[CLASSES.index("spleen"), 10:] = 0.6
    changed = filled(case, probability).labels
    assert (changed[:10] == catalog().label("liver")).all()
    assert (changed[10:20] == IGNORE).all()
    assert (changed[20:] == labels[20:]).all()

    run = tmp_path / "run"
    save_case(cases, case)
    train(cases, run, SMALL, "cpu", silent, CancelToken())
    assert fill_unknown(cases, run, SMALL, silent) == 1
    after = next(c for c in load_cases(cases, "train") if c.name == "part").labels
    assert (after[20:] == labels[20:]).all()
    structures = {catalog().label(key) for key in STRUCTURES}
    assert set(np.unique(after[:20]).tolist()) <= structures | {0, IGNORE}


def test_a_packed_checkpoint_goes_on_where_it_ended(cases: Path, tmp_path: Path) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    train(cases, run, replace(SMALL, steps=2), "cpu", silent, CancelToken())
    paths = pack(run, SMALL, tmp_path / "parts", limit=10_000)
    assert len(paths) > 1
    assert all(path.stat().st_size < 20_000 for path in paths)
    assert unpack(tmp_path / "parts", SMALL, again) == 2
    before, after = (fresh_state(SMALL, "cpu") for _ in range(2))
    before.resume(run / CHECKPOINT, "cpu")
    after.resume(again / CHECKPOINT, "cpu")
    for mine, theirs in zip(before.network.parameters(), after.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    for mine, theirs in zip(before.average.parameters(), after.average.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-3)
    assert train(cases, again, SMALL, "cpu", silent, CancelToken()) == SMALL.steps


def test_a_missing_part_is_told(cases: Path, tmp_path: Path) -> None:
    train(cases, tmp_path / "run", replace(SMALL, steps=1), "cpu", silent, CancelToken())
    pack(tmp_path / "run", SMALL, tmp_path / "parts", limit=10_000)[0].unlink()
    with pytest.raises(PastaError, match="not a whole checkpoint"):
        unpack(tmp_path / "parts", SMALL, tmp_path / "again")


def test_a_window_is_decoded_as_in_the_whole_patch_but_for_its_normalization() -> None:
    torch.manual_seed(0)
    network = UNet((4, 8), len(CLASSES)).eval()
    image = torch.randn(1, 1, 16, 16, 16)
    window = (slice(4, 12), slice(8, 16), slice(0, 8))
    for stage in network.decoder:
        for block in stage:
            block[1] = torch.nn.Identity()
    whole, parts = network.scales(image), network.scales(image, 0, window)
    assert parts[0].shape == (1, len(CLASSES), 8, 8, 8)
    assert torch.allclose(parts[0][..., 3:5, 3:, :5], whole[0][..., 7:9, 11:, :5], atol=1e-5)
    right = torch.randint(0, 5, (1, 16, 16, 16)).to(torch.uint8)
    assert torch.isfinite(SegmentationLoss()(parts, right, 2.0, 0, window))


def test_windows_lie_in_the_patch_and_half_of_them_around_a_lesion() -> None:
    config = replace(SMALL, coarse_steps=2, window_steps=5)
    channels = torch.zeros(1, 32, 32, 32, dtype=torch.uint8)
    channels[0, 3, 30, 16] = CLASSES.index("liver_tumor")
    assert window_of(1, channels, config) is None
    assert window_of(5, channels, config) is None
    torch.manual_seed(0)
    around = 0
    for _ in range(40):
        window = window_of(3, channels, config)
        assert window is not None
        places = zip(window, (3, 30, 16), strict=True)
        around += all(axis.start <= place < axis.stop for axis, place in places)
        for axis in window:
            assert axis.start >= 0
            assert axis.stop <= 32
            assert axis.stop - axis.start == 16
            assert axis.start % 2 == 0
    assert 20 <= around < 40


def test_patches_of_stored_scans_hold_their_own_lesions_and_no_others(tmp_path: Path) -> None:
    labels = liver_and_lungs()
    labels[10:13, 18:21, 12:15] = catalog().label("liver_cyst")
    hu = paint(liver_and_lungs(), 3.0, "non_contrast", np.random.default_rng(0))
    case = Case("stored", "stored", hu, labels, 3.0, "unknown", "train")
    config = replace(SMALL, kinds={"stored": 1.0}, lesion_share=1.0)
    maker = PatchMaker([case], config, seed=0)
    rng = np.random.default_rng(0)
    seen = [set(np.unique(maker(rng)["label"]).tolist()) for _ in range(8)]
    lesions = set(map(CLASSES.index, catalog().lesion_types))
    assert set().union(*seen) & lesions == {CLASSES.index("liver_cyst")}
    assert sum(CLASSES.index("liver_cyst") in labels for labels in seen) >= 5


def test_a_set_in_the_layout_of_pasta_gen_is_trained_with(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "Liver" / "Cyst" / "7"
    folder.mkdir(parents=True)
    total = np.zeros((60, 60, 60), np.uint8)
    total[10:40, 10:40, 10:40] = 5  # TotalSegmentator v1: liver
    label = (total > 0).astype(np.uint8)
    label[20:32, 20:32, 20:32] = 2
    img = np.where(label == 2, 5, np.where(label == 1, 60, -80)).astype(np.int16)
    for name, array in (("img", img), ("total", total), ("label", label)):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / f"{name}.nii.gz"))
    (folder / "type.json").write_text('{"5": {"Shape": "Round-like"}}', encoding="utf-8")
    (case,) = stored_cases(tmp_path / "set", 3.0)
    assert (case.name, case.kind) == ("stored-Liver-Cyst-7", "stored")
    cyst = case.labels == catalog().label("liver_cyst")
    assert cyst.sum() * 27 == pytest.approx(12**3, rel=0.3)
    assert np.median(case.hu[cyst]) < 30
    save_case(tmp_path / "cases", case)
    config = replace(SMALL, kinds={"stored": 1.0}, steps=1)
    run = tmp_path / "run"
    assert train(tmp_path / "cases", run, config, "cpu", silent, CancelToken()) == 1
    with pytest.raises(PastaError, match="No case is of the kinds of the configuration"):
        train(tmp_path / "cases", tmp_path / "other", SMALL, "cpu", silent, CancelToken())
    with pytest.raises(PastaError, match="neither a manifest nor a folder"):
        next(stored_cases(tmp_path / "cases", 3.0))


def test_a_manifest_with_some_organs_leaves_the_rest_of_the_body_unknown(tmp_path: Path) -> None:
    path = write_scans(tmp_path, 2, splits=("train",))
    data = json.loads(path.read_text(encoding="utf-8"))
    data["labels"] = {str(catalog().label("liver")): "liver"}
    path.write_text(json.dumps(data), encoding="utf-8")
    first, second = stored_cases(path, 5.0)
    assert first.name == "stored-scan00"
    found = {int(label) for label in np.unique(second.labels)}
    assert found == {0, catalog().label("liver"), IGNORE}
