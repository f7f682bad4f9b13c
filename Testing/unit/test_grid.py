"""From the CT to the model's grid."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from geometries import AXIS_ORDERS, directions, points_of, spacings
from PASTALib import grid
from PASTALib.errors import Cancelled, PastaError
from PASTALib.geometry import Geometry
from PASTALib.grid import Roi, body_box, resample_to, to_model_grid
from PASTALib.progress import CancelToken

SLOPE = np.array([3.0, -2.0, 1.5])  # HU per mm along L, P, S


def image_of(values, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0)):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing([float(value) for value in spacing])
    image.SetOrigin([float(value) for value in origin])
    return image


def ramp(size, spacing, direction):
    """A CT whose HU rises linearly in space: interpolation and averaging reproduce it exactly."""
    geometry = Geometry(size, spacing, (-20.0, 35.0, 7.0), tuple(np.ravel(direction)))
    values = (points_of(geometry) @ SLOPE).astype(np.float32)
    return geometry.place(sitk.GetImageFromArray(values))


@settings(max_examples=60, deadline=None)
@given(directions(), spacings, st.floats(1.0, 4.0))
def test_a_point_has_the_same_hu_on_the_model_grid_for_every_direction_and_spacing(
    direction, spacing, spacing_mm
):
    image = ramp((22, 18, 20), spacing, direction)
    target = to_model_grid(image, spacing_mm).geometry
    seen = sitk.GetArrayFromImage(resample_to(image, target))
    points = points_of(target)
    index = Geometry.of(image).indices_xyz(points)
    # Near the CT's ends, averages repeat its last voxels.
    edge = 2 + 2.5 * np.maximum(1, spacing_mm / np.array(spacing))
    inside = np.all((index > edge) & (index < np.array(image.GetSize()) - 1 - edge), axis=-1)
    assert np.allclose(seen[inside], (points @ SLOPE)[inside], atol=0.05)


def test_all_48_axis_orders_give_the_same_grid_of_the_same_patient():
    values = np.random.default_rng(0).normal(0, 50, (12, 14, 16)).astype(np.float32)
    first = None
    reference = image_of(values, (1.0, 1.5, 2.0))
    for order in AXIS_ORDERS:
        turned = sitk.DICOMOrient(reference, _code(order))
        assert np.allclose(turned.GetDirection(), np.ravel(order))
        seen = to_model_grid(turned, 2.0).image
        if first is None:
            first = seen
        assert np.allclose(seen.GetOrigin(), first.GetOrigin())
        assert np.allclose(
            sitk.GetArrayViewFromImage(seen), sitk.GetArrayViewFromImage(first), atol=1e-2
        )


def _code(direction):
    return sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(
        np.ravel(direction).tolist()
    )


def test_a_ct_that_already_has_the_grid_of_the_model_keeps_its_voxels():
    values = np.random.default_rng(1).normal(0, 50, (10, 11, 12)).astype(np.float32)
    image = image_of(values, (3, 3, 3), (5, 6, 7))
    seen = to_model_grid(image, 3.0).image
    assert np.array_equal(sitk.GetArrayViewFromImage(seen), values)
    assert np.allclose(seen.GetOrigin(), image.GetOrigin())


def body_on_a_table():
    values = np.full((30, 128, 128), -1000, np.int16)
    y, x = np.mgrid[:128, :128]
    values[:, ((x - 60) / 35) ** 2 + ((y - 50) / 22) ** 2 < 1] = 40
    values[:, 84:86, 10:120] = 200
    return image_of(values, (3, 3, 5))


def test_the_grid_holds_the_body_but_neither_the_table_nor_the_air_around_it():
    low, high = body_box(body_on_a_table(), margin_mm=0)
    assert low[2] == 0
    assert high[2] == 30
    assert 22 <= low[0] <= 27
    assert 94 <= high[0] <= 98
    assert 25 <= low[1] <= 30
    assert 71 <= high[1] <= 75


def test_both_legs_are_kept():
    values = np.full((20, 60, 100), -1000, np.int16)
    values[:, 15:45, 10:40] = 40
    values[:, 15:45, 60:88] = 40
    low, high = body_box(image_of(values, (4, 4, 4)), margin_mm=0)
    assert low[0] <= 11
    assert high[0] >= 87


def test_an_image_without_a_body_is_kept_whole():
    empty = image_of(np.full((8, 9, 10), -1000, np.int16))
    assert body_box(empty) == ((0, 0, 0), (10, 9, 8))
    assert to_model_grid(empty, 3.0).image.GetSize() == (4, 3, 3)


def test_one_slice_is_a_grid_of_one_plane_or_more():
    one = image_of(np.full((1, 40, 40), 30, np.int16), (1, 1, 5))
    assert to_model_grid(one, 3.0).image.GetSize() == (14, 14, 2)
    assert np.allclose(sitk.GetArrayViewFromImage(to_model_grid(one, 3.0).image), 30)


def test_the_result_does_not_depend_on_how_much_is_in_memory_at_once(monkeypatch):
    values = np.random.default_rng(2).normal(0, 100, (40, 32, 36)).astype(np.float32)
    image = image_of(values, (0.8, 0.9, 1.1))
    whole = sitk.GetArrayFromImage(to_model_grid(image, 2.5).image)
    monkeypatch.setattr(grid, "_CHUNK_VOXELS", 4000)
    assert np.allclose(sitk.GetArrayFromImage(to_model_grid(image, 2.5).image), whole, atol=1e-3)


def test_fine_detail_is_averaged_not_aliased():
    stripes = np.tile(np.array([-400, 400], np.float32), (16, 48, 24))
    seen = sitk.GetArrayFromImage(to_model_grid(image_of(stripes), 3.0).image)
    assert np.abs(seen[2:-2, 2:-2, 2:-2]).max() < 150


def test_a_grid_is_extended_to_the_size_of_a_tile():
    image = image_of(np.full((6, 6, 6), 30, np.int16), (3, 3, 3))
    made = to_model_grid(image, 3.0, minimum=(10, 9, 6))
    assert made.image.GetSize() == (10, 9, 6)
    values = sitk.GetArrayViewFromImage(made.image)
    assert np.all(values[:, 1:7, 2:8] == 30)
    assert values.min() == grid.AIR_HU


def test_a_region_of_interest_limits_the_grid_to_it_and_its_context():
    made = to_model_grid(body_on_a_table(), 3.0, Roi((150, 120, 60), (180, 150, 90)))
    assert max(made.image.GetSize()) <= (30 + 2 * grid.ROI_CONTEXT_MM) / 3 + 1
    lower = np.array(made.image.GetOrigin()) - 1.5
    assert np.allclose(lower, [150 - 30, 120 - 30, 60 - 30])


def test_a_region_of_interest_outside_the_ct_is_refused():
    with pytest.raises(PastaError, match="outside the CT"):
        to_model_grid(body_on_a_table(), 3.0, Roi((900, 0, 0), (950, 10, 10)))


def test_an_empty_region_of_interest_is_refused():
    with pytest.raises(PastaError, match="empty"):
        Roi((0, 0, 0), (10, 0, 10))


def test_resampling_can_be_cancelled():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        to_model_grid(body_on_a_table(), 3.0, cancel=token)


def test_a_real_ct_keeps_its_body_and_its_hu(shared_data):
    image = sitk.ReadImage(str(shared_data("totalsegmentator/example_ct.nii.gz")))
    seen = to_model_grid(image, 3.0).image
    oriented = sitk.Resample(sitk.Cast(sitk.DICOMOrient(image, "LPS"), sitk.sitkFloat32), seen)
    assert np.array_equal(sitk.GetArrayViewFromImage(oriented), sitk.GetArrayViewFromImage(seen))
