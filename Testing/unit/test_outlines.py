"""Outlines that are joined and parted."""

from __future__ import annotations

import numpy as np
import pytest

from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.outlines import joined, parted
from PASTALib.region import Region

GEOMETRY = Geometry((40, 50, 30), (1.0, 0.8, 2.5), (3.0, -7.0, 11.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def box(low, high) -> Region:
    mask = np.zeros(GEOMETRY.shape_zyx, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    region = Region.of(mask, GEOMETRY)
    assert region is not None
    return region


def test_joined_regions_hold_the_voxels_of_both():
    first, second = box((2, 3, 4), (6, 8, 9)), box((5, 7, 8), (12, 20, 25))
    both = joined([first, second])
    assert both.voxels == first.voxels + second.voxels - 1
    assert both.start == (2, 3, 4)


def test_a_region_of_two_pieces_comes_apart_as_they_are():
    pieces = box((2, 3, 4), (6, 8, 9)), box((10, 20, 20), (12, 30, 30))
    parts = parted(joined(pieces))
    assert [part.voxels for part in parts] == sorted((p.voxels for p in pieces), reverse=True)


def test_a_dumbbell_is_cut_between_its_ends():
    whole = joined([box((5, 5, 5), (15, 15, 15)), box((5, 8, 15), (15, 12, 25)),
                    box((5, 5, 25), (15, 15, 35))])  # fmt: skip
    first, second = parted(whole)
    assert first.voxels + second.voxels == whole.voxels
    assert abs(first.voxels - second.voxels) < 0.1 * whole.voxels
    assert {part.start[2] for part in (first, second)} == {5, 20}


def test_one_voxel_cannot_be_split():
    with pytest.raises(PastaError, match="cannot be split"):
        parted(box((1, 1, 1), (2, 2, 2)))
