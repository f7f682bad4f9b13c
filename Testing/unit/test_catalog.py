"""The catalogue: unique, complete, sourced, and in the words that Slicer understands."""

from __future__ import annotations

import json
import re
from itertools import chain

import pytest

from PASTALib.catalog import Code, LesionType, Structure, catalog
from PASTALib.errors import PastaError
from PASTALib.files import resource_folder
from PASTALib.terminology import OWN_CONTEXT, OWN_TYPES, SIDES, STANDARD_CONTEXT, terminology

FOLDER = resource_folder() / "Catalog"
ITEMS: list[Structure | LesionType] = [
    *catalog().structures.values(),
    *catalog().lesion_types.values(),
]
SCT = re.compile(r"[1-9]\d{5,17}")


def check_digit_is_right(identifier: str) -> bool:
    """Verhoeff's check of a SNOMED CT identifier: its last digit guards against typing errors."""
    multiply = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6], [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ]  # fmt: skip
    permute = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2], [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0], [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5], [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ]  # fmt: skip
    check = 0
    for place, digit in enumerate(reversed(identifier)):
        check = multiply[check][permute[place % 8][int(digit)]]
    return check == 0


def codes() -> list[Code]:
    found = [organ.region for organ in catalog().organs.values()]
    for item in ITEMS:
        found += [item.category, item.type]
        if isinstance(item, LesionType):
            found.append(item.region)
        elif item.type_modifier:
            found.append(item.type_modifier)
    return [*found, *SIDES.values()]


def test_codes_are_snomed_codes_with_a_meaning():
    for code in codes():
        assert code.scheme == "SCT"
        assert SCT.fullmatch(code.value), code
        assert check_digit_is_right(code.value), code
        assert code.meaning == code.meaning.strip() != ""
        assert not set("~^|") & set(code.meaning), "Slicer parts its fields with these"


