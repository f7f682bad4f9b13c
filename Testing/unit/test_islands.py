"""What is outlined apart from an organ goes, with its lesions; what the scan cuts off stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from PASTALib.catalog import catalog
from PASTALib.islands import drop_islands

LIVER = catalog().label("liver")
BLADDER = catalog().label("urinary_bladder")
GALLBLADDER = catalog().label("gallbladder")
RIBS = catalog().label("ribs")
TUMOR = catalog().lesion_types["liver_tumor"].label
SPACING = (2.0, 1.0, 1.0)


def scan() -> tuple[np.ndarray, np.ndarray]:
    """A liver of 128 ml with a tumor in it, in the middle of an otherwise empty scan."""
    organs = np.zeros((60, 80, 80), np.uint8)
    organs[10:50, 20:60, 20:60] = LIVER
    lesions = np.zeros_like(organs)
    lesions[20:25, 30:40, 30:40] = TUMOR
    return organs, lesions


def test_a_small_piece_apart_goes_with_its_lesion_and_the_organ_stays() -> None:
    organs, lesions = scan()
    kept = organs.copy(), lesions.copy()
    organs[5:9, 70:76, 70:76] = LIVER
    lesions[6:8, 71:74, 71:74] = TUMOR
    drop_islands(organs, lesions, SPACING)
    assert np.array_equal(organs, kept[0])
    assert np.array_equal(lesions, kept[1])


def test_an_organ_far_too_small_goes_unless_the_edge_of_the_scan_cuts_it() -> None:
    organs, lesions = scan()
    organs[52:55, 70:76, 70:76] = BLADDER
    drop_islands(organs, lesions, SPACING)
    assert not (organs == BLADDER).any()
    organs[57:60, 70:76, 70:76] = BLADDER
    drop_islands(organs, lesions, SPACING)
    assert (organs == BLADDER).sum() == 3 * 6 * 6


def test_a_gallbladder_lies_beside_the_liver() -> None:
    organs, lesions = scan()
    organs[30:40, 60:70, 30:40] = GALLBLADDER
    before = organs.copy()
    drop_islands(organs, lesions, (6.0, 2.0, 2.0))
    assert np.array_equal(organs, before)
    organs[organs == GALLBLADDER] = 0
    organs[56:60, 60:72, 60:72] = GALLBLADDER  # 36 mm above the liver
    drop_islands(organs, lesions, (6.0, 2.0, 2.0))
    assert not (organs == GALLBLADDER).any()


def test_a_large_second_piece_and_structures_of_many_pieces_stay() -> None:
    organs, lesions = scan()
    organs[:, 62:78, 20:70] = LIVER
    organs[:, 60:62] = 0
    organs[2:4, 2:5, 2:5] = RIBS
    before = organs.copy()
    drop_islands(organs, lesions, SPACING)
    assert np.array_equal(organs, before)


@pytest.mark.parametrize("spacing", [(5.0, 0.7, 0.7), (1.0, 1.0, 1.0), (3.0, 3.0, 3.0)])
@given(corner=st.tuples(*[st.integers(1, 12)] * 3), edges=st.tuples(*[st.integers(4, 7)] * 3))
def test_nothing_of_an_island_stays_at_any_spacing(spacing, corner, edges) -> None:
    organs = np.zeros((24, 60, 60), np.uint8)
    organs[:, 32:, 32:] = LIVER
    where = tuple(slice(c, c + e) for c, e in zip(corner, edges, strict=True))
    organs[where] = LIVER
    lesions = np.where(organs > 0, TUMOR, 0).astype(np.uint8)
    drop_islands(organs, lesions, spacing)
    assert not organs[where].any()
    assert not lesions[where].any()
    assert organs[:, 32:, 32:].all()
