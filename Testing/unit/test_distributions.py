"""What a recipe can say of a value, and what it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PASTAGenLib.distributions import distribution
from PASTAGenLib.lesion_mix import PROPERTIES, LesionMix
from PASTALib.errors import PastaError


def drawn(value: object, count: int = 400) -> list:
    rng = np.random.default_rng(5)
    what = distribution(value, "field")
    return [what.draw(rng) for _ in range(count)]


def test_a_value_is_always_drawn_as_it_is():
    assert set(drawn("Hypodense")) == {"Hypodense"}
    assert set(drawn(25)) == {25}
    assert set(drawn(None)) == {None}


def test_a_list_is_a_choice_and_weights_count():
    assert set(drawn(["left", "right"])) == {"left", "right"}
    hypo = drawn({"choice": {"Hypodense": 9, "Isodense": 1}}).count("Hypodense")
    assert 330 < hypo < 390


def test_a_fixed_list_stays_whole():
    assert set(drawn({"fixed": ["capsule", "necrosis"]})) == {("capsule", "necrosis")}


@given(st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_a_uniform_number_lies_between_its_ends(low, width):
    assert all(low <= x <= low + width for x in drawn({"uniform": [low, low + width]}, 20))


def test_a_log_normal_has_its_median_and_its_limits():
    values = drawn({"lognormal": {"median": 20, "sigma": 0.5, "minimum": 8, "maximum": 60}}, 4000)
    assert min(values) >= 8
    assert max(values) <= 60
    assert abs(np.median(values) - 20) < 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"unifrom": [1, 2]}, "unifrom"),
        ({"uniform": [1]}, "two numbers"),
        ({"uniform": [2, 1]}, "must not be above"),
        ({"uniform": ["a", 1]}, "not a number"),
        ({"normal": {"mean": 1}}, "needs mean and sd"),
        ({"lognormal": {"median": 0, "sigma": 1}}, "zero or less"),
        ({"lognormal": {"median": 2, "sigma": 1, "max": 3}}, "minimum and maximum"),
        ({"choice": {}}, "write a choice"),
        ({"choice": {"a": 0}}, "not all zero"),
        ({"choice": {"a": -1, "b": 2}}, "negative"),
        ([], "write a choice"),
        ({"uniform": [1, float("nan")]}, "not a number"),
    ],
)
def test_what_is_no_distribution_is_refused_with_the_field(value, words):
    with pytest.raises(PastaError, match=words) as caught:
        distribution(value, "lesions, entry 2, long_axis_mm")
    assert str(caught.value).startswith("lesions, entry 2, long_axis_mm")


def test_a_mix_draws_specs_of_its_type():
    mix = LesionMix.of("liver_cyst", {"long_axis_mm": {"uniform": [10, 20]}})
    specs = [mix.draw(np.random.default_rng(seed), "arterial") for seed in range(20)]
    assert {spec.type for spec in specs} == {"liver_cyst"}
    assert {spec.phase for spec in specs} == {"arterial"}
    assert len({spec.long_axis_mm for spec in specs}) == 20


@pytest.mark.parametrize(
    ("kind", "properties", "words"),
    [
        ("liver_tumour", {}, "liver_tumor"),
        ("liver_cyst", {"size": 20}, "long_axis_mm"),
        ("liver_cyst", {"seed": 20}, "not a property"),
        ("liver_cyst", {"density": "dark"}, "Hypodense"),
        ("liver_cyst", {"density": ["Hypodense", "dark"]}, "Hypodense"),
        ("liver_cyst", {"long_axis_mm": {"uniform": [5, 5000]}}, "long_axis_mm"),
        ("kidney_tumor", {"shape": "Wall thickening"}, "shape"),
        ("liver_cyst", {"long_axis_mm": "big"}, "long_axis_mm"),
    ],
)
def test_an_impossible_mix_is_refused_before_anything_is_drawn(kind, properties, words):
    with pytest.raises(PastaError, match=words):
        LesionMix.of(kind, properties)


def test_what_belongs_to_one_scan_is_no_property():
    assert not {"type", "center", "seed", "phase"} & set(PROPERTIES)
