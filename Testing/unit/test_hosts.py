"""Lesions and the structures that hold them."""

from __future__ import annotations

import numpy as np

from PASTALib.catalog import catalog
from PASTALib.hosts import drop_outside_organs, include_lesions

KIDNEY = {side: catalog().label(f"kidney_{side}") for side in ("left", "right")}
LIVER, SPLEEN = catalog().label("liver"), catalog().label("spleen")
TUMOR = catalog().label("kidney_tumor")
ONE = (1.0, 1.0, 1.0)


def empty():
    return np.zeros((12, 20, 40), np.uint8)


def test_a_lesion_voxel_labeled_as_another_organ_gets_the_nearest_structure_of_its_own():
    organs, lesions = empty(), empty()
    organs[2:10, 4:16, 2:10] = KIDNEY["right"]
    organs[2:10, 4:16, 30:38] = KIDNEY["left"]
    organs[4:8, 6:10, 26:30] = SPLEEN
    lesions[4:8, 6:10, 26:34] = TUMOR
    include_lesions(organs, lesions, ONE)
    assert np.all(organs[lesions > 0] == KIDNEY["left"])
    assert organs[4, 6, 2] == KIDNEY["right"]


def test_a_lesion_split_between_two_sides_belongs_to_the_side_around_it():
    organs, lesions = empty(), empty()
    organs[1:11, 2:18, 2:16] = KIDNEY["left"]
    organs[4:8, 6:12, 6:12] = KIDNEY["right"]
    lesions[4:8, 6:12, 5:12] = TUMOR
    include_lesions(organs, lesions, ONE)
    assert KIDNEY["right"] not in organs


def test_a_lesion_that_is_already_in_one_structure_changes_nothing():
    organs, lesions = empty(), empty()
    organs[1:11, 2:18, 2:16] = KIDNEY["left"]
    lesions[4:8, 6:12, 5:12] = TUMOR
    before = organs.copy()
    include_lesions(organs, lesions, ONE)
    assert np.array_equal(organs, before)


def test_a_lesion_that_fills_its_organ_keeps_the_structure_that_was_found():
    organs, lesions = empty(), empty()
    organs[4:8, 6:12, 5:9] = KIDNEY["left"]
    lesions[4:8, 6:12, 5:12] = TUMOR
    include_lesions(organs, lesions, ONE)
    assert np.all(organs[lesions > 0] == KIDNEY["left"])


def test_a_lesion_without_any_organ_still_gets_a_structure_of_it():
    organs, lesions = empty(), empty()
    lesions[4:8, 6:12, 5:12] = catalog().label("liver_cyst")
    include_lesions(organs, lesions, ONE)
    assert np.all(organs[lesions > 0] == LIVER)


def test_lesions_away_from_the_organ_of_their_type_are_dropped():
    organs, lesions = empty(), empty()
    organs[2:10, 4:16, 2:10] = KIDNEY["right"]
    organs[2:10, 4:16, 25:38] = LIVER
    lesions[4:8, 6:10, 8:20] = TUMOR
    lesions[4:8, 6:10, 28:32] = TUMOR
    probability = np.where(lesions > 0, 200, 0).astype(np.uint8)
    drop_outside_organs(lesions, probability, organs, (1.0, 1.0, 1.0))
    assert not lesions[:, :, 25:].any()
    assert lesions[5, 7, 9 + 5] == TUMOR  # bulges 5 mm out of the kidney
    assert lesions[5, 7, 9 + 6] == 0
    assert np.array_equal(probability > 0, lesions > 0)


def test_all_lesions_of_an_absent_organ_are_dropped():
    organs, lesions = empty(), empty()
    organs[:] = LIVER
    lesions[4:8, 6:10, 8:20] = TUMOR
    drop_outside_organs(lesions, lesions.copy(), organs, ONE)
    assert not lesions.any()
