"""Files: Slicer segmentations read back with Slicer's own code, images, label maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from labelled_images import Instance, placed
from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError
from PASTALib.segments import list_segments
from PASTALib.terminology import terminology
from PASTALib.writing import write_image, write_labels, write_seg_nrrd

SHAPE = (9, 10, 12)
"""Voxels along z, y, x; all different, so that a swapped axis shows."""


@pytest.fixture
def segmentation() -> Segmentation:
    """Liver, left kidney and a vertebra; a tumor and a cyst inside the first two."""
    label = catalog().label
    organs = np.zeros(SHAPE, np.uint8)
    organs[1:8, 1:9, 1:6] = label("liver")
    organs[2:7, 2:8, 7:11] = label("kidney_left")
    organs[0, 0, 0] = label("vertebra_L3")
    lesions = np.zeros(SHAPE, np.uint8)
    lesions[2:4, 3:5, 2:5] = label("liver_tumor")
    lesions[3:6, 3:6, 8:10] = label("kidney_cyst")
    lesions[5:7, 6:9, 4:7] = label("liver_tumor")
    blank = placed(np.zeros(SHAPE, np.uint8))
    return Segmentation(placed(organs), placed(lesions), blank)


@pytest.fixture
def instances(segmentation: Segmentation) -> tuple[sitk.Image, list[Instance]]:
    """The three lesions, numbered."""
    array = np.zeros(SHAPE, np.uint16)
    array[2:4, 3:5, 2:5] = 1
    array[3:6, 3:6, 8:10] = 2
    array[5:7, 6:9, 4:7] = 3
    rows = [
        Instance("L1", "liver_tumor", None, 1),
        Instance("L2", "kidney_cyst", "left", 2),
        Instance("L3", "liver_tumor", None, 3),
    ]
    return placed(array), rows


def read_with_slicer(path: Path):
    """The segmentation node that Slicer makes of the file, in a scene that is kept with it."""
    slicer = pytest.importorskip("slicer")
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    return scene, node


def in_full_grid(node, segment_id: str) -> np.ndarray:
    """Voxels of a segment as a boolean [z, y, x] array over the whole of `SHAPE`."""
    from vtk.util.numpy_support import vtk_to_numpy

    segment = node.GetSegmentation().GetSegment(segment_id)
    image = segment.GetRepresentation("Binary labelmap")
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    values = vtk_to_numpy(image.GetPointData().GetScalars())
    values = values.reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
    full = np.zeros(SHAPE, bool)
    full[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1] = values == segment.GetLabelValue()
    return full


def index_to_ras(node) -> np.ndarray:
    import vtk

    segmentation = node.GetSegmentation()
    image = segmentation.GetNthSegment(0).GetRepresentation("Binary labelmap")
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])


@pytest.mark.slicer
def test_slicer_reads_ids_names_colors_and_terms(segmentation, instances, tmp_path):
    image, rows = instances
    path = tmp_path / "Lebér 肝.seg.nrrd"
    write_seg_nrrd(segmentation, path, instances=image, lesions=rows)
    _, node = read_with_slicer(path)
    slicer_side = node.GetSegmentation()
    ids = [slicer_side.GetNthSegmentID(n) for n in range(slicer_side.GetNumberOfSegments())]
    assert ids == ["liver", "kidney_left", "vertebra_L3", "L1", "L2", "L3"]
    names = [slicer_side.GetSegment(name).GetName() for name in ids]
    assert names[0] == "Liver"
    assert names[3:] == ["L1 Liver tumor", "L2 Kidney cyst", "L3 Liver tumor"]
    by_key = {**catalog().structures, **catalog().lesion_types}
    keys = ["liver", "kidney_left", "vertebra_L3", "liver_tumor", "kidney_cyst", "liver_tumor"]
    sides = [None, None, None, None, "left", None]
    for segment_id, key, side in zip(ids, keys, sides, strict=True):
        segment = slicer_side.GetSegment(segment_id)
        assert segment.GetTerminology() == terminology(by_key[key], side)
        assert np.allclose(np.array(segment.GetColor()) * 255, by_key[key].color, atol=0.01)
    assert "7771000^Left" in slicer_side.GetSegment("L2").GetTerminology()


@pytest.mark.slicer
def test_slicer_reads_the_key_of_a_segment_from_its_tag(segmentation, tmp_path):
    import vtk

    path = tmp_path / "a.seg.nrrd"
    write_seg_nrrd(segmentation, path)
    _, node = read_with_slicer(path)
    value = vtk.reference("")
    assert node.GetSegmentation().GetSegment("kidney_cyst").GetTag("PASTA.Key", value)
    assert value.get() == "kidney_cyst"


@pytest.mark.slicer
def test_slicer_reads_the_same_voxels_in_the_same_place(segmentation, instances, tmp_path):
    image, rows = instances
    path = tmp_path / "a.seg.nrrd"
    write_seg_nrrd(segmentation, path, instances=image, lesions=rows)
    _, node = read_with_slicer(path)

    organs = sitk.GetArrayFromImage(segmentation.organs)
    lesions = sitk.GetArrayFromImage(image)
    for key in ("liver", "kidney_left", "vertebra_L3"):
        assert np.array_equal(in_full_grid(node, key), organs == catalog().label(key)), key
    for row in rows:
        assert np.array_equal(in_full_grid(node, row.id), lesions == row.instance), row.id

    matrix = index_to_ras(node)
    for index in [(0, 0, 0), (3, 0, 0), (0, 5, 0), (0, 0, 7), (11, 9, 8)]:
        x, y, z = segmentation.organs.TransformIndexToPhysicalPoint(index)
        assert np.allclose(matrix @ [*index, 1], [-x, -y, z, 1], atol=1e-3)


@pytest.mark.slicer
def test_slicer_takes_the_grid_of_the_ct_as_reference_geometry(segmentation, tmp_path):
    import slicer
    import vtk

    path = tmp_path / "a.seg.nrrd"
    write_seg_nrrd(segmentation, path)
    _, node = read_with_slicer(path)
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    image = slicer.vtkOrientedImageData()
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image, False)
    assert image.GetExtent() == (0, 11, 0, 9, 0, 8)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    corner = matrix.MultiplyPoint((11, 9, 8, 1))
    x, y, z = segmentation.organs.TransformIndexToPhysicalPoint((11, 9, 8))
    assert np.allclose(corner[:3], (-x, -y, z), atol=1e-6)


@pytest.mark.slicer
def test_more_lesions_than_a_byte_counts_keep_their_labels(segmentation, tmp_path):
    array = np.zeros(SHAPE, np.uint16)
    array.ravel()[:300] = np.arange(1, 301)
    rows = [Instance(f"L{n}", "liver_tumor", None, n) for n in range(1, 301)]
    path = tmp_path / "many.seg.nrrd"
    write_seg_nrrd(segmentation, path, instances=placed(array), lesions=rows)
    _, node = read_with_slicer(path)
    assert np.array_equal(in_full_grid(node, "L300"), array == 300)


@pytest.mark.slicer
def test_without_lesions_there_is_one_layer(segmentation, tmp_path):
    blank = segmentation.probability
    path = tmp_path / "organs.seg.nrrd"
    write_seg_nrrd(Segmentation(segmentation.organs, blank, blank), path)
    _, node = read_with_slicer(path)
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    organs = sitk.GetArrayFromImage(segmentation.organs)
    assert np.array_equal(in_full_grid(node, "liver"), organs == catalog().label("liver"))


def test_an_empty_segmentation_is_a_file_without_segments(segmentation, tmp_path):
    blank = segmentation.probability
    assert list_segments(Segmentation(blank, blank, blank)).segments == ()
    write_seg_nrrd(Segmentation(blank, blank, blank), tmp_path / "empty.seg.nrrd")
    keys = sitk.ReadImage(tmp_path / "empty.seg.nrrd").GetMetaDataKeys()
    assert not any(key.startswith("Segment0") for key in keys)


def test_a_label_outside_the_catalogue_is_refused(segmentation, tmp_path):
    wrong = placed(np.full(SHAPE, 99, np.uint8))
    blank = segmentation.probability
    with pytest.raises(PastaError, match="Label 99"):
        write_seg_nrrd(Segmentation(wrong, blank, blank), tmp_path / "a.seg.nrrd")
    with pytest.raises(PastaError, match="Label 99"):
        write_seg_nrrd(Segmentation(blank, wrong, blank), tmp_path / "a.seg.nrrd")
    assert list(tmp_path.iterdir()) == []


def test_an_instance_nobody_listed_is_refused(segmentation, instances, tmp_path):
    image, rows = instances
    with pytest.raises(PastaError, match="Label 3"):
        write_seg_nrrd(segmentation, tmp_path / "a.seg.nrrd", instances=image, lesions=rows[:2])


def test_maps_that_lie_in_other_places_are_refused(segmentation, tmp_path):
    moved = sitk.Image(segmentation.lesions)
    moved.SetOrigin((0.0, 0.0, 0.0))
    with pytest.raises(PastaError, match="same place"):
        write_seg_nrrd(Segmentation(segmentation.organs, moved, moved), tmp_path / "a.seg.nrrd")


def test_the_suffix_that_slicer_needs_is_asked_for(segmentation, tmp_path):
    with pytest.raises(PastaError, match=r"\.seg\.nrrd"):
        write_seg_nrrd(segmentation, tmp_path / "a.nrrd")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_an_image_comes_back_as_it_was_written(suffix, tmp_path):
    values = np.random.default_rng(1).integers(-1000, 1000, SHAPE).astype(np.int16)
    image = placed(values)
    write_image(image, tmp_path / f"ct{suffix}")
    back = sitk.ReadImage(tmp_path / f"ct{suffix}")
    assert np.array_equal(sitk.GetArrayViewFromImage(back), values)
    assert np.allclose(back.GetDirection(), image.GetDirection(), atol=1e-5)
    assert np.allclose(back.GetOrigin(), image.GetOrigin(), atol=1e-3)
    assert [item.name for item in tmp_path.iterdir()] == [f"ct{suffix}"]


def test_a_dicom_header_is_not_written_into_a_file(tmp_path):
    image = placed(np.zeros(SHAPE, np.int16))
    image.SetMetaData("0010|0010", "DOE^JANE")
    write_image(image, tmp_path / "ct.nrrd", compress=False)
    assert b"DOE" not in (tmp_path / "ct.nrrd").read_bytes()
    assert image.GetMetaData("0010|0010") == "DOE^JANE"


def test_labels_are_written_as_bytes_where_they_fit(tmp_path):
    for top, pixel in ((255, sitk.sitkUInt8), (256, sitk.sitkUInt16)):
        labels = placed(np.full(SHAPE, top, np.int32))
        write_labels(labels, tmp_path / "labels.nii.gz")
        back = sitk.ReadImage(tmp_path / "labels.nii.gz")
        assert back.GetPixelID() == pixel
        assert back.GetPixel(1, 1, 1) == top


def test_an_unknown_format_leaves_nothing_behind(tmp_path):
    with pytest.raises(PastaError, match="could not be written"):
        write_image(placed(np.zeros(SHAPE, np.int16)), tmp_path / "ct.unknown")
    assert list(tmp_path.iterdir()) == []
