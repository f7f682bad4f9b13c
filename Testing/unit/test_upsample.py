"""From scores on the model's grid to labels in the geometry of the CT."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from geometries import AXIS_ORDERS, directions, points_of, spacings
from PASTALib.ct_labels import CTLabels
from PASTALib.geometry import Geometry
from PASTALib.grid import Roi
from PASTALib.scores import SlabScores
from PASTALib.upsample import interpolate

CENTERS = np.array([[-12.0, 4.0, -6.0], [14.0, -3.0, 9.0]])
RADII = np.array([11.0, 9.0])
LESION = np.array([-10.0, 4.0, -4.0])
GRID = Geometry((24, 22, 26), (2.5,) * 3, (-29.0, -26.0, -31.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def depth(points, center, radius):
    """Mm inside of a ball's surface."""
    return radius - np.linalg.norm(points - center, axis=-1)


def scores_of_balls():
    points = points_of(GRID)
    organs = np.stack([depth(points, c, r) for c, r in zip(CENTERS, RADII, strict=True)]) * 256
    margin = depth(points, LESION, 6.0) * 256
    types = np.stack([margin, -margin])
    return SlabScores(
        organs=organs.astype(np.int16),
        organ=np.where(organs.max(axis=0) > 0, organs.argmax(axis=0) + 1, 0).astype(np.uint8),
        types=types.astype(np.int16),
        type=(types.argmax(axis=0) + 1).astype(np.uint8),
        margin=margin.astype(np.int16),
        probability=np.where(margin > 0, 200, 0).astype(np.uint8),
    )


def part(scores, first, last):
    return SlabScores(*(a[..., first:last, :, :] for a in scores._arrays()))


def labels_in(ct, cuts=()):
    labels = CTLabels(ct, GRID, (5, 6), (111, 112))
    scores = scores_of_balls()
    ends = [0, *cuts, GRID.size[2]]
    for first, last in pairwise(ends):
        labels.add(part(scores, first, last), first)
    return labels


def ct_around(direction, spacing, size=(22, 24, 20)):
    middle = np.reshape(direction, (3, 3)) @ (np.array(spacing) * (np.array(size) - 1) / 2)
    return Geometry(size, tuple(spacing), tuple((-middle).tolist()), tuple(np.ravel(direction)))


def check(labels, ct):
    """Labels are right everywhere but within a fraction of a grid voxel of the surfaces."""
    points = points_of(ct)
    sure = np.ones(points.shape[:3], bool)
    expected = np.zeros(points.shape[:3], np.uint8)
    for label, center, radius in zip((5, 6), CENTERS, RADII, strict=True):
        inside = depth(points, center, radius)
        expected[inside > 0] = label
        sure &= np.abs(inside) > 0.4
    assert np.array_equal(labels.organs[sure], expected[sure])
    lesion = depth(points, LESION, 6.0)
    sure = np.abs(lesion) > 0.5
    assert np.array_equal(labels.lesions[sure], np.where(lesion > 0, 111, 0)[sure])


@settings(max_examples=60, deadline=None)
@given(directions(), spacings, st.lists(st.integers(1, 25), max_size=4, unique=True))
def test_a_label_at_a_point_comes_back_at_that_point_for_every_direction_and_spacing(
    direction, spacing, cuts
):
    ct = ct_around(direction, spacing)
    check(labels_in(ct, sorted(cuts)), ct)


def test_a_label_at_a_point_comes_back_at_that_point_for_all_48_axis_orders():
    for direction in AXIS_ORDERS:
        ct = ct_around(direction, (1.3, 2.0, 2.7), (40, 30, 22))
        check(labels_in(ct, [7, 8, 20]), ct)


def test_slabs_give_the_same_labels_as_the_whole_grid():
    for direction in (np.eye(3), Rotation.from_euler("xyz", [11, 25, -8], degrees=True)):
        matrix = direction if isinstance(direction, np.ndarray) else direction.as_matrix()
        ct = ct_around(matrix, (1.25, 1.25, 1.25), (44, 44, 44))
        whole, parts = labels_in(ct), labels_in(ct, range(1, 26))
        assert np.array_equal(whole.organs, parts.organs)
        assert np.array_equal(whole.lesions, parts.lesions)
        assert np.array_equal(whole.probability, parts.probability)


def test_the_contour_of_a_coarse_grid_is_smooth_in_a_fine_ct():
    ct = ct_around(np.eye(3), (0.5, 0.5, 0.5), (116, 104, 124))
    labels = labels_in(ct)
    points = points_of(ct)
    seen = np.isin(labels.organs, (5,))
    exact = depth(points, CENTERS[0], RADII[0]) > 0
    overlap = 2 * (seen & exact).sum() / (seen.sum() + exact.sum())
    assert overlap > 0.98  # blocks of 2.5 mm reach 0.9


def test_the_rim_of_a_lesion_has_the_type_of_the_lesion():
    scores = scores_of_balls()
    outside = scores.margin <= 0
    scores.types[1][outside] = 20000  # the network calls what is outside another type, for sure
    scores.type[outside] = 2
    ct = ct_around(np.eye(3), (0.8, 0.8, 0.8), (70, 70, 70))
    labels = CTLabels(ct, GRID, (5, 6), (111, 112))
    labels.add(scores, 0)
    assert set(np.unique(labels.lesions)) == {0, 111}


def test_the_axis_by_axis_interpolation_is_that_of_simpleitk():
    rng = np.random.default_rng(3)
    values = rng.integers(-3000, 3000, (9, 8, 7)).astype(np.int16)
    geometry = Geometry((7, 8, 9), (3.0,) * 3, (1.0, 2.0, 3.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    for order in AXIS_ORDERS:
        target = ct_around(order, (0.9, 1.1, 1.7), (30, 28, 16))
        target = Geometry(target.size, target.spacing, (9.317, 11.123, 14.241), target.direction)
        expected = sitk.Resample(
            geometry.place(sitk.GetImageFromArray(values)),
            target.size,
            sitk.Transform(),
            sitk.sitkLinear,
            target.origin,
            target.spacing,
            target.direction,
            -99.0,
            sitk.sitkFloat32,
        )
        seen = interpolate(values, geometry, target, -99.0)
        assert np.allclose(seen, sitk.GetArrayViewFromImage(expected), atol=0.5)


def test_nothing_is_left_outside_of_a_region_of_interest():
    ct = ct_around(AXIS_ORDERS[17], (1.5, 1.5, 1.5), (40, 40, 40))
    labels = labels_in(ct)
    labels.clear_outside(Roi((-14, 0, -10), (-8, 8, 0)))
    inside = points_of(ct)[labels.organs > 0]
    assert np.all(inside >= [-14, 0, -10])
    assert np.all(inside <= [-8, 8, 0])
    assert len(inside) > 50
