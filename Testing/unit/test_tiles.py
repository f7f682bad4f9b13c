"""Where tiles lie, how they are weighted and added up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from PASTALib.tiles import RollingScores, gaussian_weight, rows_of_tiles, tile_starts


@given(st.integers(8, 64), st.integers(0, 300), st.floats(0, 0.75))
def test_tiles_cover_the_axis_from_end_to_end_and_overlap_enough(patch, more, overlap):
    starts = tile_starts(patch + more, patch, overlap)
    assert starts[0] == 0
    assert starts[-1] == more
    steps = np.diff(starts)
    assert np.all(steps > 0)
    assert np.all(steps <= max(1, patch * (1 - overlap)) + 1)


def test_half_overlap_gives_the_tiles_of_nnunet():
    assert tile_starts(100, 64, 0.5) == [0, 18, 36]
    assert tile_starts(64, 64, 0.5) == [0]


def test_tiles_of_air_are_left_out_but_their_row_is_kept():
    image = np.full((20, 10, 10), -1000.0)
    image[15, 5, 5] = 40
    rows = rows_of_tiles(image, (10, 10, 10), 0.0, air=-500)
    assert rows == {0: [], 10: [(10, 0, 0)]}


def test_the_weight_is_largest_in_the_middle_and_never_zero():
    weight = gaussian_weight((8, 16, 32))
    assert weight.shape == (8, 16, 32)
    assert weight.min() >= 1e-3
    assert weight.argmax() in np.flatnonzero(weight == weight.max())
    assert weight[3:5, 7:9, 15:17].min() == weight.max()


def test_rolling_scores_are_the_weighted_means_of_all_tiles():
    shape, patch = (30, 12, 14), (8, 8, 8)
    rng = np.random.default_rng(0)
    rows = rows_of_tiles(np.zeros(shape), patch, 0.5, air=-500)
    weight = torch.from_numpy(gaussian_weight(patch))
    sums, weights = torch.zeros((3, *shape)), torch.zeros(shape)
    rolling = RollingScores.empty(3, shape, patch, "cpu")
    found = []
    starts = [*rows, shape[0]]
    for start, following in pairwise(starts):
        for tile in rows[start]:
            logits = torch.from_numpy(rng.normal(0, 5, (3, *patch)).astype(np.float32))
            place = tuple(slice(a, a + n) for a, n in zip(tile, patch, strict=True))
            sums[(slice(None), *place)] += logits * weight
            weights[place] += weight
            rolling.add(tile, logits, weight)
        found.append(rolling.means(start, following))
        if following < shape[0]:
            rolling.drop_before(following)
    assert torch.allclose(torch.cat(found, dim=1), sums / weights, atol=0.05)


def test_voxels_without_a_tile_are_background():
    rolling = RollingScores.empty(3, (4, 4, 4), (2, 4, 4), "cpu")
    assert torch.all(rolling.means(0, 2).argmax(dim=0) == 0)
