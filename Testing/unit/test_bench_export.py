"""What a case that was made by hand is written as, and many of its kind."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from bench_case import SPACING, in_scene
from generator_phantom import phantom

from PASTAGenLib.layouts.pastagen_reader import find_samples, read_sample, read_type_json
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry

slicer = pytest.importorskip("slicer")

from PASTAGenLib.mrml.script_bench import ScriptBench  # noqa: E402
from PASTALib.mrml.organs import organ_map  # noqa: E402
from PASTALib.mrml.scene import open_scene  # noqa: E402
from PASTALib.mrml.volumes import image_of, voxels_of_volume  # noqa: E402

pytestmark = pytest.mark.slicer


@pytest.fixture(scope="module")
def carrier():
    return open_scene()


@pytest.fixture
def desk(carrier):
    carrier.scene.Clear(0)
    desk = ScriptBench()
    desk.take(*in_scene(carrier.scene, *phantom(SPACING)))
    return desk


def test_every_kind_of_file_is_written(desk, tmp_path):
    with pytest.raises(PastaError, match="no lesion yet"):
        desk.export(tmp_path)
    desk.draw("liver_cyst", seed=5, long_axis_mm=16.0)
    desk.keep()
    desk.export(tmp_path)
    desk.export(tmp_path)  # again, over what is there
    out = tmp_path / "SYNTHETIC_Phantom"
    for name in (
        "case/img.nii.gz", "case/label.nii.gz", "case/total.nii.gz", "case/type.json",
        "case/report.json", "case/plan.json", "ct.nii.gz", "organs.nii.gz", "lesions.nii.gz",
        "segmentation.seg.nrrd", "Dataset501_PASTAGen/dataset.json",
        "PASTA-Gen-30K/Liver/Cyst/1/type.json", "dicom/seg.dcm",
    ):  # fmt: skip
        assert (out / name).is_file(), name
    image = sitk.ReadImage(str(out / "ct.nii.gz"))
    voxels = voxels_of_volume(desk.nodes.volume)
    assert np.array_equal(sitk.GetArrayViewFromImage(image), voxels)
    with pytest.raises(PastaError, match="Choose at least one"):
        desk.export(tmp_path, [])


def test_a_case_of_several_types_is_a_sample_for_each_in_the_layout_of_pasta_gen(desk, tmp_path):
    for kind, seed in (("liver_cyst", 5), ("liver_tumor", 7), ("kidney_cyst", 6)):
        desk.draw(kind, seed=seed, long_axis_mm=14.0)
        desk.keep()
    desk.export(tmp_path, ["case", "pastagen"])
    out = tmp_path / "SYNTHETIC_Phantom"
    folders = list(find_samples(out / "PASTA-Gen-30K"))
    assert [folder.parent.relative_to(out / "PASTA-Gen-30K").as_posix() for folder in folders] == [
        "Kidney/Cyst", "Liver/Cyst", "Liver/Tumor",
    ]  # fmt: skip
    for folder in folders:
        sample = read_sample(folder)
        (kept,) = [one for one in desk.lesions if one.wish.type == sample.type]
        (reported,) = sample.report  # one lesion, in one organ
        assert reported.pasta == kept.patch.truth["attributes"]
        where = Geometry.of(sample.ct).points_of_zyx(np.array(reported.centers))[0]
        assert np.allclose(where, kept.patch.truth["center"], atol=4)
        hu, lesion = (sitk.GetArrayViewFromImage(i) for i in (sample.ct, sample.lesion))
        assert lesion.sum() == pytest.approx(kept.patch.truth["volume_mm3"], rel=0.3)
        # The others are not in the picture, where nothing would tell of them.
        original = Geometry.of(sample.ct).sample(image_of(desk.nodes.original), -1024)
        changed = np.abs(hu - sitk.GetArrayViewFromImage(original)) > 1
        for other in desk.lesions:
            at = sample.ct.TransformPhysicalPointToIndex(other.patch.truth["center"])
            assert changed[at[::-1]] == lesion[at[::-1]] == (other is kept)
    # The case folder has all of them, and tells the attributes of each.
    report = {entry.structure: entry for entry in read_type_json(out / "case" / "type.json")}
    each = [entry["origin"].split()[1] for entry in report["liver"].each]
    assert each == ["liver_cyst", "liver_tumor"]
    label = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "case/label.nii.gz")))
    organs = sitk.GetArrayFromImage(organ_map(desk.nodes.organs, desk.nodes.volume))
    kidneys = np.isin(organs, [catalog().label("kidney_left"), catalog().label("kidney_right")])
    assert set(np.unique(label[kidneys])) == {1, 2}
    desk.delete("L3")
    desk.export(tmp_path, ["pastagen"])  # what is no longer in the case is no longer there
    assert not (out / "PASTA-Gen-30K/Kidney").exists()


def test_a_script_makes_many_cases_and_goes_on_with_them(desk, tmp_path):
    first = desk.make_many("liver_cyst", 2, tmp_path, layout="nnunet", long_axis_mm=14.0)
    assert (first["done"], first["made"], first["failed"]) == (2, 2, 0)
    with open(first["sheet"], "rb") as sheet:
        assert sheet.read(4) == b"\x89PNG"
    again = desk.make_many("liver_cyst", 2, tmp_path, layout="nnunet", long_axis_mm=14.0)
    assert (again["done"], again["made"]) == (2, 0)
    with pytest.raises(PastaError, match="another recipe"):
        desk.make_many("liver_cyst", 3, tmp_path, layout="nnunet", long_axis_mm=14.0)
