"""A scan keeps type, fractions of HU and range, and stones their gravity, in every way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from generator_phantom import phantom

from PASTAGenLib.apply import SyntheticCase, insert, insert_many
from PASTAGenLib.boxes import slices
from PASTAGenLib.dicom_case import write_dicom
from PASTAGenLib.positions import position_of
from PASTAGenLib.production.recipe import recipe_of
from PASTAGenLib.production.run import produce
from PASTAGenLib.production.sources import prepare_source
from PASTAGenLib.production.workers import ThisProcess
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.workbench import Workbench, in_hu
from PASTALib.catalog import catalog
from PASTALib.ct import CT
from PASTALib.dicom_writing import SyntheticStudy, write_ct_series
from PASTALib.errors import PastaError
from PASTALib.reading import read_ct

TUMOR = LesionSpec("liver_tumor", long_axis_mm=22, seed=3)


def with_fractions(kind: type, step: float = 0.0) -> tuple[sitk.Image, sitk.Image]:
    """The phantom in air with fractions of HU, of any size or in multiples of a step."""
    ct, organs = phantom()
    shift = np.random.default_rng(5).uniform(-0.5, 0.5, sitk.GetArrayViewFromImage(ct).shape)
    if step:
        shift = np.round(shift / step) * step
    hu = (sitk.GetArrayFromImage(ct) + shift).astype(kind)
    hu[:, :3] = -1000.25
    image = sitk.GetImageFromArray(hu)
    image.CopyInformation(ct)
    return image, organs


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def changed_by(case: SyntheticCase, before: sitk.Image) -> np.ndarray:
    return voxels(case.ct) != voxels(before)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32, np.float64])
def test_a_scan_keeps_its_type_and_every_voxel_outside_of_the_lesions_region(kind: type) -> None:
    ct, organs = with_fractions(kind)
    case = insert(ct, organs, TUMOR)
    assert case.ct.GetPixelID() == ct.GetPixelID()
    changed = changed_by(case, ct)
    assert changed.any()
    changed[slices(case.plan.box)] = False
    assert not changed.any()


def test_fractions_stay_where_lesions_are_put_in_one_after_another() -> None:
    ct, organs = with_fractions(np.float64)
    specs = [TUMOR, LesionSpec("kidney_cyst", long_axis_mm=14, seed=4)]
    cases = insert_many(ct, organs, specs, np.random.default_rng(0))
    regions = np.zeros(voxels(ct).shape, bool)
    for case in cases:
        regions[slices(case.plan.box)] = True
    assert np.array_equal(voxels(cases[-1].ct)[~regions], voxels(ct)[~regions])
    inside = voxels(cases[-1].ct)[voxels(cases[0].lesion_mask) > 0]
    assert np.any(inside != np.rint(inside))


def test_no_voxel_leaves_the_range_that_a_clipped_scan_has() -> None:
    ct, organs = phantom()
    clipped = sitk.Clamp(ct, sitk.sitkInt16, -200, 240)
    case = insert(
        clipped,
        organs,
        LesionSpec("kidney_cyst", hu=100, long_axis_mm=14, seed=1, features=("calcification",)),
    )
    assert voxels(case.ct).max() <= 240
    assert voxels(case.ct).min() >= -200
    assert Scene.of(ct, organs).hu_range[1] == 3071  # its largest value is one voxel's


def test_the_workbench_says_which_voxels_changed_and_keeps_the_rest() -> None:
    ct, organs = with_fractions(np.float32)
    bench = Workbench(in_hu(ct, "the scan"), organs)
    patch = bench.draw((), TUMOR)
    before = voxels(ct)[slices(patch.plan.box)]
    assert patch.hu.dtype == np.float32
    assert np.array_equal(patch.hu[~patch.changed], before[~patch.changed])
    (again,) = bench.compose((patch.plan,))
    assert np.array_equal(again.hu, patch.hu)
    assert np.array_equal(again.changed, patch.changed)


def test_a_scan_that_is_not_in_hu_is_refused_and_the_remedy_named() -> None:
    ct, _ = phantom()
    air = sitk.GetArrayFromImage(ct)
    air[:, :8] = -1000
    stored = sitk.GetImageFromArray((air + 1024).astype(np.uint16))
    stored.SetSpacing(ct.GetSpacing())
    with pytest.raises(PastaError, match=r"not stored in HU.*subtract"):
        in_hu(stored, "The volume 'scan'")


@pytest.mark.parametrize("layout", ["nnunet", "monai"])
def test_a_production_writes_the_fractions_that_it_has_read(layout: str, tmp_path: Path) -> None:
    ct, organs = with_fractions(np.float32)
    sitk.WriteImage(ct, str(tmp_path / "ct.nii.gz"))
    sitk.WriteImage(organs, str(tmp_path / "organs.nii.gz"))
    data = {
        "layout": layout,
        "lesions": [{"type": "liver_tumor", "count": 1, "long_axis_mm": 22}],
        "sources": [{"ct": "ct.nii.gz", "organs": "organs.nii.gz", "table": "pasta",
                     "phase": "portal_venous"}],
    }  # fmt: skip
    produce(recipe_of(data, tmp_path), tmp_path / "out", ThisProcess(), 1)
    (path,) = [
        p for p in (tmp_path / "out").rglob("*.nii.gz")
        if sitk.ReadImage(str(p)).GetPixelID() == sitk.sitkFloat32
    ]  # fmt: skip
    after = sitk.ReadImage(str(path))
    same = voxels(after) == voxels(ct)
    assert 0.5 < same.mean() < 1


def test_dicom_holds_fractions_of_a_sixteenth_exactly(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    ct, organs = with_fractions(np.float32, 1 / 16)
    write_ct_series(CT(ct, "scan"), tmp_path / "scan", SyntheticStudy("MADE-UP", "nothing"))
    assert np.array_equal(voxels(read_ct(tmp_path / "scan", exact=True).image), voxels(ct))
    case = insert(ct, organs, TUMOR)
    write_dicom(case, tmp_path / "case")
    after = voxels(read_ct(tmp_path / "case" / "ct", exact=True).image)
    outside = ~changed_by(case, ct)
    assert np.array_equal(after[outside], voxels(ct)[outside])
    assert np.abs(after - voxels(case.ct)).max() <= 1 / 32


def test_whole_hu_are_written_to_dicom_as_they_are(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    ct, _ = phantom()
    (first, *_) = write_ct_series(CT(ct, "scan"), tmp_path / "scan", SyntheticStudy("A", "b"))
    header = pydicom.dcmread(tmp_path / "scan" / "0001.dcm")
    assert (header.RescaleSlope, header.RescaleIntercept) == (1, 0)
    assert first.SOPInstanceUID == header.SOPInstanceUID


@pytest.mark.parametrize(
    ("dicom", "position"),
    [("HFS", "supine"), ("FFS", "supine"), ("HFP", "prone"), ("FFP", "prone"),
     ("HFDL", "left_lateral"), ("FFDR", "right_lateral"), ("HFV", None), ("", None), ("LFP", None)],
)  # fmt: skip
def test_the_position_is_what_dicom_says(dicom: str, position: str | None) -> None:
    assert position_of(dicom) == position


@pytest.mark.parametrize(
    ("said", "given", "sign"), [("HFS", None, 1), ("HFP", None, -1), ("HFP", "supine", 1)]
)
def test_a_production_lets_stones_sink_as_the_patient_lies(
    said: str, given: str | None, sign: int, tmp_path: Path
) -> None:
    pytest.importorskip("pydicom")
    image, organs = phantom()
    ct = CT(image, "scan", technique={"patient position": said})
    write_ct_series(ct, tmp_path / "scan", SyntheticStudy("MADE-UP", "nothing"))
    sitk.WriteImage(organs, str(tmp_path / "organs.nii.gz"))
    source = {"ct": "scan", "organs": "organs.nii.gz", "table": "pasta", "phase": "portal_venous"}
    data = {
        "layout": "nnunet",
        "lesions": [{"type": "gallstone", "count": 1, "long_axis_mm": 6}],
        "sources": [source | ({"position": given} if given else {})],
    }
    recipe = recipe_of(data, tmp_path)
    facts = prepare_source(recipe, 0, tmp_path / "sources")
    assert facts.position == given or position_of(said)
    out = tmp_path / "out"
    produce(recipe, out, ThisProcess(), 1)
    labels = next((out).rglob("labelsTr/*.nii.gz"))
    written = sitk.ReadImage(str(labels))
    stone = voxels(written) == voxels(written).max()
    index = np.argwhere(voxels(organs) == catalog().label("gallbladder"))
    low = float(np.argwhere(stone)[:, 1].mean() - index[:, 1].mean())
    assert sign * low > 0


def test_a_position_that_does_not_exist_is_named(tmp_path: Path) -> None:
    (tmp_path / "ct.nii.gz").touch()
    row = {"ct": "ct.nii.gz", "organs": "model", "position": "upright"}
    data = {"lesions": [{"type": "gallstone", "count": 1}], "sources": [row]}
    with pytest.raises(PastaError, match=r"sources, entry 1, position must be one of supine"):
        recipe_of(data, tmp_path)
