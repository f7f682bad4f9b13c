"""Size-based statements: the limits of each rule, and what the rules do not allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PASTALib.catalog import catalog
from PASTALib.lesions import Lesion
from PASTALib.report import Statement
from PASTALib.statements import (
    Setting,
    cut_by_edge,
    make_statements,
    mm,
    nodule_pattern,
    printed_mm,
    t_category,
)
from report_case import a_lesion, with_value

GROUND_GLASS = (-680, -620, -540)
MIXED = (-600, -350, -50)
DEPTH_BASED = (
    "gallbladder_cancer",
    "esophageal_cancer",
    "gastric_cancer",
    "colorectal_cancer",
    "bladder_cancer",
)


def statements(
    lesion: Lesion, *others: Lesion, slice_mm: float = 1.0, lungs_complete: bool = True
) -> dict[str, Statement]:
    made = make_statements(lesion, Setting(slice_mm, lungs_complete, (lesion, *others)))
    return {statement.rule: statement for statement in made}


@pytest.mark.parametrize(
    ("lesion_type", "length", "category"),
    [
        ("lung_tumor", 10, "T1a"),
        ("lung_tumor", 11, "T1b"),
        ("lung_tumor", 20.4, "T1b"),
        ("lung_tumor", 20.6, "T1c"),
        ("lung_tumor", 30, "T1c"),
        ("lung_tumor", 31, "T2a"),
        ("lung_tumor", 41, "T2b"),
        ("lung_tumor", 51, "T3"),
        ("lung_tumor", 70, "T3"),
        ("lung_tumor", 71, "T4"),
        ("kidney_tumor", 40, "T1a"),
        ("kidney_tumor", 41, "T1b"),
        ("kidney_tumor", 70, "T1b"),
        ("kidney_tumor", 71, "T2a"),
        ("kidney_tumor", 101, "T2b"),
        ("pancreas_tumor", 5, "T1a"),
        ("pancreas_tumor", 5.1, "T1b"),
        ("pancreas_tumor", 9.9, "T1b"),
        ("pancreas_tumor", 10, "T1c"),
        ("pancreas_tumor", 20, "T1c"),
        ("pancreas_tumor", 40, "T2"),
        ("pancreas_tumor", 41, "T3"),
    ],
)
def test_t_size_follows_the_eighth_edition(lesion_type, length, category):
    assert t_category(lesion_type, length) == category
    statement = statements(a_lesion(lesion_type, length))["t_size"]
    assert statement.category == category
    assert f"size criterion consistent with {category} (AJCC 8), not a stage" in statement.text
    assert statement.conditions


def test_a_longer_diameter_in_space_is_mentioned_where_it_changes_the_category():
    text = statements(a_lesion("kidney_tumor", 38, longest=44))["t_size"].text
    assert "consistent with T1a" in text
    assert "44 mm, would meet that of T1b" in text


@pytest.mark.parametrize("lesion_type", [*DEPTH_BASED, "bone_metastasis"])
def test_organs_staged_by_depth_get_no_t_size(lesion_type):
    assert "t_size" not in statements(a_lesion(lesion_type, 40))


@pytest.mark.parametrize(
    "lesion_type", [t.key for t in catalog().lesion_types.values() if not t.malignant]
)
def test_benign_types_get_no_t_size_and_are_no_targets(lesion_type):
    made = statements(a_lesion(lesion_type, 40))
    assert "t_size" not in made
    assert made["recist"].category == "not measurable"


@pytest.mark.parametrize(
    ("lengths", "category"),
    [((20,), "T1a"), ((21,), "T1b"), ((30, 12), "T2"), ((50, 12), "T2"), ((51, 12), "T3")],
)
def test_liver_size_counts_number_and_size(lengths, category):
    lesions = [a_lesion("liver_tumor", n, number=k) for k, n in enumerate(lengths, 1)]
    made = statements(*lesions)
    assert made["t_size"].category == category
    assert "not a stage" in made["t_size"].text


@pytest.mark.parametrize(
    ("length", "slice_mm", "category"),
    [
        (10, 5, "measurable"),
        (9.9, 5, "not measurable"),
        (15, 8, "not measurable"),
        (16, 8, "measurable"),
    ],
)
def test_recist_asks_for_ten_millimeters_or_two_slices(length, slice_mm, category):
    made = statements(a_lesion("liver_tumor", length), slice_mm=slice_mm)["recist"]
    assert made.category == category
    assert (f"{slice_mm:g} mm" in made.text) == (slice_mm > 5) or category == "not measurable"


def test_a_blastic_bone_lesion_is_not_measurable_and_a_lytic_one_needs_a_reader():
    blastic = a_lesion("bone_metastasis", 25, hu=(500, 650, 800))
    lytic = a_lesion("bone_metastasis", 25, hu=(40, 50, 70))
    assert statements(blastic)["recist"].category == "not measurable"
    assert statements(lytic)["recist"].category == "to be confirmed"
    assert "soft-tissue component" in statements(lytic)["recist"].text


@pytest.mark.parametrize(
    ("hu", "length", "pattern"),
    [
        ((20, 35, 50), 12, "solid"),
        (GROUND_GLASS, 12, "ground_glass"),
        (MIXED, 18, "mixed"),
        ((-500, -100, 20), 18, "mixed"),
        ((-500, -100, 20), 6, "solid"),  # partial volume of a small nodule
    ],
)
def test_nodules_are_solid_ground_glass_or_mixed_by_their_hu(hu, length, pattern):
    assert nodule_pattern(a_lesion("lung_tumor", length, hu=hu)) == pattern


@pytest.mark.parametrize("hu", [GROUND_GLASS, MIXED])
def test_a_subsolid_nodule_gets_no_t_category(hu):
    statement = statements(a_lesion("lung_tumor", 18, hu=hu))["t_size"]
    assert statement.category is None
    assert "solid part" in statement.text


@pytest.mark.parametrize(
    ("long", "short", "hu", "words"),
    [
        (5.5, 5.0, None, "below 6 mm: no routine follow-up, optional CT at 12 months"),
        (7.0, 5.0, None, "6 to 8 mm: the guideline gives CT at 6 to 12 months"),
        (9.0, 8.2, None, "above 8 mm: the guideline gives CT at 3 months, PET/CT"),
        (5.0, 5.0, GROUND_GLASS, "Ground-glass nodule below 6 mm: no routine"),
        (9.0, 9.0, GROUND_GLASS, "6 to 12 months, then every 2 years until 5 years"),
        (14.0, 12.0, MIXED, "3 to 6 months, then yearly for 5 years"),
    ],
)
def test_fleischner_goes_by_the_average_diameter_and_the_pattern(long, short, hu, words):
    lesion = a_lesion("lung_tumor", long, short, hu=hu or (20, 30, 40))
    statement = statements(lesion)["fleischner"]
    assert words in statement.text
    assert "35 or older" in statement.conditions
    assert "no known cancer" in statement.conditions


def test_several_solid_nodules_have_their_own_interval():
    nodules = [a_lesion("lung_tumor", 8, number=k) for k in (1, 2)]
    assert "3 to 6 months, then at 18 to 24" in statements(*nodules)["fleischner"].text


def test_fleischner_is_not_applied_beside_another_suspected_malignancy():
    other = a_lesion("liver_tumor", 30, number=2)
    text = statements(a_lesion("lung_tumor", 9), other)["fleischner"].text
    assert "Not applied: another suspected malignancy in this scan (L2)" in text
    assert "guideline gives" not in text


def test_a_benign_cyst_elsewhere_does_not_stop_fleischner():
    other = a_lesion("liver_cyst", 30, number=2)
    assert "guideline gives" in statements(a_lesion("lung_tumor", 9), other)["fleischner"].text


def test_fleischner_is_not_applied_to_a_part_of_the_lungs():
    text = statements(a_lesion("lung_tumor", 9), lungs_complete=False)["fleischner"].text
    assert "Not applied" in text


def test_fleischner_says_that_slices_are_too_thick():
    text = statements(a_lesion("lung_tumor", 9), slice_mm=5)["fleischner"].text
    assert "5 mm slices; the rule asks for 1.5 mm" in text


def test_a_mass_above_three_centimeters_is_no_nodule():
    assert "fleischner" not in statements(a_lesion("lung_tumor", 31))


def test_cysts_get_bosniak_descriptors_but_no_class():
    made = statements(a_lesion("kidney_cyst", 30, hu=(2, 8, 14)))["bosniak"]
    assert made.category is None
    assert "within the range of simple fluid" in made.text
    dense = with_value(a_lesion("kidney_cyst", 30, hu=(70, 85, 95)), "heterogeneity", "Homogeneous")
    assert "hyperdense" in statements(dense)["bosniak"].text


def test_liver_tumors_get_features_but_no_li_rads_category():
    made = statements(a_lesion("liver_tumor", 15))["li_rads"]
    assert made.category is None
    assert "10 to 19 mm" in made.text
    assert "No category assigned" in made.text


def test_sizes_of_a_lesion_at_the_edge_are_lower_limits():
    lesion = a_lesion("kidney_tumor", 35, cut=True)
    assert cut_by_edge(lesion)
    assert "at least 35 mm" in statements(lesion)["t_size"].text
    assert "fleischner" not in statements(a_lesion("lung_tumor", 9, cut=True))


@given(st.floats(0.1, 300))
def test_a_printed_length_is_close_and_prints_as_itself(length):
    printed = printed_mm(length)
    assert abs(printed - length) <= 0.5 + 1e-9
    assert printed_mm(printed) == printed
    assert float(mm(length)) == printed


@given(st.sampled_from(["lung_tumor", "kidney_tumor", "pancreas_tumor"]), st.floats(0.5, 200))
def test_categories_never_fall_with_size(lesion_type, length):
    names = ["T1a", "T1b", "T1c", "T2", "T2a", "T2b", "T3", "T4"]
    smaller, larger = t_category(lesion_type, length), t_category(lesion_type, length + 3)
    assert names.index(smaller) <= names.index(larger)
