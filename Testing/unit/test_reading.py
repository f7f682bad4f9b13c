"""Reading CT from volume files: what is accepted, repaired, refused, and in which words."""

from __future__ import annotations

import gzip
import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from PASTALib.checks import NotCTError, hounsfield
from PASTALib.errors import PastaError
from PASTALib.naming import IMAGE_SUFFIXES, case_name
from PASTALib.reading import read_ct
from PASTALib.straighten import affine_of, shear_degrees, straightened


def body(shape: tuple[int, int, int] = (20, 32, 36)) -> np.ndarray:
    """A small CT ``[z, y, x]``: air, a body of 50 HU with fat around, and a bright landmark."""
    rng = np.random.default_rng(5)
    _, y, x = np.indices(shape)
    r = np.hypot((y - shape[1] / 2) / shape[1], (x - shape[2] / 2) / shape[2])
    hu = np.where(r < 0.3, 50, np.where(r < 0.4, -100, -1000))
    hu = hu + rng.integers(-15, 16, shape)
    hu[shape[0] // 4, shape[1] // 3, shape[2] // 2] = 900
    return np.maximum(hu, -1024).astype(np.int16)


def image_of(array: np.ndarray, spacing: tuple[float, ...] = (1.5, 1.5, 3.0)) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin((-30.0, 12.5, -400.0))
    return image


def written(path: Path, image: sitk.Image) -> Path:
    sitk.WriteImage(image, str(path))
    return path


def landmark(image: sitk.Image) -> np.ndarray:
    """LPS mm of the brightest voxel."""
    index = np.unravel_index(sitk.GetArrayViewFromImage(image).argmax(), image.GetSize()[::-1])
    return np.array(image.TransformIndexToPhysicalPoint([int(n) for n in index[::-1]]))


def write_nifti(
    path: Path, array: np.ndarray, affine_ras: np.ndarray | None, *, qform: bool = False
) -> Path:
    """A NIfTI-1 with any affine, which SimpleITK would not write. `array` is ``[z, y, x]``."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *array.shape[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 4, 16)
    struct.pack_into("<8f", head, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<f", head, 108, 352)
    struct.pack_into("<f", head, 112, 1)
    head[123] = 2  # mm
    struct.pack_into("<2h", head, 252, int(qform), int(affine_ras is not None))
    if affine_ras is not None:
        struct.pack_into("<12f", head, 280, *affine_ras[:3].ravel())
    head[344:348] = b"n+1\0"
    data = bytes(head) + array.astype("<i2").tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("suffix", [s for s in IMAGE_SUFFIXES if s != ".nhdr"])
def test_every_format_gives_the_same_voxels_at_the_same_place(tmp_path: Path, suffix: str) -> None:
    image = image_of(body())
    ct = read_ct(written(tmp_path / f"patient_7{suffix}", image))
    assert ct.image.GetPixelID() == sitk.sitkInt16
    np.testing.assert_array_equal(sitk.GetArrayFromImage(ct.image), body())
    np.testing.assert_allclose(affine_of(ct.image), affine_of(image), atol=1e-4)
    assert ct.name == "patient_7"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.sampled_from(list(itertools.permutations(range(3)))),
    flips=st.tuples(*[st.sampled_from([1.0, -1.0])] * 3),
    angles=st.tuples(*[st.floats(-0.4, 0.4)] * 3),
    suffix=st.sampled_from([".nii", ".nrrd", ".mha"]),
)
def test_axis_orders_and_oblique_directions_keep_every_point_in_place(
    tmp_path: Path,
    order: tuple[int, ...],
    flips: tuple[float, ...],
    angles: tuple[float, ...],
    suffix: str,
) -> None:
    rotation = sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix()
    axes = np.eye(3)[:, list(order)] * np.array(flips)
    image = image_of(body((8, 12, 16)), (0.7, 1.1, 2.9))
    image.SetDirection((np.array(rotation).reshape(3, 3) @ axes).ravel().tolist())
    path = written(tmp_path / f"oblique{suffix}", image)
    found = read_ct(path).image
    np.testing.assert_allclose(landmark(found), landmark(image), atol=1e-3)
    np.testing.assert_allclose(affine_of(found), affine_of(image), atol=1e-4)


def test_a_path_with_non_ascii_letters_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "Aufnahme für Größe 腹部"
    folder.mkdir()
    ct = read_ct(written(folder / "Bauch_日本.nii.gz", image_of(body())))
    assert ct.name == "Bauch_日本"


def test_a_vague_file_name_is_completed_by_its_folder(tmp_path: Path) -> None:
    assert case_name(tmp_path / "patient 7" / "ct.nii.gz") == "patient_7_ct"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.5, 0.97])
def test_a_truncated_file_is_refused_in_one_sentence_with_its_name(
    tmp_path: Path, suffix: str, share: float
) -> None:
    path = written(tmp_path / f"broken{suffix}", image_of(body()))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(PastaError, match=r"broken.*again"):
        read_ct(path)


def test_a_corrupt_middle_of_a_compressed_file_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "flipped.nii.gz", image_of(body()))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(PastaError, match="damaged"):
        read_ct(path)


@pytest.mark.parametrize("name", ["notes.txt", "scan.nii.gz", "scan.mha"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("not an image at all " * 40)
    with pytest.raises(PastaError, match=name):
        read_ct(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PastaError, match=r"nowhere.nii.gz.*does not exist"):
        read_ct(tmp_path / "nowhere.nii.gz")


def test_a_4d_file_is_refused_and_a_trailing_axis_of_one_is_not(tmp_path: Path) -> None:
    volume = image_of(body())
    with pytest.raises(NotCTError, match="4D"):
        read_ct(written(tmp_path / "two.nii.gz", sitk.JoinSeries([volume, volume])))
    ct = read_ct(written(tmp_path / "one.nii.gz", sitk.JoinSeries([volume])))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(ct.image), body())


def test_a_vector_image_is_refused(tmp_path: Path) -> None:
    vector = sitk.Compose([image_of(body())] * 3)
    with pytest.raises(NotCTError, match="3 values per voxel"):
        read_ct(written(tmp_path / "rgb.nrrd", vector))


@pytest.mark.parametrize("shape", [(1, 32, 36), (32, 1, 36)])
def test_a_single_slice_is_refused(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    array = np.resize(body(), shape)
    with pytest.raises(NotCTError, match="single slice"):
        read_ct(written(tmp_path / "slice.nii.gz", image_of(array)))


def test_a_few_slices_are_read_with_a_note(tmp_path: Path) -> None:
    ct = read_ct(written(tmp_path / "thin.nii.gz", image_of(body()[:3])))
    assert any("covers only 9 mm (3 slices)" in note for note in ct.notes)


@pytest.mark.parametrize("offset", [1024, 8192, 32768])
def test_values_without_rescale_are_shifted_to_hu_with_a_note(offset: int) -> None:
    raw = (body().astype(np.int32) + offset).astype(np.uint16)
    hu, notes = hounsfield(raw, "scan")
    np.testing.assert_array_equal(hu, body())
    assert any(str(offset) in note for note in notes)


def test_padding_does_not_hide_a_missing_rescale() -> None:
    raw = body().astype(np.int32) + 1024
    raw[:, :4] = -2000
    hu, notes = hounsfield(raw, "scan")
    np.testing.assert_array_equal(hu[:, 4:], body()[:, 4:])
    assert (hu[:, :4] == -1024).all()
    assert len(notes) == 2


def test_real_ct_stored_unsigned_comes_back_as_it_was(shared_data: Callable[[str], Path]) -> None:
    for name in (
        "totalsegmentator/example_ct.nii.gz",
        "totalsegmentator/cta_chest/ct.nii.gz",
        "tcia_lidc_0306/chest_ct.nii.gz",
        "ibsi_sts/STS_002/ct.nii.gz",
    ):
        hu = sitk.GetArrayFromImage(read_ct(shared_data(name)).image)
        again, _ = hounsfield((hu.astype(np.int32) + 1024).astype(np.uint16), name)
        np.testing.assert_array_equal(again, hu, err_msg=name)


def test_numbers_that_are_no_hu_are_refused() -> None:
    hu = body()
    smooth = np.abs(np.random.default_rng(1).gamma(2.0, 300.0, hu.shape))
    wrong = {
        "scaled": (hu + 1024) / 2000.0,
        "z-scores": (hu - hu.mean()) / hu.std(),
        "8-bit": np.clip((hu + 200) / 2, 0, 255).astype(np.uint8),
        "labels": (hu > 0).astype(np.uint8) * 3,
        "many labels": np.arange(hu.size).reshape(hu.shape) % 117,
        "constant": np.full(hu.shape, -1000),
        "MR": smooth,
        "only air": np.random.default_rng(2).integers(-1024, -950, hu.shape),
        "NaN": np.full(hu.shape, np.nan),
    }
    for name, array in wrong.items():
        with pytest.raises(NotCTError, match=name):
            hounsfield(array, name)


def test_a_window_clipped_ct_is_accepted_and_said_to_be_clipped() -> None:
    hu, notes = hounsfield(np.clip(body(), -184, 266), "scan")
    assert hu.min() == -184
    assert any("clipped to -184 to 266 HU" in note for note in notes)


def test_nan_and_infinite_voxels_become_air_with_a_note() -> None:
    raw = body().astype(np.float32)
    raw[0, 0, :3] = [np.nan, np.inf, -np.inf]
    hu, notes = hounsfield(raw, "scan")
    assert (hu[0, 0, :3] == -1024).all()
    assert any(note.startswith("3 voxels") for note in notes)


def test_fractions_are_rounded_and_metal_does_not_wrap_around() -> None:
    raw = body().astype(np.float64) + 0.4
    raw[0, 0, 0] = 60000.0
    hu, _ = hounsfield(raw, "scan")
    assert hu[0, 0, 0] == 32767
    np.testing.assert_array_equal(hu.ravel()[1:], body().ravel()[1:])


@pytest.mark.parametrize("spacing", [(0.0007, 0.0007, 0.001), (90.0, 90.0, 300.0)])
def test_an_impossible_voxel_size_is_refused(tmp_path: Path, spacing: tuple[float, ...]) -> None:
    with pytest.raises(PastaError, match="voxel size"):
        read_ct(written(tmp_path / "unit.nrrd", image_of(body(), spacing)))


def test_metadata_that_may_hold_a_name_is_dropped(tmp_path: Path) -> None:
    image = image_of(body())
    image.SetMetaData("PatientName", "Mustermann")
    ct = read_ct(written(tmp_path / "scan.nrrd", image))
    assert not ct.image.GetMetaDataKeys()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_sheared_nifti_is_resampled_to_right_angles(tmp_path: Path, suffix: str) -> None:
    affine = np.diag([1.5, 1.5, 3.0, 1.0])
    affine[1, 2] = 0.8  # every slice lies 0.8 mm further to the front
    array = np.full((20, 32, 36), -1000)
    array[8:13, 10:20, 12:24] = 100
    ct = read_ct(write_nifti(tmp_path / f"shear{suffix}", array, affine))
    assert any("sheared by 14.9 degrees" in note for note in ct.notes)
    assert shear_degrees(affine_of(ct.image)) < 1e-4
    for z, y, x in [(9, 12, 14), (11, 18, 22), (10, 15, 18)]:
        ras = affine @ [x, y, z, 1]
        index = ct.image.TransformPhysicalPointToIndex([-ras[0], -ras[1], ras[2]])
        assert ct.image[index] == 100
    volume = (sitk.GetArrayViewFromImage(ct.image) > -450).sum() * np.prod(ct.image.GetSpacing())
    assert volume == pytest.approx(5 * 10 * 12 * 1.5 * 1.5 * 3, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(shear=st.floats(-0.5, 0.5), drift=st.floats(-0.5, 0.5), flip=st.booleans())
def test_straightening_keeps_points_in_place(shear: float, drift: float, flip: bool) -> None:
    affine = np.diag([1.2, 0.9, -2.0 if flip else 2.0, 1.0])
    affine[0, 1], affine[1, 2], affine[0, 2] = 0.2 * shear, 2 * drift, shear
    affine[:3, 3] = (5, -7, 30)
    array = np.full((16, 24, 24), -1000, np.int16)
    array[5:11, 8:16, 8:16] = 100
    image = straightened(sitk.GetImageFromArray(array), affine)
    for z, y, x in itertools.product((6, 9), (10, 14), (10, 14)):
        point = (affine @ [x, y, z, 1])[:3]
        assert image[image.TransformPhysicalPointToIndex(point.tolist())] > 50
        index = image.TransformPhysicalPointToContinuousIndex(point.tolist())
        assert min(index) >= -0.5


def test_a_nifti_without_orientation_is_read_with_a_warning(tmp_path: Path) -> None:
    ct = read_ct(write_nifti(tmp_path / "bare.nii", body(), None))
    assert any("left and right" in note for note in ct.notes)


def test_every_real_ct_is_read_and_every_mask_refused(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("totalsegmentator").parent
    left_out = ("tumour_masks", "anatomy_labels")  # large, and no different from other masks
    volumes = [
        p for p in sorted(root.rglob("*.nii.gz")) if not any(name in str(p) for name in left_out)
    ]
    cts = [p for p in volumes if p.name.endswith(("ct.nii.gz", "_hu.nii.gz"))]
    assert len(cts) >= 14
    for path in cts:
        ct = read_ct(path)
        assert not any("sheared" in n or "subtracted" in n for n in ct.notes), path
    for path in set(volumes) - set(cts):
        with pytest.raises(NotCTError, match="label map"):
            read_ct(path)
