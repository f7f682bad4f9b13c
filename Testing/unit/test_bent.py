"""Volumes and segmentations under transforms that bend."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

slicer = pytest.importorskip("slicer", reason="needs slicer-core")

from gui.making import bend  # noqa: E402
from PASTALib.bending import straightened  # noqa: E402
from PASTALib.ct import Segmentation  # noqa: E402
from PASTALib.geometry import Geometry  # noqa: E402
from PASTALib.mrml.bent import ERROR_MM, field_in_steps, hardened_copy  # noqa: E402
from PASTALib.mrml.organs import lie_on, organ_map  # noqa: E402
from PASTALib.mrml.scene import open_scene  # noqa: E402
from PASTALib.mrml.segmentations import add_segmentation  # noqa: E402
from PASTALib.mrml.volumes import (  # noqa: E402
    add_volume,
    grid_of,
    image_of,
    own_image_of,
    voxels_of_volume,
)
from PASTALib.steps import finished  # noqa: E402
from PASTALib.synthetic import NODE_ATTRIBUTE  # noqa: E402

pytestmark = pytest.mark.slicer


@pytest.fixture
def scene():
    return open_scene().scene


@pytest.fixture(params=[(0.0, 0.0, 0.0), (0.2, -0.3, 0.4)], ids=["axial", "oblique"])
def volume(request, scene):
    """A scan with waves in it, some 200 mm wide."""
    z, y, x = np.indices((40, 50, 60))
    hu = 100 * np.sin(x / 6) + 100 * np.cos(y / 5) + 100 * np.sin(z / 4)
    image = sitk.GetImageFromArray(hu.astype(np.int16))
    image.SetSpacing((3.5, 4.0, 5.0))
    image.SetOrigin((-100.0, -100.0, -100.0))
    image.SetDirection(sitk.Euler3DTransform((0.0,) * 3, *request.param).GetMatrix())
    return add_volume(scene, image, "Waves")


def test_a_copy_is_hardened_as_slicer_does_it(scene, volume):
    before, own = voxels_of_volume(volume).copy(), own_image_of(volume)
    bend(scene, volume)
    volume.SetAttribute(NODE_ATTRIBUTE, "1")
    copy = hardened_copy(scene, volume)
    assert np.array_equal(voxels_of_volume(volume), before)
    assert copy.GetParentTransformNode() is None
    assert copy.GetName() == "Waves hardened"
    assert copy.GetAttribute(NODE_ATTRIBUTE) == "1"
    volume.HardenTransform()
    expected = image_of(volume)
    grid, floats = grid_of(copy), sitk.sitkFloat32
    whole = grid.sample(sitk.Cast(sitk.Image(expected) * 0 + 1, floats), 0.0)
    inside = ndimage.binary_erosion(sitk.GetArrayFromImage(whole) > 0.999, iterations=4)
    theirs = sitk.GetArrayFromImage(grid.sample(expected, 0.0))
    assert inside.mean() > 0.3
    assert np.abs(theirs - image_on(grid, own))[inside].max() > 50  # it did move
    assert np.abs(theirs - voxels_of_volume(copy))[inside].mean() < 3  # they interpolated twice
    assert {c.round(3) for c in grid.indices_xyz(Geometry.of(own).origin)} <= set(range(-9, 10))


def image_on(grid: Geometry, image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(grid.sample(image, 0.0))


def test_a_field_is_as_right_as_it_says_where_it_is_asked(scene, volume):
    import vtk

    bend(scene, volume)
    grid = Geometry.of(own_image_of(volume))
    field = finished(field_in_steps(volume, grid))
    transform, exact = field.transform(), vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        None, volume.GetParentTransformNode(), exact
    )
    rng = np.random.default_rng(0)
    for point in grid.points_of_xyz(rng.uniform(0, np.subtract(grid.size, 1), (200, 3))):
        x, y, z = exact.TransformPoint(-point[0], -point[1], point[2])
        told = transform.TransformPoint(point.tolist())
        assert np.linalg.norm(np.subtract(told, (-x, -y, z))) < 2 * ERROR_MM


def test_organs_under_a_bending_transform_are_where_they_are_seen(scene, volume):
    from PASTALib.catalog import catalog

    liver = catalog().label("liver")
    grid = grid_of(volume)
    labels = np.zeros(grid.shape_zyx, np.uint8)
    labels[10:30, 12:38, 15:45] = liver
    organs = grid.place(sitk.GetImageFromArray(labels))
    none = grid.place(sitk.Image(grid.size, sitk.sitkUInt8))
    node = add_segmentation(scene, Segmentation(organs, none, none), "Organs", volume=volume)
    assert lie_on(node, grid)
    bend(scene, node)
    assert not lie_on(node, grid)
    seen = sitk.GetArrayFromImage(organ_map(node, volume)) == liver
    field = finished(field_in_steps(node, grid))
    floats = straightened(sitk.Cast(organs, sitk.sitkFloat32), field, grid)
    expected = sitk.GetArrayFromImage(floats) > liver / 2
    assert (seen ^ expected).mean() < 0.01
    assert (seen ^ (labels > 0)).sum() > 200
    node.HardenTransform()
    theirs = sitk.GetArrayFromImage(organ_map(node, volume)) == liver
    overlap = 2 * (seen & theirs).sum() / (seen.sum() + theirs.sum())
    assert overlap > 0.97
