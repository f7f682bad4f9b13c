"""The bridge to Slicer's scene, with slicer-core: volumes, segmentations, reports, .mrb files."""

from __future__ import annotations

import locale
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom

from labelled_images import Instance, placed
from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError
from PASTALib.synthetic import NODE_ATTRIBUTE

slicer = pytest.importorskip("slicer")
vtk = pytest.importorskip("vtk")

from PASTALib.mrml.bundle import REPORT_ATTRIBUTE, add_report, save_scene  # noqa: E402
from PASTALib.mrml.case import ct_of  # noqa: E402
from PASTALib.mrml.organs import organ_map  # noqa: E402
from PASTALib.mrml.scene import Carrier, open_scene  # noqa: E402
from PASTALib.mrml.segmentations import add_segmentation, segment_keys  # noqa: E402
from PASTALib.mrml.volumes import add_volume, image_of  # noqa: E402

pytestmark = pytest.mark.slicer

SHAPE = (7, 8, 9)
"""Voxels along z, y, x."""


@pytest.fixture
def carrier() -> Carrier:
    return open_scene()


@pytest.fixture
def ct() -> sitk.Image:
    values = np.random.default_rng(7).integers(-1024, 2000, SHAPE)
    return placed(values.astype(np.int16))


@pytest.fixture
def segmentation() -> Segmentation:
    label = catalog().label
    organs = np.zeros(SHAPE, np.uint8)
    organs[1:6, 1:7, 1:4] = label("liver")
    organs[2:6, 2:7, 5:8] = label("kidney_right")
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[2:4, 3:5, 2:4] = label("liver_cyst")
    lesions[3:5, 3:5, 6:8] = label("kidney_stone")
    return Segmentation(placed(organs), placed(lesions), placed(np.zeros(SHAPE, np.uint8)))


def signed_axes() -> list[np.ndarray]:
    """The 48 ways to lay the axes of an image along those of the patient."""
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    signs = [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]
    return [np.eye(3)[:, order] * sign for order in orders for sign in signs]


def test_a_volume_comes_back_as_the_image_it_was_made_of(carrier, ct):
    back = image_of(add_volume(carrier.scene, ct, "CT"))
    assert np.array_equal(sitk.GetArrayViewFromImage(back), sitk.GetArrayViewFromImage(ct))
    assert back.GetPixelID() == ct.GetPixelID()
    assert np.allclose(back.GetDirection(), ct.GetDirection())
    assert np.allclose(back.GetSpacing(), ct.GetSpacing())
    assert np.allclose(back.GetOrigin(), ct.GetOrigin())


def test_every_axis_order_and_handedness_survives(carrier):
    index = (4, 1, 5)
    for direction in signed_axes():
        array = np.zeros(SHAPE, np.int16)
        array[index[::-1]] = 500
        image = placed(array, tuple(direction.ravel()))
        volume = add_volume(carrier.scene, image, "CT")
        back = image_of(volume)
        assert np.allclose(
            back.TransformIndexToPhysicalPoint(index), image.TransformIndexToPhysicalPoint(index)
        )
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        assert np.allclose(matrix.MultiplyPoint((*index, 1))[:3], (-x, -y, z))
        carrier.scene.RemoveNode(volume)


def test_a_file_that_slicer_reads_gives_the_image_that_we_wrote(carrier, ct, tmp_path):
    sitk.WriteImage(ct, str(tmp_path / "ct.nrrd"))
    volume = carrier.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    storage = carrier.scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(tmp_path / "ct.nrrd"))
    assert storage.ReadData(volume)
    back = image_of(volume)
    # Slicer is allowed to turn the axes of the file; what counts is the value at a point.
    resampled = sitk.Resample(back, ct, sitk.Transform(), sitk.sitkNearestNeighbor, -9999.0)
    assert np.array_equal(sitk.GetArrayViewFromImage(resampled), sitk.GetArrayViewFromImage(ct))


def test_a_moved_volume_gives_an_image_where_it_was_moved_to(carrier, ct):
    volume = add_volume(carrier.scene, ct, "CT")
    transform = carrier.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 10.0)
    matrix.SetElement(2, 3, -5.0)
    transform.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    x, y, z = ct.GetOrigin()
    assert np.allclose(image_of(volume).GetOrigin(), (x - 10.0, y, z - 5.0))


