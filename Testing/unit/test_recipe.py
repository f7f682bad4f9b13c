"""Recipes: what they mean, and what is said of those that are wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from PASTAGenLib.production.recipe import read_recipe, recipe_of
from PASTAGenLib.production.sources import list_sources
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

RECIPES = Path(__file__).resolve().parents[2] / "PASTAGen" / "Resources" / "Recipes"
GOOD: dict[str, Any] = {
    "name": "test",
    "seed": 3,
    "lesions": [
        {"type": "liver_cyst", "count": 2},
        {"type": ["liver_tumor", "gallstone"], "count": 1},
    ],
    "sources": [{"torsos": 3, "phase": ["arterial", "portal_venous"]}],
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **changes}


def test_cases_are_counted_by_type_and_have_names_of_their_own(tmp_path):
    recipe = recipe_of(GOOD, tmp_path)
    names = [plan.name for plan in recipe.cases()]
    assert names == ["liver_cyst_0001", "liver_cyst_0002", "liver_tumor_0001", "gallstone_0001"]
    assert [plan.index for plan in recipe.cases()] == [0, 1, 2, 3]
    assert recipe.total == 4
    assert recipe.types == ("liver_tumor", "liver_cyst", "gallstone")


def test_all_is_every_type(tmp_path):
    recipe = recipe_of(changed(lesions=[{"type": "all", "count": 2}]), tmp_path)
    assert recipe.types == tuple(catalog().lesion_types)
    assert recipe.total == 30


def test_yaml_and_json_say_the_same(tmp_path):
    yaml = pytest.importorskip("yaml")
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(GOOD))
    assert read_recipe(tmp_path / "a.json") == read_recipe(tmp_path / "a.yaml")


def test_streams_of_cases_do_not_depend_on_their_order(tmp_path):
    recipe = recipe_of(GOOD, tmp_path)
    first = recipe.stream(2, 7).random(3)
    recipe.stream(2, 8).random(100)
    assert (recipe.stream(2, 7).random(3) == first).all()
    assert (recipe.stream(2, 8).random(3) != first).all()


def test_the_example_of_torsos_can_be_read():
    pytest.importorskip("yaml")
    recipe = read_recipe(RECIPES / "all_types_on_torsos.yaml")
    assert recipe.total == 30
    assert len(list_sources(recipe)) == 4


def test_the_example_of_own_scans_can_be_read_beside_such_scans(tmp_path):
    pytest.importorskip("yaml")
    for name in ("scans/a.nii.gz", "scans/b.nii.gz", "masks/a.nii.gz", "dicom/c/1.dcm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    text = (RECIPES / "own_scans.yaml").read_text(encoding="utf-8")
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    recipe = read_recipe(tmp_path / "own.yaml")
    assert [path.name for _, path in list_sources(recipe)[:3]] == ["a.nii.gz", "b.nii.gz", "c"]
    assert len(list_sources(recipe)) == 13


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ([1], "keys and values"),
        (changed(leisons=[]), "unknown key 'leisons'; known are .*lesions"),
        ({"lesions": GOOD["lesions"]}, "lacks the key 'sources'"),
        (changed(lesions=[]), "lesions must be a list"),
        (changed(layout="bids"), "layout cannot be 'bids'; use one of pastagen"),
        (changed(seed="x"), "seed must be a whole number"),
        (changed(seed=True), "seed must be a whole number"),
        (changed(name="a b/c"), "name must consist of letters"),
        (changed(dicom="yes"), "dicom must be true or false"),
        (changed(dataset=0), "dataset must be a whole number from 1 to 999"),
        (changed(lesions=[{"type": "liver_cyst"}]), "lesions, entry 1 lacks the key 'count'"),
        (changed(lesions=[{"type": "liver_cyst", "count": 0}]), "add up to 0"),
        (changed(lesions=[{"type": "liver_cyst", "count": 1, "size": 3}]), "unknown key 'size'"),
        (changed(lesions=[{"type": "wart", "count": 1}]), "entry 1: the type 'wart' is not known"),
        (
            changed(lesions=[{"type": "kidney_tumor", "count": 1, "shape": "Wall thickening"}]),
            "lesions, entry 1: shape of kidney_tumor cannot be 'Wall thickening'",
        ),
        (changed(lesions=[{"type": "gallstone", "count": 1, "phases": "late"}]), "phases must be"),
        (
            changed(lesions=[{"type": "kidney_tumor", "count": 1, "features": "necrosis"}]),
            "features must be a list, such as .necrosis. .in a recipe .fixed: .necrosis",
        ),
        (
            changed(lesions=[{"type": "kidney_tumor", "count": 1, "protrudes": "yes"}]),
            "protrudes must be true or false, not 'yes'",
        ),
        (
            changed(lesions=[{"type": "kidney_tumor", "count": 1, "long_axis_mm": "big"}]),
            "long_axis_mm must be a number, not 'big'",
        ),
        (
            changed(lesions=[{"type": "kidney_tumor", "count": 1, "long_axis_mm": 9,
                              "volume_mm3": {"uniform": [100, 900]}}]),
            "give either long_axis_mm or volume_mm3",
        ),
        (
            changed(lesions=[{"type": "kidney_tumor", "count": 1,
                              "heterogeneity": "Homogeneous",
                              "features": {"fixed": ["necrosis"]}}]),
            "entry 1: A lesion with necrosis is not homogeneous",
        ),
        (changed(sources=[{"torsos": 0}]), "sources, entry 1, torsos must be a whole number"),
        (changed(sources=[{"torsos": 1, "spacing": [1, 2]}]), "spacing must be one number or"),
        (changed(sources=[{"torsos": 1, "field_of_view": "leg"}]), "field_of_view must be one of"),
        (changed(sources=[{"ct": "*.nii.gz"}]), "lacks the key 'organs'"),
        (changed(sources=[{"ct": "no*.nii.gz", "organs": "model"}]), "nothing is at 'no"),
        (changed(sources=[{"ct": ".", "organs": "no"}]), "'no' does not exist"),
        (changed(sources=[{"scan": "a"}]), "unknown key 'scan'"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_refused_in_one_sentence(tmp_path, recipe, words):
    with pytest.raises(PastaError, match=words) as caught:
        recipe_of(recipe, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "is not valid JSON"),
        ("a.yaml", "a: [", "is not valid YAML"),
        ("missing.yaml", None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, name, text, words):
    pytest.importorskip("yaml")
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(PastaError, match=words) as caught:
        read_recipe(tmp_path / name)
    assert "\n" not in str(caught.value)
