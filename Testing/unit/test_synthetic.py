"""What is synthetic says so, in every form that it leaves in, and is known again when read."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom

from PASTAGenLib.torso.__main__ import main as make_torso
from PASTALib.reading import read_ct
from PASTALib.synthetic import LONGEST, SYNTHETIC, description, is_synthetic_series
from PASTALib.writing import write_image, write_labels


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_volume_file_carries_the_mark(tmp_path, suffix):
    ct, _ = phantom((5, 5, 5))
    write_image(ct, tmp_path / f"a{suffix}", description=description("liver cyst"))
    write_image(ct, tmp_path / f"b{suffix}")
    assert read_ct(tmp_path / f"a{suffix}").synthetic
    assert not read_ct(tmp_path / f"b{suffix}").synthetic


def test_the_description_of_a_nifti_file_is_where_nifti_keeps_it(tmp_path):
    _, organs = phantom((5, 5, 5))
    write_labels(organs, tmp_path / "a.nii", description=description("x" * 200))
    raw = (tmp_path / "a.nii").read_bytes()[148:228]  # descrip, 80 bytes with the final zero
    assert raw.rstrip(b"\0").decode().startswith(f"{SYNTHETIC}: xx")
    assert len(raw.rstrip(b"\0")) == LONGEST


def test_the_mark_is_not_left_on_the_image_that_was_written(tmp_path):
    ct, _ = phantom((5, 5, 5))
    write_image(ct, tmp_path / "a.nii.gz", description=description("liver cyst"))
    assert not ct.GetMetaDataKeys()


def test_a_torso_made_by_rule_says_so(tmp_path):
    assert make_torso(["-o", str(tmp_path), "--spacing", "6", "--field-of-view", "abdomen"]) == 0
    ct = read_ct(tmp_path / "ct.nii.gz")
    assert ct.synthetic
    assert np.ptp(sitk.GetArrayViewFromImage(ct.image)) > 1000


def test_a_dicom_header_is_known_by_its_flag_or_its_texts():
    assert is_synthetic_series({"0008|001c": "YES"})
    assert is_synthetic_series({"0020|4000": "SYNTHETIC LESION: liver cyst"})
    assert not is_synthetic_series({"0008|103e": "Abdomen portal venous"})
