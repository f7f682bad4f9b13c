"""A synthetic case leaves as DICOM: a new series in the right place, marked, with its segments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom, tilted

from PASTAGenLib.apply import SyntheticCase, insert
from PASTAGenLib.dicom_case import write_dicom
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.dicom_writing import SyntheticStudy, ct_series, unique_id, write_ct_series
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.reading import read_ct

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")

STUDY = SyntheticStudy("SYNTHETIC-TEST", "liver tumor inserted by PASTAGen")
TECHNIQUE = {"tube voltage": "120 kV", "patient position": "HFS", "manufacturer": "SIEMENS"}
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
LEFT_HANDED = np.diag([1.0, 1, -1])


def ct_with(direction: np.ndarray, spacing: tuple[float, float, float] = (2.1, 1.7, 3.3)) -> CT:
    image, _ = phantom(spacing, direction)
    return CT(image, "phantom", technique=TECHNIQUE, synthetic=True)


@pytest.fixture(scope="module")
def case() -> SyntheticCase:
    ct, organs = phantom((2.1, 1.7, 3.3), tilted())
    return insert(ct, organs, LesionSpec("kidney_tumor", long_axis_mm=20, seed=1))


@pytest.fixture(scope="module")
def written(case: SyntheticCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dicom") / "case"
    write_dicom(case, folder, TECHNIQUE)
    return folder


def datasets(folder: Path) -> Iterator[pydicom.Dataset]:
    for path in sorted(folder.glob("*.dcm")):
        yield pydicom.dcmread(path)


@pytest.mark.parametrize(
    "direction",
    [np.eye(3), tilted(), CORONAL, LEFT_HANDED, tilted() @ LEFT_HANDED],
    ids=["axial", "oblique", "coronal", "left-handed", "oblique left-handed"],
)
def test_every_voxel_keeps_its_hu_at_its_place(tmp_path, direction):
    ct = ct_with(direction)
    write_ct_series(ct, tmp_path / "ct", STUDY)
    hu, geometry = sitk.GetArrayViewFromImage(ct.image), Geometry.of(ct.image)
    rng = np.random.default_rng(0)
    for k, image in enumerate(datasets(tmp_path / "ct")):
        orientation = np.array(image.ImageOrientationPatient, float)
        assert abs(orientation[:3] @ orientation[3:]) < 1e-9
        stored = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        assert np.array_equal(stored, hu[k])
        for row, column in rng.integers(0, hu.shape[1:], (5, 2)):
            # PS3.3 equation C.7.6.2.1-1: spacing between rows comes first
            between_rows, between_columns = map(float, image.PixelSpacing)
            point = (
                np.array(image.ImagePositionPatient, float)
                + orientation[:3] * between_columns * column
                + orientation[3:] * between_rows * row
            )
            assert np.allclose(point, geometry.points_of_zyx((k, row, column)), atol=1e-6)


@pytest.mark.parametrize("direction", [np.eye(3), tilted()], ids=["axial", "oblique"])
def test_simpleitk_reads_the_same_volume(tmp_path, direction):
    ct = ct_with(direction)
    write_ct_series(ct, tmp_path / "ct", STUDY)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "ct"))
    image = sitk.ReadImage(names)
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(ct.image))
    for get in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert np.allclose(getattr(image, get)(), getattr(ct.image, get)(), atol=1e-6)


def test_our_own_reader_knows_that_it_is_synthetic(written, case):
    back = read_ct(written / "ct")
    assert back.synthetic
    assert back.technique["tube voltage"] == "120 kV"
    assert np.array_equal(sitk.GetArrayFromImage(back.image), sitk.GetArrayFromImage(case.ct))


def test_every_image_says_that_it_is_synthetic_and_derived(written):
    for image in datasets(written / "ct"):
        assert list(image.ImageType)[:2] == ["DERIVED", "SECONDARY"]
        assert image.SyntheticData == "YES"
        assert image.ImageComments.startswith("SYNTHETIC LESION")
        assert image.SeriesDescription.startswith("SYNTHETIC LESION")
        assert image.PatientID.startswith("SYNTHETIC")
        equipment = image.ContributingEquipmentSequence[0]
        assert equipment.PurposeOfReferenceCodeSequence[0].CodeMeaning == "Modifying Equipment"
        assert equipment.ManufacturerModelName == "PASTAGen"


def test_nothing_of_the_original_series_is_in_the_new_one(tmp_path, shared_data):
    folder = shared_data("totalsegmentator/example_ct_dicom")
    ct = read_ct(folder)
    write_ct_series(ct, tmp_path / "ct", STUDY)
    identifying = (
        "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID",
        "PatientID", "PatientName", "StudyDate", "AccessionNumber", "InstitutionName",
    )  # fmt: skip
    originals = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.glob("*")]
    known = {str(image.get(key)) for image in originals for key in identifying if image.get(key)}
    images = list(datasets(tmp_path / "ct"))
    assert len(images) == ct.image.GetDepth()
    for image in images:
        del image.PixelData
        values = {str(element.value) for element in image.iterall()}
        assert not known & values


def test_the_same_case_has_the_same_uids_and_another_case_has_others():
    ct = ct_with(np.eye(3))
    first, again = ct_series(ct, STUDY), ct_series(ct, STUDY)
    other = ct_series(ct, SyntheticStudy("SYNTHETIC-OTHER", STUDY.what))
    assert [image.SOPInstanceUID for image in first] == [image.SOPInstanceUID for image in again]
    assert len({image.SOPInstanceUID for image in first}) == len(first)
    for key in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert first[0][key].value != other[0][key].value


def test_a_uid_is_valid_for_dicom():
    uid = pydicom.uid.UID(unique_id("a", 1, None))
    assert uid.is_valid
    assert len(uid) <= 64


def test_the_headers_hold_what_the_standard_requires(written):
    standard = pytest.importorskip("highdicom._standard_utils")
    image = next(datasets(written / "ct"))
    modules = standard.get_iod_module_map()["ct-image"]
    missing = []
    for module in (m["key"] for m in modules if m["usage"] == "M"):
        for attribute in standard.get_module_attribute_map()[module]:
            top = not attribute["path"]
            if top and attribute["type"] in ("1", "2") and attribute["keyword"] not in image:
                missing.append(f"{module}: {attribute['keyword']}")
            if top and attribute["type"] == "1" and attribute["keyword"] in image:
                assert image[attribute["keyword"]].value not in ("", None), attribute
    assert missing == []


def test_the_segmentation_holds_lesion_and_organ_where_they_are(written, case):
    seg = highdicom.seg.segread(written / "seg.dcm")
    assert seg.SyntheticData == "YES"
    numbers = {seg.get_segment_description(n).SegmentLabel: n for n in seg.segment_numbers}
    assert set(numbers) == {"Left kidney", "Kidney tumor"}
    lesion = sitk.GetArrayFromImage(case.lesion_mask) > 0
    kidney = sitk.GetArrayFromImage(case.organs) == catalog().label("kidney_left")
    for label, mask in (("Kidney tumor", lesion), ("Left kidney", kidney)):
        volume = seg.get_volume(segment_numbers=[numbers[label]], combine_segments=True)
        found = np.argwhere(volume.array > 0)
        places = volume.map_indices_to_reference(found.astype(float))
        index = np.rint(Geometry.of(case.ct).indices_zyx(places)).astype(int)
        assert np.array_equal(np.unique(index, axis=0), np.argwhere(mask))


def test_the_segments_are_coded_as_in_the_catalogue(written):
    seg = highdicom.seg.segread(written / "seg.dcm")
    by_label = {item.SegmentLabel: item for item in seg.SegmentSequence}
    tumor = catalog().lesion_types["kidney_tumor"]
    item = by_label["Kidney tumor"]
    assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == tumor.type.value
    assert item.AnatomicRegionSequence[0].CodeValue == tumor.region.value
    kidney = by_label["Left kidney"].SegmentedPropertyTypeCodeSequence[0]
    assert kidney.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"


def test_the_segmentation_refers_to_the_series(written):
    seg = pydicom.dcmread(written / "seg.dcm")
    images = list(datasets(written / "ct"))
    assert seg.FrameOfReferenceUID == images[0].FrameOfReferenceUID
    assert seg.StudyInstanceUID == images[0].StudyInstanceUID
    referred = seg.ReferencedSeriesSequence[0]
    assert referred.SeriesInstanceUID == images[0].SeriesInstanceUID


def test_a_folder_that_holds_something_is_left_as_it_was(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(PastaError, match="choose a new folder"):
        write_ct_series(ct_with(np.eye(3)), tmp_path, STUDY)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
