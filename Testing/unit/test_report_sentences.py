"""What the report says in words: findings, impression, organs seen, negatives, limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.ct import CT, Estimate, Segmentation
from PASTALib.drafting import draft_report
from PASTALib.impression import describe, in_place, place, plural, qualified, volume_text
from PASTALib.lesions import find_lesions
from PASTALib.organs_seen import organs_seen
from PASTALib.report import Report
from report_case import LESIONS, MODEL, a_case, a_lesion


@pytest.fixture(scope="module")
def case() -> tuple[CT, Segmentation]:
    return a_case()


@pytest.fixture(scope="module")
def report(case) -> Report:
    return draft_report(*case, find_lesions(*case), MODEL)


def without(organs: sitk.Image, *keys: str) -> sitk.Image:
    """The organ map without some structures."""
    array = sitk.GetArrayFromImage(organs)
    array[np.isin(array, [catalog().label(key) for key in keys])] = 0
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(organs)
    return image


def status_of(organs: sitk.Image) -> dict[str, str]:
    return {o.structure or o.organ: o.status for o in organs_seen(organs)}


def test_every_organ_has_a_status_and_paired_ones_have_two(case):
    status = status_of(case[1].organs)
    assert status["liver"] == "complete"
    assert status["kidney_left"] == status["kidney_right"] == "complete"
    assert status["lung_left"] == "incomplete"  # cut by the top of the scan
    assert status["bone"] == "incomplete"
    assert status["bladder"] == "outside"
    assert len(status) == 12


def test_a_gallbladder_that_lacks_beside_a_whole_liver_is_not_identified(case):
    assert status_of(case[1].organs)["gallbladder"] == "not_identified"
    assert status_of(without(case[1].organs, "liver"))["gallbladder"] == "outside"


def test_a_missing_kidney_beside_a_whole_one_is_not_identified(case):
    organs = without(case[1].organs, "kidney_right")
    assert status_of(organs)["kidney_right"] == "not_identified"


def test_a_few_stray_voxels_are_no_organ(case):
    array = sitk.GetArrayFromImage(case[1].organs)
    array[40, 30, 40:44] = catalog().label("urinary_bladder")
    organs = sitk.GetImageFromArray(array)
    organs.CopyInformation(case[1].organs)
    assert status_of(organs)["bladder"] == "outside"


def test_negatives_are_said_only_of_what_is_seen(report):
    text = " ".join(report.negatives)
    assert "No lesion found in the right kidney." in text
    assert "The urinary bladder is not in the scan and was not assessed." in text
    assert "No lesion found in the part of the lungs that the scan shows." in text
    assert "No lesion found in the bones that the scan shows." in text
    assert "The gallbladder was not identified although" in text
    assert "No lesion found in the liver" not in text
    assert "left kidney" not in text


def test_negatives_name_what_the_model_does_not_look_for(case):
    info = replace(MODEL, classes=("background", "kidney_tumor", "kidney_cyst"))
    draft = draft_report(*a_case(lesions={}), (), info)
    text = " ".join(draft.negatives)
    assert "The liver was not assessed: the model does not look for lesions there." in text
    assert "in the kidneys (the model does not look for kidney stone)." in text
    assert "liver" not in draft.impression[0]


def test_the_impression_begins_with_malignant_types(report):
    assert report.impression[0].startswith("Suspected liver tumor, ")
    assert report.impression[0].endswith("(L1).")
    assert report.impression[1].startswith(
        "Probable kidney cyst in the middle third of the left kidney, "
    )
    assert report.impression[2] == (
        "No lesion found in: both lungs, right kidney, bones, as far as the scan shows it."
    )
    assert report.impression[-1].startswith("Not assessed: ")


def test_several_lesions_of_a_type_share_a_sentence():
    lesions = dict(LESIONS)
    ct, segmentation = a_case(lesions=lesions)
    array = sitk.GetArrayFromImage(segmentation.lesions)
    array[40:43, 26:29, 24:27] = catalog().label("liver_tumor")
    array[30:33, 26:29, 24:27] = catalog().label("liver_tumor")
    painted = sitk.GetImageFromArray(array)
    painted.CopyInformation(ct.image)
    case = Segmentation(segmentation.organs, painted, segmentation.probability)
    found = find_lesions(ct, case)
    first = draft_report(ct, case, found, MODEL).impression[0]
    number = sum(lesion.type == "liver_tumor" for lesion in found)
    assert number > 1
    assert first.startswith(f"{number} suspected liver tumors (L1, L2")
    assert "the largest, L1, 3" in first


@pytest.mark.parametrize(
    ("malignant", "confidence", "words"),
    [
        (True, 0.95, "Suspected x"),
        (True, 0.6, "Possible x"),
        (True, 0.3, "Questionable x"),
        (False, 0.95, "X"),
        (False, 0.6, "Probable x"),
        (False, 0.3, "Questionable x"),
    ],
)
def test_words_follow_the_confidence(malignant, confidence, words):
    assert qualified("x", malignant, confidence) == words


@pytest.mark.parametrize(
    ("organ", "side", "part", "words"),
    [
        ("lung", "right", "upper lobe", " in the right upper lobe"),
        ("kidney", "left", "lower third", " in the lower third of the left kidney"),
        ("kidney", "left", None, " in the left kidney"),
        ("bone", None, "vertebra L3", " in vertebra L3"),
        ("bone", "left", "rib", " in a left rib"),
        ("bone", None, "sacrum", " in the sacrum"),
        ("liver", None, None, ""),
    ],
)
def test_places_read_as_a_radiologist_writes_them(organ, side, part, words):
    assert in_place(organ, side, part) == words


def test_a_place_without_parts_is_the_organ():
    assert place("colorectum", None, None) == "colon and rectum"


def test_plurals():
    assert plural("bone metastasis") == "bone metastases"
    assert plural("gallstone") == "gallstones"


@pytest.mark.parametrize(
    ("volume", "text"),
    [(0.0123, "0.012 ml"), (0.35, "0.35 ml"), (9.87, "9.9 ml"), (123.4, "123 ml")],
)
def test_volumes_are_printed_with_two_digits(volume, text):
    assert volume_text(volume) == text


def test_a_finding_in_words_holds_size_density_and_margin():
    sentence = describe(a_lesion("kidney_tumor", 34.4, 28.2, side="left", hu=(50, 60, 70)))
    assert sentence == (
        "Suspected kidney tumor in the left kidney, 34 × 28 mm in the axial plane, 21 ml: "
        "round-like, hypodense (60 HU), homogeneous, well-defined margin."
    )


def test_a_finding_tells_that_it_is_cut_and_of_uncertain_type():
    lesion = replace(a_lesion("liver_tumor", 30, cut=True), type_confidence=0.5)
    assert "Cut by the edge of the scan" in describe(lesion)
    assert "type is uncertain (50%)" in describe(lesion)


def test_a_scan_without_contrast_says_what_it_can_miss(case):
    ct = replace(case[0], phase=Estimate("non_contrast", 0.9, "painted"))
    draft = draft_report(ct, case[1], (), MODEL)
    assert any("Without contrast" in sentence for sentence in draft.limitations)


def test_thick_slices_and_a_coarse_network_are_told(report):
    assert any(s.startswith("Slices of 4 mm") for s in report.limitations)
    assert any("voxels of 3 mm" in s for s in report.limitations)


def test_the_reference_tissue_has_the_name_of_the_catalogue(report):
    assert report.finding("L2").density.reference == "left kidney"
