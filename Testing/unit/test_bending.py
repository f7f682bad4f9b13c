"""Images and label maps that lie elsewhere or are bent, brought onto the grid of a CT."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from PASTALib.bending import Field, LabelPart, LabelParts, straightened
from PASTALib.errors import Cancelled
from PASTALib.geometry import Geometry
from PASTALib.progress import CancelToken

SHAPE = (20, 24, 28)
ANGLES = st.integers(-50, 50).map(lambda n: n / 100)


def grid(spacing=(1.0, 1.5, 2.0), shape=SHAPE, angles=(0.0, 0.0, 0.0)) -> Geometry:
    direction = sitk.Euler3DTransform((0.0,) * 3, *angles).GetMatrix()
    return Geometry(shape[::-1], spacing, (5.0, -7.0, 11.0), direction)


def moved_by(shift, on: Geometry) -> Field:
    """The same shift everywhere, as a field of two points an axis that reach far enough."""
    wide = Geometry((2, 2, 2), (400.0,) * 3, (-200.0,) * 3, (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    return Field(np.broadcast_to(np.float32(shift), (2, 2, 2, 3)).copy(), wide)


def blocks(labels: dict[int, int], on: Geometry) -> LabelPart:
    voxels = np.zeros(on.shape_zyx, np.int16)
    voxels[4:12, 5:15, 6:16] = 3
    voxels[12:16, 5:15, 6:16] = 9
    return LabelPart(voxels, on, labels)


def test_only_the_labels_that_are_wanted_are_taken():
    here = grid()
    organs = sitk.GetArrayFromImage(LabelParts((blocks({3: 200}, here),), np.eye(4)).on(here))
    assert set(np.unique(organs)) == {0, 200}
    assert np.array_equal(organs == 200, blocks({}, here).voxels == 3)


def test_a_value_above_all_wanted_ones_is_none_of_them():
    here = grid()
    part = LabelPart(np.full(SHAPE, 255, np.uint8), here, {3: 7})
    assert not sitk.GetArrayViewFromImage(LabelParts((part,), np.eye(4)).on(here)).any()


def test_of_label_maps_that_overlap_the_later_one_counts():
    here = grid()
    first, second = blocks({3: 1}, here), blocks({3: 2}, here)
    organs = LabelParts((first, second), np.eye(4)).on(here)
    assert sitk.GetArrayViewFromImage(organs).max() == 2
    assert np.count_nonzero(sitk.GetArrayViewFromImage(organs) == 1) == 0


@given(st.tuples(ANGLES, ANGLES, ANGLES), st.tuples(*[st.integers(-30, 30)] * 3))
@settings(max_examples=25, deadline=None)
def test_a_cut_out_label_map_is_put_where_it_lies(angles, start):
    whole = grid(angles=angles)
    low = tuple(start)
    own = whole.cropped((low, tuple(np.add(low, (9, 8, 7)))))
    voxels = np.ones((7, 8, 9), np.uint8)
    organs = LabelParts((LabelPart(voxels, own, {1: 5}),), np.eye(4)).on(whole)
    expected = np.zeros(SHAPE, bool)
    index = np.argwhere(voxels) + low[::-1]
    inside = ((index >= 0) & (index < SHAPE)).all(axis=1)
    expected[tuple(index[inside].T)] = True
    assert np.array_equal(sitk.GetArrayFromImage(organs) == 5, expected)


@given(st.tuples(ANGLES, ANGLES, ANGLES))
@settings(max_examples=25, deadline=None)
def test_each_voxel_gets_the_label_of_the_nearest_voxel_of_another_grid(angles):
    here, other = grid(), grid(spacing=(1.7, 1.3, 2.6), angles=angles)
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 5, other.shape_zyx).astype(np.uint8)
    organs = LabelParts((LabelPart(voxels, other, {n: n for n in range(1, 5)}),), np.eye(4))
    seen = sitk.GetArrayFromImage(organs.on(here))
    index = other.indices_zyx(here.points_of_zyx(np.argwhere(np.ones(SHAPE))))
    clear = (np.abs(index - np.floor(index) - 0.5) > 1e-3).all(axis=1)
    nearest = np.round(index).astype(int)
    inside = ((nearest >= 0) & (nearest < SHAPE)).all(axis=1)
    expected = np.where(inside, voxels[tuple(np.where(inside[:, None], nearest, 0).T)], 0)
    assert np.array_equal(seen.ravel()[clear], expected[clear])


@pytest.mark.parametrize("bent", [False, True])
def test_a_shift_of_the_world_moves_the_labels(bent):
    here = grid()
    shift = here.steps_xyz @ [2.0, -3.0, 1.0]
    matrix = np.eye(4)
    matrix[:3, 3] = -shift
    warp = moved_by(-shift, here) if bent else matrix
    seen = sitk.GetArrayFromImage(LabelParts((blocks({3: 1}, here),), warp).on(here)) > 0
    expected = np.roll(blocks({}, here).voxels == 3, (1, -3, 2), axis=(0, 1, 2))
    assert np.array_equal(seen, expected)


def test_a_shift_is_worked_into_an_image_and_air_comes_in():
    here = grid()
    array = np.random.default_rng(1).integers(-900, 900, SHAPE).astype(np.int16)
    array[0, 0, 0] = -1000
    image = here.place(sitk.GetImageFromArray(array))
    seen = straightened(image, moved_by(here.steps_xyz @ [0.0, 0.0, 2.0], here), here)
    assert Geometry.of(seen) == here
    assert seen.GetPixelID() == image.GetPixelID()
    hu = sitk.GetArrayFromImage(seen)
    assert np.abs(hu[:-2].astype(int) - array[2:]).max() <= 1  # rounded
    assert (hu[-2:] == -1000).all()


def test_both_can_be_stopped_between_two_slabs():
    here, cancel = grid(shape=(64, 20, 20)), CancelToken()
    told = []

    def stop(fraction: float, message: str) -> None:
        told.append(message)
        cancel.cancel()

    image = here.place(sitk.GetImageFromArray(np.zeros(here.shape_zyx, np.int16)))
    with pytest.raises(Cancelled):
        straightened(image, moved_by((1.0, 0, 0), here), here, progress=stop, cancel=cancel)
    assert told == ["Slice 16 of 64"]
    cancel = CancelToken()
    part = LabelPart(np.ones(here.shape_zyx, np.uint8), here, {1: 1})
    with pytest.raises(Cancelled):
        LabelParts((part,), moved_by((1.0, 0, 0), here)).on(here, progress=stop, cancel=cancel)
    assert len(told) == 2
