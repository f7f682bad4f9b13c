"""The demo: insert, find, compare, write. On a coarse torso, with a network that sees nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTAGenLib import demo
from PASTAGenLib.spec import LesionSpec
from PASTALib.analysis import Analysis
from PASTALib.ct import CT, Segmentation
from PASTALib.errors import PastaError
from PASTALib.lesions import find_lesions, instance_map
from PASTALib.model import Model, ModelInfo, Normalization, load_model, save_model
from PASTALib.progress import silent
from PASTALib.report import read_report


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A network whose last layer is zero: every class is as likely, so background wins."""
    import torch

    from PASTALib.network import UNet

    torch.manual_seed(0)
    classes = ("background", "liver", "liver_tumor")
    network = UNet((2, 2, 2, 2), len(classes))
    torch.nn.init.zeros_(network.heads[-1].weight)
    folder = tmp_path_factory.mktemp("untrained")
    info = ModelInfo(
        "untrained",
        "0",
        classes,
        6.0,
        (32, 32, 32),
        (2, 2, 2, 2),
        Normalization(-1000, 500, 0, 250),
    )
    save_model(folder, info, network)
    return load_model(folder)


@pytest.fixture(scope="module")
def sample() -> tuple[CT, sitk.Image]:
    original = demo.TORSO_SPACING
    demo.TORSO_SPACING = (4.0, 4.0, 5.0)
    try:
        return demo.sample_ct(3)
    finally:
        demo.TORSO_SPACING = original


def perfect(ct: CT, organs: sitk.Image, mask: sitk.Image, untrained: Model) -> Analysis:
    """The analysis of a model that finds exactly the inserted lesion."""
    probability = sitk.Cast(mask > 0, sitk.sitkUInt8) * 255
    segmentation = Segmentation(organs, mask, probability)
    lesions = find_lesions(ct, segmentation)
    instances = instance_map(ct.image, lesions)
    return Analysis(ct, segmentation, lesions, instances, None, untrained.info)  # type: ignore[arg-type]


def test_the_demo_leaves_images_segmentation_and_report(
    sample: tuple[CT, sitk.Image],
    untrained: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo, "sample_ct", lambda seed: sample)
    table = demo.run(None, LesionSpec("liver_cyst", seed=3), untrained, tmp_path, silent)
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {
        "ct_with_lesion.nii.gz",
        "inserted_lesion.nii.gz",
        "segmentation.nii.gz",
        "segmentation.seg.nrrd",
        "report.json",
        "report.html",
        "plan.json",
    }
    assert not [name for name in names if ".part-" in name]
    assert "missed" in table
    assert "in all" in table
    assert read_report(tmp_path / "report.json").synthetic
    assert "SYNTHETIC" in (tmp_path / "report.html").read_text(encoding="utf-8")
    changed = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "ct_with_lesion.nii.gz")))
    before = sitk.GetArrayViewFromImage(sample[0].image)
    assert 0 < np.count_nonzero(changed != before) < 0.05 * before.size
    assert json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["type"] == "liver_cyst"


def test_a_lesion_that_is_found_exactly_has_a_dice_of_one(
    sample: tuple[CT, sitk.Image], untrained: Model
) -> None:
    ct, case = demo.insert_one(*sample, LesionSpec("kidney_cyst", long_axis_mm=30, seed=1))
    analysis = perfect(ct, case.organs, case.lesion_mask, untrained)
    comparison = demo.compare(ct, case, analysis)
    assert comparison.dice == pytest.approx(1.0)
    assert comparison.found is not None
    assert comparison.found.type == "kidney_cyst"
    assert comparison.others == ()
    text = demo.summary(comparison, {"step": 1.0})
    assert "Dice 1.00" in text
    assert "right type" in text


def test_findings_elsewhere_are_listed_as_such(
    sample: tuple[CT, sitk.Image], untrained: Model
) -> None:
    ct, case = demo.insert_one(*sample, LesionSpec("liver_tumor", long_axis_mm=30, seed=2))
    elsewhere = demo.insert_one(*sample, LesionSpec("lung_tumor", long_axis_mm=25, seed=2))[1]
    analysis = perfect(ct, case.organs, elsewhere.lesion_mask, untrained)
    comparison = demo.compare(ct, case, analysis)
    assert comparison.found is None
    assert [lesion.type for lesion in comparison.others] == ["lung_tumor"]
    assert "missed" in demo.summary(comparison, {"step": 1.0})


def test_the_original_ct_is_not_changed(sample: tuple[CT, sitk.Image]) -> None:
    ct, organs = sample
    before = sitk.GetArrayFromImage(ct.image)
    changed, _ = demo.insert_one(
        replace(ct, synthetic=False), organs, LesionSpec("liver_tumor", seed=5)
    )
    assert changed.synthetic
    assert np.array_equal(before, sitk.GetArrayViewFromImage(ct.image))


def test_an_unknown_lesion_type_is_refused_with_the_ones_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert demo.main(["--type", "wart"]) == 1
    assert "liver_cyst" in capsys.readouterr().err


def test_a_ct_that_cannot_hold_the_lesion_is_told_so(sample: tuple[CT, sitk.Image]) -> None:
    ct, organs = sample
    nothing = sitk.Image(organs.GetSize(), sitk.sitkUInt8)
    nothing.CopyInformation(organs)
    with pytest.raises(PastaError, match="liver"):
        demo.insert_one(ct, nothing, LesionSpec("liver_tumor", seed=1))