def test_a_code_means_the_same_everywhere():
    meanings: dict[str, set[str]] = {}
    for code in codes():
        meanings.setdefault(code.value, set()).add(code.meaning)
    assert {value: found for value, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_terminology_has_slicers_seven_fields(item):
    for side in (None, "left", "right"):
        fields = terminology(item, side).split("~")
        assert len(fields) == 7
        assert fields[0] in (STANDARD_CONTEXT, OWN_CONTEXT)
        assert fields[4] == "Anatomic codes - DICOM master list"
        for number in (1, 2, 3, 5, 6):
            assert len(fields[number].split("^")) == 3
        assert fields[1] != "^^"
        assert fields[2] != "^^"


@pytest.mark.slicer
@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_slicer_parses_the_terminology_into_our_codes(item):
    slicer = pytest.importorskip("slicer")
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    entry = slicer.vtkSlicerTerminologyEntry()
    text = terminology(item, "left")
    assert logic.DeserializeTerminologyEntry(text, entry)
    parts = [entry.GetCategoryObject(), entry.GetTypeObject()]
    for part, code in zip(parts, (item.category, item.type), strict=True):
        assert part.GetCodingSchemeDesignator() == code.scheme
        assert part.GetCodeValue() == code.value
        assert part.GetCodeMeaning() == code.meaning
    if isinstance(item, LesionType):
        assert entry.GetRegionObject().GetCodeValue() == item.region.value
        assert entry.GetRegionModifierObject().GetCodeMeaning() == "Left"
    assert logic.SerializeTerminologyEntry(entry).rstrip("|") == text


@pytest.mark.slicer
def test_slicer_loads_our_own_terms_and_finds_the_calculus():
    slicer = pytest.importorskip("slicer")
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    assert logic.LoadTerminologyFromFile(str(FOLDER / "PASTA.term.json")) == OWN_CONTEXT
    entry = slicer.vtkSlicerTerminologyEntry()
    assert logic.FindTypeInTerminologyBy3dSlicerLabel(OWN_CONTEXT, "calculus", entry)
    assert entry.GetTypeObject().GetCodeValue() == "56381008"


def test_our_own_terms_hold_what_slicers_list_lacks():
    terms = json.loads((FOLDER / "PASTA.term.json").read_text(encoding="utf-8"))
    assert terms["SegmentationCategoryTypeContextName"] == OWN_CONTEXT
    pairs = {
        (category["CodeValue"], kind["CodeValue"])
        for category in terms["SegmentationCodes"]["Category"]
        for kind in category["Type"]
    }
    own = {(i.category.value, i.type.value) for i in ITEMS if i.type.value in OWN_TYPES}
    assert own <= pairs
    assert {kind for _, kind in own} == set(OWN_TYPES)


def test_labels_are_unique_and_fit_in_a_byte():
    labels = [item.label for item in ITEMS]
    assert len(labels) == len(set(labels)) == len(catalog().by_label)
    assert all(0 < label < 256 for label in labels)
    assert all(kind.label > 100 for kind in catalog().lesion_types.values())
    assert all(structure.label <= 100 for structure in catalog().structures.values())


def test_keys_and_names_are_unique_over_structures_and_lesions():
    assert len({item.key for item in ITEMS}) == len(ITEMS)
    assert len({item.name.casefold() for item in ITEMS}) == len(ITEMS)


def test_there_are_ten_organs_and_fifteen_lesion_types():
    assert len(catalog().organs) == 10
    assert len(catalog().lesion_types) == 15
    assert {kind.organ for kind in catalog().lesion_types.values()} == set(catalog().organs)
    assert sum(kind.malignant for kind in catalog().lesion_types.values()) == 10
    assert len(catalog().attributes) == 5


def test_every_organ_has_a_structure_and_every_parent_is_one():
    for organ in catalog().organs:
        assert catalog().organ_labels(organ)
    for structure in catalog().structures.values():
        assert structure.parent is None or structure.parent in catalog().structures
        assert structure.organ is None or structure.organ in catalog().organs


def test_colors_are_bytes_and_lesions_can_be_told_apart():
    for item in ITEMS:
        assert len(item.color) == 3
        assert all(0 <= channel <= 255 for channel in item.color)
    for organ in catalog().organs:
        colors = [kind.color for kind in catalog().lesions_of(organ)]
        assert len(colors) == len(set(colors))


@pytest.mark.parametrize("table", ["totalsegmentator_v1", "totalsegmentator_v2", "amos"])
def test_a_label_of_another_tool_means_one_structure(table):
    numbers = list(chain.from_iterable(getattr(s, table) for s in catalog().structures.values()))
    assert len(numbers) == len(set(numbers))
    top = {"totalsegmentator_v1": 104, "totalsegmentator_v2": 117, "amos": 15}[table]
    assert set(numbers) <= set(range(1, top + 1))
    assert set(catalog().label_table(table)) == set(numbers)


def test_an_unknown_label_table_is_refused():
    with pytest.raises(PastaError, match="totalsegmentator_v2"):
        catalog().label_table("brats")


def test_every_lesion_subtype_has_densities_and_no_other_has():
    wanted = {
        (kind.key, subtype) for kind in catalog().lesion_types.values() for subtype in kind.subtypes
    }
    assert set(catalog().lesion_hu) == wanted


def test_every_row_of_the_density_tables_has_a_source_and_sound_numbers():
    tables = json.loads((FOLDER / "hu.json").read_text(encoding="utf-8"))
    for row in chain(tables["normal"], tables["lesions"]):
        assert row["source"].strip(), row
        for phase in ("non_contrast", "arterial", "portal_venous"):
            mean, deviation = row[phase]
            assert -1024 <= mean <= 3071
            assert 0 <= deviation <= 500
    for row in catalog().lesion_hu.values():
        assert 0 <= row.edge_mm[0] <= row.edge_mm[1]
        assert 0 <= row.texture_sd[0] <= row.texture_sd[1]
        places = {*catalog().normal_hu, *catalog().structures, *catalog().organs}
        assert row.absolute or row.reference in places


def test_sizes_have_a_source_and_lie_within_their_limits():
    for kind in catalog().lesion_types.values():
        axis = kind.long_axis_mm
        assert 0 < axis.minimum < axis.median < axis.maximum
        assert axis.source.strip()
        assert kind.default_shape in kind.shapes