def test_a_sheared_volume_is_refused(carrier, ct):
    volume = add_volume(carrier.scene, ct, "Tilted")
    transform = carrier.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(1, 2, 0.3)
    transform.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(PastaError, match="right angles"):
        image_of(volume)


def test_an_empty_and_a_color_volume_are_refused(carrier):
    empty = carrier.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Nothing")
    with pytest.raises(PastaError, match="'Nothing' is empty"):
        image_of(empty)
    color = carrier.scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photo")
    data = vtk.vtkImageData()
    data.SetDimensions(4, 4, 1)
    data.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    color.SetAndObserveImageData(data)
    with pytest.raises(PastaError, match="3 values per voxel"):
        image_of(color)


def test_segments_have_the_catalogues_names_colors_terms_and_keys(carrier, ct, segmentation):
    volume = add_volume(carrier.scene, ct, "CT")
    node = add_segmentation(carrier.scene, segmentation, "Findings", volume=volume)
    assert segment_keys(node) == {
        key: key for key in ("liver", "kidney_right", "liver_cyst", "kidney_stone")
    }
    assert node.GetSegmentation().GetNumberOfLayers() == 2
    stone = node.GetSegmentation().GetSegment("kidney_stone")
    assert stone.GetName() == catalog().lesion_types["kidney_stone"].name
    assert stone.GetTerminology().startswith("PASTA~SCT^91720002^Body Substance~SCT^56381008")
    color = catalog().lesion_types["kidney_stone"].color
    assert np.allclose(np.array(stone.GetColor()) * 255, color)
    reference = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
    assert reference.GetID() == volume.GetID()


def test_lesions_overlap_their_organ_and_no_surface_is_made(carrier, ct, segmentation):
    volume = add_volume(carrier.scene, ct, "CT")
    node = add_segmentation(carrier.scene, segmentation, "Findings", volume=volume)
    organs = sitk.GetArrayFromImage(organ_map(node, volume))
    assert np.array_equal(organs, sitk.GetArrayViewFromImage(segmentation.organs))
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")


def test_each_lesion_is_a_segment_of_its_own_where_instances_are_known(carrier, segmentation):
    array = np.zeros(SHAPE, np.uint16)
    array[2:4, 3:5, 2:4] = 1
    array[3:5, 3:5, 6:8] = 2
    rows = [
        Instance("L1", "liver_cyst", None, 1),
        Instance("L2", "kidney_stone", "right", 2),
    ]
    node = add_segmentation(
        carrier.scene, segmentation, "Findings", instances=placed(array), lesions=rows
    )
    assert segment_keys(node)["L2"] == "kidney_stone"
    second = node.GetSegmentation().GetSegment("L2")
    assert second.GetName() == "L2 Kidney stone"
    assert second.GetTerminology().endswith("SCT^64033007^Kidney~SCT^24028007^Right")


def test_an_organ_is_known_by_its_name_in_any_spelling(carrier, ct):
    volume = add_volume(carrier.scene, ct, "CT")
    node = carrier.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    for segment_id, name in (("a", "LIVER"), ("b", "Left Kidney"), ("c", "my sketch")):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        node.GetSegmentation().AddSegment(segment, segment_id)
    assert segment_keys(node) == {"a": "liver", "b": "kidney_left"}
    node.GetSegmentation().RemoveAllSegments()
    with pytest.raises(PastaError, match="no organ that PASTA knows"):
        organ_map(node, volume)


def test_a_segmentation_on_another_grid_is_brought_onto_that_of_the_volume(carrier, segmentation):
    fine = sitk.Expand(segmentation.organs, [2, 2, 2], sitk.sitkNearestNeighbor)
    fine = sitk.Cast(fine, sitk.sitkInt16)
    node = add_segmentation(carrier.scene, segmentation, "Coarse")
    organs = organ_map(node, add_volume(carrier.scene, fine, "CT"))
    assert organs.GetSize() == fine.GetSize()
    liver = catalog().label("liver")
    volumes = [
        np.count_nonzero(sitk.GetArrayViewFromImage(image) == liver) * np.prod(image.GetSpacing())
        for image in (organs, segmentation.organs)
    ]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.02)


