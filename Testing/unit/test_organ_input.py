"""Organ segmentations of the user's own: label tables, geometry, and the guess of the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError
from PASTALib.label_guess import TABLES
from PASTALib.organ_input import organs_for, read_organs
from PASTALib.reading import read_ct
from PASTALib.writing import write_seg_nrrd

PLACES = {  # structure: box [z, y, x] of 5 mm voxels in a body of 60 x 40 x 70, and HU
    "liver": ((30, 45), (10, 28), (8, 28), 55),
    "spleen": ((32, 42), (20, 30), (48, 58), 47),
    "kidney_right": ((15, 27), (22, 30), (18, 26), 33),
    "kidney_left": ((16, 28), (22, 30), (44, 52), 34),
    "aorta": ((5, 55), (20, 23), (36, 39), 42),
    "urinary_bladder": ((2, 9), (8, 18), (29, 40), 4),
    "esophagus": ((46, 58), (21, 24), (34, 36), 38),
    "stomach": ((34, 44), (8, 16), (36, 50), 20),
}


def scan() -> tuple[sitk.Image, np.ndarray]:
    """A rough non-contrast body, and its catalogue labels as an array."""
    hu = np.full((60, 40, 70), -1000.0)
    hu[:, 5:35, 5:63] = -90
    labels = np.zeros(hu.shape, np.uint8)
    for key, (z, y, x, value) in PLACES.items():
        box = (slice(*z), slice(*y), slice(*x))
        hu[box] = value
        labels[box] = catalog().label(key)
    hu += np.random.default_rng(0).normal(0, 8, hu.shape)
    image = sitk.GetImageFromArray(hu.astype(np.int16))
    image.SetSpacing((5.0, 5.0, 5.0))
    image.SetOrigin((-170.0, -90.0, 40.0))
    return image, labels


def renumbered(labels: np.ndarray, table: str) -> np.ndarray:
    """Labels as another tool would number them."""
    result = np.zeros_like(labels)
    for number, label in sorted(catalog().label_table(table).items(), reverse=True):
        result[labels == label] = number
    return result


def written(path: Path, array: np.ndarray, like: sitk.Image) -> Path:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("table", TABLES)
def test_labels_of_other_tools_become_catalogue_labels(tmp_path: Path, table: str) -> None:
    ct, labels = scan()
    path = written(tmp_path / "organs.nii.gz", renumbered(labels, table), ct)
    found = read_organs(path, ct, table)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.labels), labels)
    assert "given by the user" in found.notes[0]


@pytest.mark.parametrize("table", TABLES)
def test_the_table_is_guessed_with_a_reason(tmp_path: Path, table: str) -> None:
    ct, labels = scan()
    path = written(tmp_path / "organs.nii.gz", renumbered(labels, table), ct)
    found = read_organs(path, ct)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.labels), labels)
    assert f"label table: {table}, guessed" in found.notes[0]


def test_a_single_ambiguous_label_is_not_guessed(tmp_path: Path) -> None:
    ct, labels = scan()
    path = written(tmp_path / "one.nii.gz", (labels == 14).astype(np.uint8) * 3, ct)
    with pytest.raises(PastaError, match="--organ-table"):
        read_organs(path, ct)


def test_another_axis_order_and_spacing_is_fitted_to_the_ct(tmp_path: Path) -> None:
    ct, labels = scan()
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(ct)
    other = sitk.Flip(
        sitk.PermuteAxes(sitk.Expand(image, [1, 1, 2], sitk.sitkNearestNeighbor), [2, 0, 1]),
        [True, False, True],
    )
    path = tmp_path / "organs.nrrd"
    sitk.WriteImage(other, str(path))
    found = read_organs(path, ct, "pasta").labels
    assert found.GetSize() == ct.GetSize()
    same = sitk.GetArrayFromImage(found) == labels
    assert same.mean() > 0.995


def test_a_segmentation_of_another_place_is_refused(tmp_path: Path) -> None:
    ct, labels = scan()
    moved = sitk.GetImageFromArray(labels)
    moved.CopyInformation(ct)
    moved.SetOrigin((-170.0, -90.0, 900.0))
    sitk.WriteImage(moved, str(tmp_path / "organs.nii.gz"))
    with pytest.raises(PastaError, match="0% of the organs"):
        read_organs(tmp_path / "organs.nii.gz", ct, "pasta")


def test_a_ct_or_fractions_or_nothing_are_no_organs(tmp_path: Path) -> None:
    ct, labels = scan()
    sitk.WriteImage(ct, str(tmp_path / "ct.nii.gz"))
    with pytest.raises(PastaError, match="other values than labels"):
        read_organs(tmp_path / "ct.nii.gz", ct)
    path = written(tmp_path / "soft.nii.gz", labels.astype(np.float32) / 3, ct)
    with pytest.raises(PastaError, match="other values than labels"):
        read_organs(path, ct)
    path = written(tmp_path / "empty.nii.gz", np.zeros_like(labels), ct)
    with pytest.raises(PastaError, match="empty"):
        read_organs(path, ct, "pasta")


@pytest.mark.parametrize(
    "text", ['{"1": "liver", "2": "Spleen"}', '{"liver": 1, "spleen": 2, "hair": 9}']
)
def test_a_table_in_a_json_file_is_used(tmp_path: Path, text: str) -> None:
    ct, labels = scan()
    own = (labels == 1) * 1 + (labels == 4) * 2
    path = written(tmp_path / "organs.mha", own.astype(np.uint8), ct)
    table = tmp_path / "table.json"
    table.write_text(text)
    found = sitk.GetArrayFromImage(read_organs(path, ct, str(table)).labels)
    np.testing.assert_array_equal(np.unique(found), [0, 1, 4])


@pytest.mark.parametrize("text", ["not json", "[]", '{"liver": "five"}', '{"7": "hair"}'])
def test_a_wrong_json_table_is_refused(tmp_path: Path, text: str) -> None:
    ct, labels = scan()
    path = written(tmp_path / "organs.mha", labels, ct)
    table = tmp_path / "table.json"
    table.write_text(text)
    with pytest.raises(PastaError, match=r"table\.json"):
        read_organs(path, ct, str(table))
    with pytest.raises(PastaError, match="not known"):
        read_organs(path, ct, "nnunet")


def test_segment_names_of_a_slicer_segmentation_are_its_table(tmp_path: Path) -> None:
    ct, labels = scan()
    image = sitk.GetImageFromArray((labels == 1).astype(np.uint8) * 7)
    image.CopyInformation(ct)
    image.SetMetaData("Segment0_Name", "Liver")
    image.SetMetaData("Segment0_LabelValue", "7")
    sitk.WriteImage(image, str(tmp_path / "mine.seg.nrrd"))
    found = read_organs(tmp_path / "mine.seg.nrrd", ct)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.labels), (labels == 1) * 1)
    assert "names of its segments" in found.notes[0]


def test_a_segmentation_that_this_library_wrote_can_be_given_back(tmp_path: Path) -> None:
    ct, labels = scan()
    organs = sitk.GetImageFromArray(labels)
    organs.CopyInformation(ct)
    lesions = (organs == 1) * 102
    path = tmp_path / "segmentation.seg.nrrd"
    write_seg_nrrd(Segmentation(organs, lesions, lesions), path)
    found = read_organs(path, ct)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found.labels), labels)


def test_a_folder_of_organs_is_matched_by_case_name(tmp_path: Path) -> None:
    (tmp_path / "p1.nii.gz").touch()
    (tmp_path / "p2.seg.nrrd").touch()
    assert organs_for(Path("in/p1.mha"), "p1", tmp_path).name == "p1.nii.gz"
    assert organs_for(Path("in/p2.nii.gz"), "p2", tmp_path).name == "p2.seg.nrrd"
    with pytest.raises(PastaError, match="named 'p3'"):
        organs_for(Path("in/p3.nii.gz"), "p3", tmp_path)


def test_real_totalsegmentator_files_are_recognized(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("totalsegmentator")
    names = json.loads((folder / "labels_total117.json").read_text(encoding="utf-8"))
    assert names["5"] == "liver"
    for ct_name, organs in [
        ("example_ct.nii.gz", "example_seg_total117.nii.gz"),
        ("example_ct_dicom", "example_seg_dicom.nii.gz"),
    ]:
        ct = read_ct(folder / ct_name)
        found = read_organs(folder / organs, ct.image)
        assert "totalsegmentator_v2, guessed" in found.notes[0]
        hu = sitk.GetArrayViewFromImage(ct.image)
        labels = sitk.GetArrayViewFromImage(found.labels)
        assert 30 < np.median(hu[labels == 1]) < 130  # the liver
