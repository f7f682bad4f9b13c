"""DICOM folders: which series is taken, what is repaired or refused, and that no name gets out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from dicom_series import PATIENT, PATIENT_ID, write_series
from PASTALib.dicom_header import without_identity
from PASTALib.dicom_series import choose_series, is_sharp, list_series
from PASTALib.errors import PastaError
from PASTALib.naming import case_name
from PASTALib.reading import read_ct
from PASTALib.straighten import affine_of, shear_degrees


def body(slices: int = 16) -> np.ndarray:
    """A body of 50 HU with a bright bar (500 HU) in slice 5, air around it."""
    rng = np.random.default_rng(3)
    hu = np.full((slices, 40, 48), -1000)
    hu[:, 6:34, 8:40] = 50
    hu = hu + rng.integers(-20, 21, hu.shape)
    hu[5:6, 18:21, 20:30] = 500
    return hu


def heights(places: list[float]) -> list[tuple[float, float, float]]:
    return [(0.0, 0.0, z) for z in places]


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def test_a_series_is_stacked_by_position_whatever_the_file_names(tmp_path: Path) -> None:
    places = [2.5 * k for k in range(16)]
    write_series(tmp_path / "ct", body()[::-1], positions=heights(places[::-1]))
    ct = read_ct(tmp_path / "ct")
    np.testing.assert_array_equal(voxels(ct.image), body())
    assert ct.image.GetSpacing() == (1.0, 1.0, 2.5)
    assert ct.image.GetOrigin() == (0.0, 0.0, 0.0)


def test_one_file_stands_for_its_series(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", body())
    write_series(tmp_path / "ct", body(24), uid="1.2.3.5", stem="other")
    np.testing.assert_array_equal(voxels(read_ct(files[7]).image), body())


def test_files_without_a_suffix_in_subfolders_are_found(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "study" / "SE0", body()):
        path.rename(path.with_suffix(""))
    (tmp_path / "study" / "readme.txt").write_text("burned by a viewer")
    assert read_ct(tmp_path / "study").image.GetSize() == (48, 40, 16)


def test_a_folder_with_non_ascii_letters_is_read(tmp_path: Path) -> None:
    write_series(tmp_path / "Röntgen 腹部" / "größe", body())
    assert read_ct(tmp_path / "Röntgen 腹部").image.GetSize() == (48, 40, 16)


def test_an_oblique_series_keeps_its_direction(tmp_path: Path) -> None:
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, 0.1, 0.3)
    matrix = np.array(turn.GetMatrix()).reshape(3, 3)
    axes = [*matrix[:, 0], *matrix[:, 1]]
    positions = [matrix[:, 2] * 2.5 * k + (10, 20, 30) for k in range(16)]
    ct = read_ct(write_series(tmp_path / "ct", body(), positions=positions, axes=axes)[0].parent)
    np.testing.assert_allclose(np.array(ct.image.GetDirection()).reshape(3, 3), matrix, atol=1e-5)
    np.testing.assert_array_equal(voxels(ct.image), body())
    assert not any("tilted" in note for note in ct.notes)


@pytest.mark.parametrize("degrees", [-18.0, 12.0])
def test_gantry_tilt_is_straightened_and_points_stay_in_place(
    tmp_path: Path, degrees: float
) -> None:
    angle = np.radians(degrees)
    column = np.array([0.0, np.cos(angle), np.sin(angle)])
    positions = [(0.0, 0.0, 2.5 * k) for k in range(16)]  # the table moves along z
    write_series(tmp_path / "ct", body(), positions=positions, axes=[1, 0, 0, *column])
    ct = read_ct(tmp_path / "ct")
    assert any(f"tilted by {abs(degrees):.1f} degrees" in note for note in ct.notes)
    assert shear_degrees(affine_of(ct.image)) < 1e-4
    bar = np.array(positions[5]) + [24.0, 0, 0] + 19 * column  # in the middle of the bright bar
    assert ct.image[ct.image.TransformPhysicalPointToIndex(bar.tolist())] > 350


def test_one_missing_slice_is_interpolated_with_a_note(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", body())
    files[9].unlink()
    ct = read_ct(tmp_path / "ct")
    assert ct.image.GetSize()[2] == 16
    assert any("about 1 missing" in note and "interpolated" in note for note in ct.notes)
    between = (body()[8] + body()[10]) / 2
    np.testing.assert_allclose(voxels(ct.image)[9], between, atol=1)
    np.testing.assert_array_equal(voxels(ct.image)[5], body()[5])


def test_a_large_gap_is_refused_and_says_where(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "ct", body())[6:11]:
        path.unlink()
    with pytest.raises(PastaError, match=r"15\.0 mm between two images \(at 12\.5 and 27\.5 mm\)"):
        read_ct(tmp_path / "ct")


def test_uneven_spacing_is_resampled_and_rounded_positions_are_not(tmp_path: Path) -> None:
    uneven = np.cumsum([0, *([2.0] * 8), *([3.0] * 7)]).tolist()
    write_series(tmp_path / "uneven", body(), positions=heights(uneven))
    ct = read_ct(tmp_path / "uneven")
    assert any("2.0 to 3.0 mm apart" in note for note in ct.notes)
    assert ct.image.GetSpacing()[2] * (ct.image.GetSize()[2] - 1) == pytest.approx(37.0)
    rounded = [round(0.625 * k, 1) for k in range(16)]
    write_series(tmp_path / "rounded", body(), positions=heights(rounded), uid="1.2.9")
    ct = read_ct(tmp_path / "rounded")
    assert not any("apart" in note for note in ct.notes if "missing" in note or "uneven" in note)


def test_copies_of_slices_are_left_out(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", body())
    for path in files[3:6]:
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
    ct = read_ct(tmp_path / "ct")
    np.testing.assert_array_equal(voxels(ct.image), body())
    assert any("3 repeated images" in note for note in ct.notes)


def test_two_phases_under_one_uid_are_told_apart_by_acquisition(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", body(), tags={"0020|0012": "1"})
    write_series(tmp_path / "ct", body() + 7, tags={"0020|0012": "2"}, stem="late")
    series = list_series(tmp_path / "ct")
    assert [(item.uid, item.count) for item in series] == [("1.2.3.4", 16), ("1.2.3.4#2", 16)]
    ct = read_ct(tmp_path / "ct", series="1.2.3.4#2")
    np.testing.assert_array_equal(voxels(ct.image), body() + 7)


def test_different_images_at_one_place_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", body())
    write_series(tmp_path / "ct", body()[:9] + 7, stem="late")
    with pytest.raises(PastaError, match="several different images at the same place"):
        read_ct(tmp_path / "ct")


def test_the_long_soft_thin_original_series_is_chosen_and_the_reason_given(tmp_path: Path) -> None:
    study = tmp_path / "study"
    write_series(study, body(2), uid="1.1", tags={"0008|0008": "ORIGINAL\\PRIMARY\\LOCALIZER",
                 "0020|0011": "1"}, stem="a")  # fmt: skip
    write_series(study, body(), uid="1.2", step=2.5, stem="b",
                 tags={"0018|1210": "B70f", "0020|0011": "2"})  # fmt: skip
    write_series(study, body(), uid="1.3", step=2.5, stem="c",
                 tags={"0018|1210": "B30f", "0020|0011": "3"})  # fmt: skip
    write_series(study, body(8), uid="1.4", step=5.0, stem="d",
                 tags={"0018|1210": "B30f", "0020|0011": "4"})  # fmt: skip
    write_series(study, body(30), uid="1.5", step=1.0, stem="e", axes=[1, 0, 0, 0, 0, -1],
                 positions=[(0, 1.0 * k, 0) for k in range(30)],
                 tags={"0020|0011": "5"})  # fmt: skip
    write_series(study, body(6), uid="1.6", step=1.0, stem="f", tags={"0020|0011": "6"})
    write_series(study, body(), uid="1.7", stem="g", tags={"0008|0060": "PT", "0020|0011": "7"})
    series = list_series(study)
    reasons = {item.uid: item.why_not() for item in series}
    assert reasons["1.1"] == "it is a localizer"
    assert reasons["1.5"] == "it is coronal, not axial"
    assert "PT" in (reasons["1.7"] or "")
    chosen, reason = choose_series(series, "study")
    assert chosen.uid == "1.3"
    assert "series 3" in reason
    assert "series 2" in reason
    assert read_ct(study).notes[0] == reason
    assert "chosen by the user" in read_ct(study, series="1.2").notes[0]


def test_an_unknown_series_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", body())
    with pytest.raises(PastaError, match=r"no series '9\.9'; it holds 1\.2\.3\.4"):
        read_ct(tmp_path / "ct", series="9.9")


def test_a_folder_without_an_axial_ct_says_what_it_holds(tmp_path: Path) -> None:
    write_series(tmp_path / "pet", body(), tags={"0008|0060": "PT"})
    with pytest.raises(PastaError, match=r"no axial CT series.*modality is PT"):
        read_ct(tmp_path / "pet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PastaError, match="no DICOM files"):
        read_ct(tmp_path / "empty")


def test_a_mix_of_studies_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "mix", body(), uid="1.1", study="1")
    write_series(tmp_path / "mix", body(), uid="2.1", study="2", stem="b")
    with pytest.raises(PastaError, match="mixes 2 studies"):
        read_ct(tmp_path / "mix")
    assert read_ct(tmp_path / "mix", series="2.1").image.GetSize()[2] == 16


def test_values_without_rescale_are_shifted(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", body(), rescale=False)
    ct = read_ct(tmp_path / "ct")
    np.testing.assert_array_equal(voxels(ct.image), np.maximum(body(), -1024))
    assert any("1024 was subtracted" in note for note in ct.notes)


def test_a_truncated_file_is_left_out_with_a_note(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", body())
    files[9].write_bytes(files[9].read_bytes()[:600])
    ct = read_ct(tmp_path / "ct")
    assert ct.image.GetSize()[2] == 16
    assert any("1 DICOM files hold no readable image" in note for note in ct.notes)
    assert any("1 missing" in note for note in ct.notes)


def test_cut_pixels_are_not_taken_for_air(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", body())
    data = files[9].read_bytes()
    files[9].write_bytes(data[: len(data) - 800])
    ct = read_ct(tmp_path / "ct")
    assert any("missing" in note for note in ct.notes)
    assert voxels(ct.image)[9, 20, 20] == pytest.approx(50, abs=30)


def test_nothing_that_names_the_patient_is_in_the_ct(tmp_path: Path) -> None:
    folder = tmp_path / "MUSTERMANN_erika_1970"
    write_series(
        folder,
        body(),
        tags={"0008|103e": f"Abdomen Mustermann {PATIENT_ID}", "0018|1210": f"B30f {PATIENT_ID}"},
    )
    ct = read_ct(folder)
    said = " ".join([ct.name, ct.source, *ct.notes, *ct.technique.values(), str(ct.phase)]).lower()
    for word in (*PATIENT.split("^"), PATIENT_ID):
        assert word.lower() not in said
    assert ct.name.startswith("case_")
    assert ct.name == case_name(folder)
    assert not ct.image.GetMetaDataKeys()


def test_a_name_with_umlauts_is_recognized_in_the_folder(tmp_path: Path) -> None:
    write_series(tmp_path / "Müller", body(), tags={"0010|0010": "MÜLLER^Jörg"})
    assert case_name(tmp_path / "Müller").startswith("case_")
    assert case_name(tmp_path / "Müller") == case_name(tmp_path / "Müller")


def test_words_of_deidentified_patients_are_kept() -> None:
    tags = {"0010|0010": "Lung^Case", "0010|0020": "Lung-7"}
    assert without_identity("Lung 1.0 B60f", tags) == "1.0 B60f"
    assert without_identity("Lung 1.0 B60f", {**tags, "0012|0062": "YES"}) == "Lung 1.0 B60f"


def test_phase_and_region_hints_come_from_tags_with_low_confidence(tmp_path: Path) -> None:
    tags = {"0008|103e": "Abdomen portalvenoes", "0018|0015": "ABDOMEN"}
    write_series(tmp_path / "ct", body(), tags=tags)
    ct = read_ct(tmp_path / "ct")
    assert ct.phase.value == "portal_venous"
    assert ct.phase.confidence < 0.7
    assert ct.region.value == "abdomen"
    assert read_ct(tmp_path / "ct", phase="arterial").phase.confidence == 1.0


@pytest.mark.parametrize(
    ("kernel", "sharp"),
    [("B30f", False), ("B70f", True), ("Br38f", False), ("Bl64d", True), ("STANDARD", False),
     ("LUNG", True), ("BONEPLUS", True), ("FC08", False), ("", False)],
)  # fmt: skip
def test_sharp_kernels_are_known_by_their_names(kernel: str, sharp: bool) -> None:
    assert is_sharp(kernel) is sharp


def test_real_compressed_series_without_uids_is_read(shared_data: Callable[[str], Path]) -> None:
    ct = read_ct(shared_data("totalsegmentator/example_ct_dicom"))
    assert ct.image.GetSize() == (512, 512, 20)
    np.testing.assert_allclose(ct.image.GetSpacing(), (0.9765625, 0.9765625, 2.0))
    np.testing.assert_allclose(ct.image.GetOrigin(), (-249.51171875, -437.51171875, -804.5))
    assert ct.technique["kernel"] == "Br38f 3"
    hu = voxels(ct.image)
    assert hu.min() == -1024
    assert -120 < np.median(hu[hu > -500]) < 120


def test_real_uncompressed_series_is_read_with_a_note_on_thick_slices(
    shared_data: Callable[[str], Path],
) -> None:
    ct = read_ct(shared_data("tcia_lung_dx_A0002/dicom"))
    assert ct.image.GetSize() == (512, 512, 30)
    assert ct.image.GetSpacing()[2] == 8.0
    assert ct.region.value == "chest"
    assert any("8 mm apart" in note for note in ct.notes)