def test_what_of_a_coarser_segment_lies_beyond_the_volume_is_left_out(carrier):
    liver = catalog().label("liver")
    organs = sitk.GetImageFromArray(np.full((8, 8, 8), liver, np.uint8))
    organs.SetSpacing((4.0,) * 3)
    none = sitk.Image(organs.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(organs)
    node = add_segmentation(carrier.scene, Segmentation(organs, none, none), "Coarse")
    ct = sitk.Image((12, 12, 12), sitk.sitkInt16)
    ct.SetOrigin((-5.0, 2.0, 2.0))
    seen = sitk.GetArrayFromImage(organ_map(node, add_volume(carrier.scene, ct, "CT")))
    assert (seen[..., 3:] == liver).all()
    assert not seen[..., :3].any()


def test_a_bundle_holds_ct_segmentation_and_report(carrier, ct, segmentation, tmp_path):
    volume = add_volume(carrier.scene, ct, "CT")
    node = add_segmentation(carrier.scene, segmentation, "Findings", volume=volume)
    text = '{"impression": "Zyste in der Leber, 12 mm \u2192 <gutartig> & ruhig"}'
    add_report(carrier.scene, text, "Report", "json", node)
    add_report(carrier.scene, "<html>\u00e4</html>", "Report page", "html", node)
    path = tmp_path / "Fall \u00dcml 1.mrb"
    save_scene(carrier.scene, path)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    names = zipfile.ZipFile(path).namelist()
    assert all(name.startswith("Fall \u00dcml 1/") for name in names)
    assert {"json", "html", "nrrd", "mrml"} <= {name.rsplit(".")[-1] for name in names}

    # Slicer unpacks names in the locale of the process, which other libraries reset to plain C.
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    other = open_scene()
    assert other.scene.ReadFromMRB(str(path))
    back = image_of(other.scene.GetFirstNodeByName("CT"))
    assert np.array_equal(sitk.GetArrayViewFromImage(back), sitk.GetArrayViewFromImage(ct))
    assert np.allclose(back.GetOrigin(), ct.GetOrigin(), atol=1e-3)
    found = other.scene.GetFirstNodeByName("Findings")
    assert segment_keys(found) == segment_keys(node)
    organs = organ_map(found, other.scene.GetFirstNodeByName("CT"))
    assert np.array_equal(
        sitk.GetArrayViewFromImage(organs), sitk.GetArrayViewFromImage(segmentation.organs)
    )
    report = other.scene.GetFirstNodeByName("Report")
    assert report.GetText() == text
    assert report.GetAttribute(REPORT_ATTRIBUTE) == "json"
    assert report.GetNodeReference("segmentation").GetID() == found.GetID()


def test_the_scene_is_the_same_after_it_was_saved(carrier, ct, segmentation, tmp_path):
    add_volume(carrier.scene, ct, "CT")
    add_segmentation(carrier.scene, segmentation, "Findings")
    save_scene(carrier.scene, tmp_path / "a.mrb")
    count = carrier.scene.GetNumberOfNodes()
    save_scene(carrier.scene, tmp_path / "b.mrb")
    assert carrier.scene.GetNumberOfNodes() == count
    with pytest.raises(PastaError, match=r"\.mrb"):
        save_scene(carrier.scene, tmp_path / "a.zip")


def test_our_terms_load_into_slicers_terminologies(carrier):
    terms = next(item for item in carrier.kept if "Terminologies" in item.GetClassName())
    names = vtk.vtkStringArray()
    terms.GetLoadedTerminologyNames(names)
    assert "PASTA" in [names.GetValue(n) for n in range(names.GetNumberOfValues())]


def test_a_volume_that_is_marked_as_synthetic_is_a_synthetic_ct(carrier):
    body, _ = phantom((5, 5, 5))
    volume = add_volume(carrier.scene, body, "CT")
    assert not ct_of(volume).synthetic
    volume.SetAttribute(NODE_ATTRIBUTE, "1")
    assert ct_of(volume).synthetic
