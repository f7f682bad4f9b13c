"""Key images: the right plane, the right way round, to scale, however the CT is turned."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from geometries import angles
from PASTALib.ct import CT, Segmentation
from PASTALib.geometry import Geometry
from PASTALib.lesions import Lesion, find_lesions
from PASTALib.pictures import BONE, LIVER, LUNG, PIXELS, draw_pictures, window_of
from PASTALib.planes import axial_plane, coronal_plane, region_image, whole_slice
from PASTALib.thumbnail import BodyView, surface
from report_case import ORIGIN, SIZE, SPACING, a_case

RED = np.array([255, 70, 60])


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def case() -> tuple[CT, Segmentation]:
    return a_case()


@pytest.fixture(scope="module")
def lesions(case) -> tuple[Lesion, ...]:
    return find_lesions(*case)


@pytest.fixture(scope="module")
def drawn(case, lesions) -> dict[str, bytes]:
    return draw_pictures(*case, lesions)


def turned(turns: tuple[float, float, float], flips: tuple[int, int, int]) -> tuple:
    """A direction, from degrees, and the origin that keeps the painted torso in the middle."""
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*np.radians(turns).tolist())
    direction = np.array(transform.GetMatrix()).reshape(3, 3) * np.array(flips)
    half = (np.array(SIZE) - 1) / 2 * np.array(SPACING)
    middle = np.array(ORIGIN) + half
    return tuple(direction.ravel()), tuple(middle - direction @ half)


def test_each_lesion_has_three_square_pictures(drawn):
    assert sorted(drawn) == [f"L{n}-{view}" for n in (1, 2) for view in ("3d", "axial", "coronal")]
    for png in drawn.values():
        assert pixels(png).shape == (PIXELS, PIXELS, 3)


def test_the_same_case_gives_the_same_bytes(case, lesions, drawn):
    assert draw_pictures(*case, lesions) == drawn


def test_every_picture_of_a_synthetic_ct_is_marked(case, lesions, drawn):
    ct = replace(case[0], synthetic=True)
    for key, png in draw_pictures(ct, case[1], lesions[:1]).items():
        changed = (pixels(png) != pixels(drawn[key])).any(axis=2)
        assert changed[-60:].any()
        assert not changed[:-60].any()


def test_no_lesions_no_pictures(case):
    assert draw_pictures(*case, ()) == {}


def test_the_contour_is_around_the_middle(drawn):
    for view in ("axial", "coronal"):
        near = np.abs(pixels(drawn[f"L1-{view}"]) - RED).sum(axis=2) < 60
        rows, columns = np.nonzero(near)
        assert np.mean([rows.min(), rows.max()]) == pytest.approx(PIXELS / 2, abs=12)
        assert np.mean([columns.min(), columns.max()]) == pytest.approx(PIXELS / 2, abs=12)


def test_the_contour_is_as_wide_as_the_lesion(drawn, lesions):
    near = np.abs(pixels(drawn["L1-axial"]) - RED).sum(axis=2) < 60
    columns = np.nonzero(near)[1]
    size = lesions[0].measurements
    side = 3.2 * size.diameter_3d.length_mm
    width = np.ptp(columns) * side / PIXELS
    assert width == pytest.approx(size.long_axis.length_mm, rel=0.12)


@given(
    st.tuples(*[angles(28)] * 3),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
)
@settings(max_examples=8, deadline=None)
def test_patient_right_is_left_and_anterior_and_head_are_up(turns, flips):
    direction, origin = turned(turns, flips)
    geometry = Geometry(SIZE, SPACING, origin, direction)
    axial = axial_plane(geometry, (0.0, 0.0, 150.0), 200, 100)
    assert axial.right[0] > 0.7
    assert axial.down[1] > 0.5
    column = axial.to_pixels((30.0, 0.0, 150.0))[0]
    assert column > 49.5
    coronal = coronal_plane((0.0, 0.0, 150.0), 200, 100)
    assert coronal.to_pixels((0.0, 0.0, 200.0))[1] < 49.5
    assert coronal.to_pixels((30.0, 0.0, 150.0))[0] > 49.5


@given(
    st.tuples(*[angles(23)] * 3),
    st.tuples(*[st.sampled_from([-1, 1])] * 3),
)
@settings(max_examples=4, deadline=None)
def test_a_plane_through_a_turned_image_shows_the_patient_the_same(turns, flips):
    straight, _ = a_case()
    direction, origin = turned(turns, flips)
    ct, _ = a_case(direction, origin)
    center = (-60.0, -10.0, 170.0)
    plane = coronal_plane(center, 120, 60)
    difference = np.abs(plane.sample(ct.image, -1024) - plane.sample(straight.image, -1024))
    assert np.median(difference) < 15  # two draws of noise with SD 8
    assert (difference > 100).mean() < 0.15


def test_points_and_samples_of_a_plane_agree():
    image = sitk.Image(40, 40, 40, sitk.sitkFloat32)
    image.SetOrigin((-20.0, -20.0, -20.0))
    image[23, 15, 27] = 1000.0
    plane = coronal_plane((0.0, -5.0, 0.0), 30, 60)
    row, column = np.unravel_index(np.argmax(plane.sample(image, 0)), (60, 60))
    expected = plane.to_pixels((3.0, -5.0, 7.0))
    assert (column, row) == pytest.approx(expected, abs=1)


def test_a_plane_beside_the_image_is_empty(case):
    plane = coronal_plane((0.0, 5000.0, 0.0), 50, 20)
    assert (plane.sample(case[0].image, -1024) == -1024).all()


def test_the_whole_slice_lies_in_the_same_plane(case):
    geometry = Geometry.of(case[0].image)
    plane = axial_plane(geometry, (-60.0, -10.0, 170.0), 80, 100)
    whole = whole_slice(geometry, plane, 64)
    normal = np.cross(plane.right, plane.down)
    assert float((whole.center - plane.center) @ normal) == pytest.approx(0)
    assert whole.side_mm == pytest.approx(SIZE[0] * SPACING[0])


def test_a_region_becomes_an_image_in_its_place(lesions):
    region = lesions[0].region
    image = region_image(region)
    array = sitk.GetArrayFromImage(image)
    center = np.argwhere(array > 0).mean(axis=0)
    point = image.TransformContinuousIndexToPhysicalPoint(center[::-1].tolist())
    assert point == pytest.approx(lesions[0].measurements.centroid, abs=1e-6)


@pytest.mark.parametrize(("organ", "window"), [("lung", LUNG), ("bone", BONE), ("liver", LIVER)])
def test_organs_have_their_windows(organ, window):
    assert window_of(organ) is window


def test_a_window_maps_its_ends_to_black_and_white():
    hu = np.array([-700.0, 40 - 110, 70, 180, 900], dtype=np.float32)
    gray = LIVER.gray(hu)
    assert gray[0] == 0
    assert gray[2] == pytest.approx(127.5)
    assert gray[3] == gray[4] == 255


def test_the_lesion_is_seen_in_the_body_on_the_right_side(case, lesions, drawn):
    picture = pixels(drawn["L1-3d"])
    red = (picture[..., 0] - picture[..., 1:].max(axis=2)) > 110
    assert red.any()
    assert np.nonzero(red)[1].mean() < PIXELS / 2  # the liver is in the patient's right
    blue = pixels(drawn["L2-3d"])
    assert np.nonzero(blue[..., 2] - blue[..., 0] > 80)[1].mean() > PIXELS / 2


def test_a_lesion_smaller_than_a_voxel_of_the_body_view_still_shows(case, lesions):
    small = replace(lesions[1].region, mask=np.ones((1, 1, 1), dtype=bool))
    lesion = replace(lesions[1], region=small)
    picture = pixels(BodyView(case[0].image, case[1].organs).draw(lesion))
    assert (picture[..., 2] - picture[..., 0] > 60).any()


def test_a_surface_of_nothing_covers_nothing():
    nothing = surface(np.zeros((5, 6, 7), dtype=bool), 1.0)
    assert nothing.cover.shape == (5, 7)
    assert not nothing.cover.any()
    assert np.isfinite(nothing.shade).all()


def test_a_surface_facing_the_light_is_brighter():
    z, y, x = np.ogrid[:40, :40, :40]
    ball = surface((z - 20) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 15**2, 1.0)
    assert ball.shade[12, 14] > ball.shade[28, 26]  # upper left against lower right
    assert ball.cover[20, 20] == 1


def test_an_air_filled_image_has_no_body_but_a_picture(case, lesions):
    image = sitk.Image(case[0].image.GetSize(), sitk.sitkInt16) - 1000
    image.CopyInformation(case[0].image)
    assert pixels(BodyView(image, case[1].organs).draw(lesions[0])).shape == (PIXELS, PIXELS, 3)


def test_only_the_most_confident_lesions_get_pictures_where_there_are_very_many(
    case, lesions
) -> None:
    many = [replace(lesions[0], id=f"L{k}", confidence=k / 100) for k in range(1, 31)]
    drawn = {name.split("-")[0] for name in draw_pictures(*case, many)}
    assert drawn == {f"L{k}" for k in range(11, 31)}
