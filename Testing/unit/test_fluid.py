"""Cyst or tumor by attenuation: when it speaks, and that readers have the last word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from PASTAGenLib.apply import insert
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.ct import CT, Estimate, Segmentation
from PASTALib.drafting import draft_report
from PASTALib.fluid import let_fluid_decide
from PASTALib.lesions import find_lesions
from PASTALib.organ_input import read_organs
from PASTALib.reading import read_ct
from PASTALib.study import Outline, Study

SHAPE = (50, 100, 100)
ORGANS = {"liver": (25, 30, 110), "kidney_left": (25, 75, 170)}
NOISE_HU = 10.0


def ball(z: int, x: int, radius: float) -> np.ndarray:
    k, j, i = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    return (k - z) ** 2 + (j - 50) ** 2 + (i - x) ** 2 <= radius**2


def scene(
    found: str, mean: float, sd: float = 0.0, phase: str = "portal_venous"
) -> tuple[CT, Segmentation]:
    """A liver and a kidney; in one of them a ball of a content, that a model called `found`."""
    rng = np.random.default_rng(3)
    hu, organs = np.full(SHAPE, -100.0), np.zeros(SHAPE, np.uint8)
    for key, (z, x, value) in ORGANS.items():
        inside = ball(z, x, 20)
        organs[inside], hu[inside] = catalog().label(key), value
    z, x, _ = ORGANS["liver" if found.startswith("liver") else "kidney_left"]
    inside = ball(z, x, 8)
    hu[inside] = mean + rng.normal(0, sd, int(inside.sum())) if sd else mean
    hu += rng.normal(0, NOISE_HU, SHAPE)
    lesions = np.where(inside, catalog().label(found), 0).astype(np.uint8)
    arrays = hu.round().astype(np.int16), organs, lesions, (inside * 220).astype(np.uint8)
    image, *maps = (sitk.GetImageFromArray(array) for array in arrays)
    return CT(image, "scene", phase=Estimate(phase, 1.0, "test")), Segmentation(*maps)


def types_of(segmentation: Segmentation) -> set[int]:
    return set(np.unique(sitk.GetArrayViewFromImage(segmentation.lesions)).tolist()) - {0}


@pytest.mark.parametrize(
    ("found", "mean", "sd", "phase", "expected"),
    [
        ("liver_tumor", 8, 0, "portal_venous", "liver_cyst"),
        ("kidney_tumor", 8, 0, "portal_venous", "kidney_cyst"),
        ("kidney_tumor", 8, 0, "non_contrast", "kidney_cyst"),
        ("liver_cyst", 70, 0, "arterial", "liver_tumor"),
        ("kidney_cyst", 110, 30, "portal_venous", "kidney_tumor"),
    ],
)
def test_content_that_leaves_no_doubt_decides(found, mean, sd, phase, expected) -> None:
    decided = let_fluid_decide(*scene(found, mean, sd, phase))
    assert types_of(decided) == {catalog().label(expected)}
    (lesion,) = find_lesions(scene(found, mean, sd, phase)[0], decided)
    assert lesion.type == expected
    assert lesion.type_confidence == 1.0


@pytest.mark.parametrize(
    ("found", "mean", "sd", "phase"),
    [
        ("liver_tumor", 8, 0, "non_contrast"),
        ("liver_cyst", 45, 0, "non_contrast"),
        ("liver_tumor", 8, 0, "unknown"),
        ("kidney_cyst", 85, 0, "portal_venous"),  # may be a cyst with blood
        ("kidney_cyst", 45, 20, "non_contrast"),
        ("liver_tumor", 10, 30, "portal_venous"),  # dead tissue within a tumor is uneven
        ("liver_tumor", -40, 0, "portal_venous"),  # fat
    ],
)
def test_what_may_be_either_stays_as_it_was_found(found, mean, sd, phase) -> None:
    ct, before = scene(found, mean, sd, phase)
    ct = replace(ct, phase=Estimate(phase, 1.0 if phase != "unknown" else 0.0, "test"))
    if phase == "unknown":  # and organs that do not tell it either
        before = replace(before, organs=before.organs * 0)
    assert types_of(let_fluid_decide(ct, before)) == {catalog().label(found)}


@settings(max_examples=15, deadline=None)
@given(mean=st.floats(-60, 160), organ=st.sampled_from(["liver", "kidney"]))
def test_the_answer_does_not_hang_on_what_was_said_before(mean: float, organ: str) -> None:
    """Where the content decides, tumor and cyst end alike; where it does not, neither changes."""
    ends = [types_of(let_fluid_decide(*scene(f"{organ}_{k}", mean))) for k in ("tumor", "cyst")]
    kept = [{catalog().label(f"{organ}_{kind}")} for kind in ("tumor", "cyst")]
    assert ends[0] == ends[1] or ends == kept


def test_the_phase_is_determined_only_where_it_is_needed_and_then_kept() -> None:
    ct, segmentation = scene("liver_tumor", 8)
    assert let_fluid_decide(ct, segmentation).phase is not None
    label = catalog().label("lung_tumor")
    other = replace(segmentation, lesions=(segmentation.lesions != 0) * label)
    assert let_fluid_decide(ct, other) is other


def test_a_reader_who_calls_fluid_a_tumor_is_not_overruled() -> None:
    ct, segmentation = scene("liver_tumor", 8)
    decided = let_fluid_decide(ct, segmentation)
    lesions = find_lesions(ct, decided)
    study, report = Study(ct, decided.organs, lesions), draft_report(ct, decided, lesions)
    assert [finding.type for finding in report.findings] == ["liver_cyst"]
    measured = study.measure(report, [Outline("L1", "liver_tumor")])
    assert [finding.type for finding in measured.findings] == ["liver_tumor"]
    assert types_of(study.segmentation()) == {catalog().label("liver_tumor")}


@pytest.mark.parametrize("found", ["liver_tumor", "liver_cyst"])
def test_a_cyst_inserted_into_a_real_liver_is_told_by_its_fluid(
    found: str, shared_data: Callable[[str], Path]
) -> None:
    folder = "totalsegmentator"
    ct = read_ct(shared_data(f"{folder}/example_ct_dicom"))
    organs = read_organs(shared_data(f"{folder}/example_seg_dicom.nii.gz"), ct.image).labels
    spec = LesionSpec(type="liver_cyst", hu=8.0, long_axis_mm=25.0, phase="portal_venous")
    case = insert(ct.image, organs, spec, np.random.default_rng(2))
    mask = sitk.Cast(case.lesion_mask > 0, sitk.sitkUInt8)
    decided = let_fluid_decide(
        replace(ct, image=case.ct), Segmentation(organs, mask * catalog().label(found), mask * 220)
    )
    assert types_of(decided) == {catalog().label("liver_cyst")}
