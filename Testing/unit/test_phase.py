"""Contrast phase and body region from tags and from the densities of organs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import PHASES, catalog
from PASTALib.ct import UNKNOWN, Estimate
from PASTALib.organ_input import read_organs
from PASTALib.phase import (
    combined,
    estimate_phase,
    estimate_region,
    phase_from_tags,
    phase_of_medians,
    region_from_tags,
)
from PASTALib.reading import read_ct

TISSUE = {"aorta": "blood", "portal_vein": "vein", "kidney_left": "kidney", "liver": "liver",
          "spleen": "spleen", "pancreas": "pancreas"}  # fmt: skip


def torso(phase: str, only: tuple[str, ...] = tuple(TISSUE)) -> tuple[sitk.Image, sitk.Image]:
    """Blocks of organs with the reference HU of a phase, in noise, with a rim of fat."""
    rng = np.random.default_rng(11)
    hu = np.full((20, 40, 160), -100.0)
    labels = np.zeros(hu.shape, np.uint8)
    for number, key in enumerate(only):
        block = (slice(3, 17), slice(8, 32), slice(4 + 25 * number, 24 + 25 * number))
        labels[block] = catalog().label(key)
        inner = tuple(slice(s.start + 1, s.stop - 1) for s in block)
        hu[inner] = catalog().normal_hu[TISSUE[key]][phase].mean
    hu += rng.normal(0, 25, hu.shape)
    images = [sitk.GetImageFromArray(a) for a in (hu.astype(np.int16), labels)]
    for image in images:
        image.SetSpacing((2.0, 2.0, 3.0))
    return images[0], images[1]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("only", [tuple(TISSUE), ("aorta",), ("liver", "spleen", "kidney_left")])
def test_each_phase_is_known_from_its_reference_densities(
    phase: str, only: tuple[str, ...]
) -> None:
    found = estimate_phase(*torso(phase, only))
    assert found.value == phase
    assert found.confidence > 0.6
    assert "median HU" in found.source


def test_more_organs_that_agree_give_more_confidence() -> None:
    one = phase_of_medians({"liver": 105.0})
    many = phase_of_medians({"aorta": 155.0, "liver": 105.0, "spleen": 120.0, "kidney": 175.0})
    assert one.value == many.value == "portal_venous"
    assert one.confidence < many.confidence <= 0.95


def test_a_fatty_liver_alone_does_not_hide_a_non_contrast_scan() -> None:
    assert phase_of_medians({"aorta": 42.0, "liver": 5.0, "spleen": 46.0}).value == "non_contrast"


def test_an_aorta_between_two_phases_gives_low_confidence() -> None:
    assert phase_of_medians({"aorta": 215.0}).confidence < 0.7


def test_without_telling_organs_the_phase_is_unknown() -> None:
    image, labels = torso("arterial")
    assert estimate_phase(image, labels * 0) == UNKNOWN
    assert estimate_region(image, labels * 0) == UNKNOWN


@pytest.mark.parametrize(
    ("agent", "description", "phase"),
    [
        ("", "Abdomen nativ", "non_contrast"),
        ("", "CT abd W/O contrast", "non_contrast"),
        ("APPLIED", "Leber arteriell 1.5", "arterial"),
        ("Iopromid", "Abdomen portalvenoes", "portal_venous"),
        ("Iopromid", "Thorax", "portal_venous"),
        ("NONE", "Thorax", "non_contrast"),
    ],
)
def test_tags_give_hints_that_are_never_sure(agent: str, description: str, phase: str) -> None:
    hint = phase_from_tags({"0018|0010": agent}, description)
    assert hint is not None
    assert hint.value == phase
    assert hint.confidence <= 0.6


def test_tags_that_say_nothing_give_no_hint() -> None:
    assert phase_from_tags({}, "CT Body 3.0") is None
    assert region_from_tags({"0018|0015": "PARTIALBODY"}) is None


def test_what_the_user_gives_stays_and_a_contradiction_is_told() -> None:
    given = Estimate("arterial", 1.0, "given by the user")
    measured = Estimate("non_contrast", 0.95, "median HU: aorta 40")
    best, note = combined(given, measured)
    assert best == given
    assert note is not None
    assert "given by the user" in note


def test_a_sure_measurement_overrules_a_hint_and_agreement_strengthens_it() -> None:
    hint = Estimate("portal_venous", 0.35, "contrast agent tag")
    against = Estimate("non_contrast", 0.9, "median HU")
    best, note = combined(hint, against)
    assert best == against
    assert "non-contrast was used" in (note or "")
    best, note = combined(hint, Estimate("portal_venous", 0.8, "median HU"))
    assert (best.value, note) == ("portal_venous", None)
    assert best.confidence > 0.8
    assert combined(hint, UNKNOWN) == (hint, None)
    assert combined(UNKNOWN, against) == (against, None)


def test_real_scans_get_their_phase_and_region(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("totalsegmentator")
    ct = read_ct(folder / "example_ct.nii.gz")
    organs = read_organs(folder / "example_seg_total117.nii.gz", ct.image, "totalsegmentator_v2")
    phase = estimate_phase(ct.image, organs.labels)
    assert phase.value == "non_contrast"
    assert phase.confidence > 0.9
    assert estimate_region(ct.image, organs.labels).value == "abdomen, pelvis"

    ct = read_ct(folder / "example_ct_dicom")
    organs = read_organs(folder / "example_seg_dicom.nii.gz", ct.image, "totalsegmentator_v2")
    assert estimate_phase(ct.image, organs.labels).value == "portal_venous"

    ct = read_ct(folder / "cta_chest" / "ct.nii.gz")
    aorta = sitk.ReadImage(str(folder / "cta_chest" / "aorta.nii.gz")) > 0
    assert estimate_phase(ct.image, aorta * catalog().label("aorta")).value == "arterial"
