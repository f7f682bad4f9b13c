"""Lesion instances from a segmentation: found, described, numbered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.ct import CT, Estimate, Segmentation
from PASTALib.errors import PastaError
from PASTALib.lesions import find_lesions, instance_map, measure_lesion

SPACING = (1.0, 1.0, 2.0)
SHAPE = (60, 120, 120)
TISSUES = {"liver": 110, "kidney_left": 175, "lung_left": -840, "back_muscle": 65}


def ball(x: float, y: float, z: float, radius: float) -> np.ndarray:
    """Voxels of a ball; center in mm."""
    k, j, i = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    return (i - x) ** 2 + (j - y) ** 2 + (2 * k - z) ** 2 <= radius**2


def as_image(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    return image


class Patient:
    """Balls of organs in fat, with lesions put into them."""

    def __init__(self) -> None:
        known = catalog()
        self.organs = np.zeros(SHAPE, np.uint8)
        self.lesions = np.zeros(SHAPE, np.uint8)
        self.probability = np.zeros(SHAPE, np.uint8)
        self.hu = np.random.default_rng(1).normal(-100, 10, SHAPE)
        for key, center in {
            "liver": (35, 35, 60, 28),
            "kidney_left": (90, 35, 60, 22),
            "lung_left": (90, 85, 60, 25),
            "back_muscle": (35, 95, 60, 18),
        }.items():
            inside = ball(*center)
            self.organs[inside] = known.label(key)
            self.hu[inside] += TISSUES[key] + 100

    def insert(self, key: str, inside: np.ndarray, delta: float, probability: int = 204) -> None:
        self.lesions[inside] = catalog().label(key)
        self.hu[inside] += delta
        self.probability[inside] = probability

    def ct(self) -> CT:
        image = as_image(np.round(self.hu).astype(np.int16))
        return CT(image, "patient", phase=Estimate("portal_venous", 1.0, "test"))

    def segmentation(self) -> Segmentation:
        return Segmentation(
            as_image(self.organs), as_image(self.lesions), as_image(self.probability)
        )


@pytest.fixture
def patient() -> Patient:
    return Patient()


def test_lesions_are_numbered_by_organ_and_then_by_falling_size(patient: Patient) -> None:
    patient.insert("kidney_cyst", ball(90, 35, 70, 7), -165)
    patient.insert("liver_tumor", ball(25, 35, 60, 6), -45)
    patient.insert("liver_tumor", ball(45, 35, 60, 9), -45)
    patient.insert("lung_tumor", ball(90, 85, 60, 8), 900)
    lesions = find_lesions(patient.ct(), patient.segmentation())
    assert [(lesion.id, lesion.type) for lesion in lesions] == [
        ("L1", "lung_tumor"),
        ("L2", "liver_tumor"),
        ("L3", "liver_tumor"),
        ("L4", "kidney_cyst"),
    ]
    assert lesions[1].measurements.volume_mm3 > lesions[2].measurements.volume_mm3


def test_a_lesion_knows_its_organ_side_and_third(patient: Patient) -> None:
    patient.insert("kidney_tumor", ball(90, 35, 73, 6), -60)
    (lesion,) = find_lesions(patient.ct(), patient.segmentation())
    assert (lesion.organ, lesion.structure, lesion.side) == ("kidney", "kidney_left", "left")
    assert lesion.location.text == "left kidney, upper third"


def test_specks_are_dropped_but_a_stone_of_that_size_is_kept(patient: Patient) -> None:
    patient.insert("liver_tumor", ball(25, 35, 60, 1.5), -45)
    patient.insert("kidney_stone", ball(90, 35, 60, 1.5), 800)
    lesions = find_lesions(patient.ct(), patient.segmentation())
    assert [lesion.type for lesion in lesions] == ["kidney_stone"]


def test_a_coarse_model_grid_raises_the_smallest_size(patient: Patient) -> None:
    patient.insert("liver_tumor", ball(25, 35, 60, 2.4), -45)
    ct, segmentation = patient.ct(), patient.segmentation()
    assert len(find_lesions(ct, segmentation)) == 1
    assert find_lesions(ct, segmentation, model_spacing_mm=3.0) == ()


def test_confidence_is_the_mean_of_the_most_probable_quarter(patient: Patient) -> None:
    patient.insert("liver_tumor", ball(35, 35, 60, 9), -45, probability=100)
    patient.probability[ball(35, 35, 60, 7)] = 255
    (lesion,) = find_lesions(patient.ct(), patient.segmentation())
    assert lesion.confidence == pytest.approx(1.0, abs=1 / 255)
    assert lesion.type_confidence == 1.0


def test_the_type_is_as_sure_as_the_share_of_voxels_that_say_it(patient: Patient) -> None:
    patient.insert("liver_tumor", ball(35, 35, 60, 10), -45)
    types = patient.lesions.copy()
    types[ball(28, 35, 60, 9) & (types > 0)] = catalog().label("liver_cyst")
    segmentation = replace(patient.segmentation(), types=sitk.GetImageFromArray(types))
    (lesion,) = find_lesions(patient.ct(), segmentation)
    said = np.mean(types[patient.lesions > 0] == catalog().label("liver_tumor"))
    assert 0.2 < lesion.type_confidence == pytest.approx(said, abs=0.01)


def test_the_instance_map_holds_each_lesions_number_in_the_geometry_of_the_ct(
    patient: Patient,
) -> None:
    patient.insert("liver_tumor", ball(25, 35, 60, 6), -45)
    patient.insert("liver_tumor", ball(45, 35, 60, 9), -45)
    ct = patient.ct()
    lesions = find_lesions(ct, patient.segmentation())
    instances = instance_map(ct.image, lesions)
    assert instances.GetPixelID() == sitk.sitkUInt16
    assert instances.GetSpacing() == ct.image.GetSpacing()
    array = sitk.GetArrayFromImage(instances)
    assert np.array_equal(array > 0, patient.lesions > 0)
    for lesion in lesions:
        assert np.count_nonzero(array == lesion.instance) == lesion.measurements.voxels


def test_a_healthy_segmentation_has_no_lesions(patient: Patient) -> None:
    ct, segmentation = patient.ct(), patient.segmentation()
    assert find_lesions(ct, segmentation) == ()
    assert not sitk.GetArrayViewFromImage(instance_map(ct.image, ())).any()


def test_one_mask_measures_the_same_as_in_the_segmentation(patient: Patient) -> None:
    patient.insert("liver_tumor", ball(45, 35, 60, 9), -45)
    ct, segmentation = patient.ct(), patient.segmentation()
    (found,) = find_lesions(ct, segmentation)
    again = measure_lesion(ct, segmentation.organs, segmentation.lesions, "liver_tumor")
    assert again.measurements == found.measurements
    assert again.attributes == found.attributes


def test_lesions_of_a_single_slice_are_measured_in_it(patient: Patient) -> None:
    patient.insert("liver_tumor", ball(45, 35, 60, 9), -45)
    ct, segmentation = patient.ct(), patient.segmentation()
    single = [
        image[:, :, 30:31]
        for image in (
            ct.image,
            segmentation.organs,
            segmentation.lesions,
            segmentation.probability,
        )
    ]
    (found,) = find_lesions(CT(single[0], "slice"), Segmentation(*single[1:]))
    assert found.measurements.long_axis.length_mm == pytest.approx(18, abs=1)
    assert found.measurements.slice_index == 0
    assert found.attributes["density"].value == "Hypodense"


@pytest.mark.parametrize(
    ("key", "radius", "said"),
    [("liver_tumour", 9, "not a lesion type"), ("liver_tumor", 0, "empty")],
)
def test_an_impossible_mask_is_refused_with_a_sentence(
    patient: Patient, key: str, radius: int, said: str
) -> None:
    mask = as_image((ball(45, 35, 60, radius) & (radius > 0)).astype(np.uint8))
    with pytest.raises(PastaError, match=said):
        measure_lesion(patient.ct(), as_image(patient.organs), mask, key)
