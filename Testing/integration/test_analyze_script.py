"""The script for Slicer, run with slicer-core: same options and results, and a scene per case."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.ct import CT, Segmentation

pytest.importorskip("slicer")

from PASTALib.mrml.analyze import analyze_volume
from PASTALib.mrml.case import cases_in, ct_of
from PASTALib.mrml.organs import organ_map
from PASTALib.mrml.scene import open_scene
from PASTALib.mrml.segmentations import segment_keys
from PASTALib.mrml.volumes import add_volume, image_of
from PASTALib.report import read_report

pytestmark = pytest.mark.slicer
ROOT = Path(__file__).resolve().parents[2]
SHAPE = (24, 64, 64)
"""Voxels along z, y, x, of 3 mm."""


def block() -> tuple[sitk.Image, np.ndarray, np.ndarray]:
    """Soft tissue with a liver and a cyst in it, on an oblique grid: CT, organs, lesions."""
    rng = np.random.default_rng(3)
    hu = np.full(SHAPE, -1000.0)
    hu[:, 6:58, 6:58] = 40
    organs = np.zeros(SHAPE, np.uint8)
    organs[3:21, 14:50, 14:46] = catalog().label("liver")
    hu[organs > 0] = 110
    z, y, x = np.indices(SHAPE)
    ball = (z - 12) ** 2 + (y - 30) ** 2 + (x - 28) ** 2 <= 5**2
    hu[ball] = 8
    hu = (hu + rng.normal(0, 8, SHAPE)).clip(-1024)
    image = sitk.GetImageFromArray(hu.astype(np.int16))
    image.SetSpacing((3.0, 3.0, 3.0))
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.1, -0.05, 0.2)
    image.SetDirection(turn.GetMatrix())
    image.SetOrigin((-80.0, 40.0, -300.0))
    return image, organs, np.where(ball, catalog().label("liver_cyst"), 0).astype(np.uint8)


def like(array: np.ndarray, image: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(image)
    return made


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder; in place of its untrained network, the true masks answer."""
    from PASTALib.model import ModelInfo, Normalization, save_model
    from PASTALib.network import UNet

    info = ModelInfo(
        name="tiny",
        version="0",
        classes=("background", "liver", "liver_cyst"),
        spacing_mm=3.0,
        patch=(16, 16, 16),
        features=(2, 2),
        normalization=Normalization(-1000, 1000, 0, 500),
    )
    folder = tmp_path / "models" / "tiny"
    save_model(folder, info, UNet(info.features, len(info.classes)))

    def segment(ct: CT, *_args, **_named) -> Segmentation:
        _, organs, lesions = block()
        sure = np.where(lesions > 0, 230, 0).astype(np.uint8)
        return Segmentation(*(like(array, ct.image) for array in (organs, lesions, sure)))

    monkeypatch.setattr("PASTALib.analysis.segment", segment)
    return folder


@pytest.fixture
def script() -> ModuleType:
    path = ROOT / "PASTA" / "Scripts" / "analyze.py"
    spec = importlib.util.spec_from_file_location("analyze_script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_case_gets_a_scene_with_ct_findings_and_report(script, model, tmp_path):
    image, _, _ = block()
    names = ("F\u00e4ll 1", "b")
    for name in names:
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    inputs = [str(tmp_path / f"{name}.nii.gz") for name in names]
    out = tmp_path / "out"
    options = ["--model", str(model), "--device", "cpu", "-q"]
    assert script.main(["--", *inputs, "-o", str(out), *options]) == 0

    bundles = sorted(out.glob("*/*.mrb"))
    assert len(bundles) == 2
    carrier = open_scene()
    for bundle in bundles:
        assert bundle.stem == bundle.parent.name
        assert (bundle.parent / "segmentation.seg.nrrd").is_file()
        carrier.scene.Clear(0)
        assert carrier.scene.ReadFromMRB(str(bundle))
        (nodes,) = cases_in(carrier.scene)
        assert list(segment_keys(nodes.organs)) == ["liver"]
        assert segment_keys(nodes.lesions) == segment_keys(nodes.original) == {"L1": "liver_cyst"}
        volume = carrier.scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        back = image_of(volume)
        there = sitk.Resample(back, image, sitk.Transform(), sitk.sitkNearestNeighbor, -9999)
        assert np.array_equal(sitk.GetArrayFromImage(there), sitk.GetArrayFromImage(image))
        assert nodes.volume is volume
        assert nodes.read_report() == read_report(bundle.parent / "report.json")


def test_a_failed_case_sets_the_exit_code_and_leaves_no_scene(script, model, tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(b"no image")
    out = tmp_path / "out"
    assert script.main([str(bad), "-o", str(out), "--model", str(model), "-q"]) == 1
    assert list(out.glob("*/*.mrb")) == []
    assert len(list(out.glob("*/error.txt"))) == 1


def test_options_are_explained_and_checked_without_leaving_python(script, capsys):
    assert script.main(["--", "--help"]) == 0
    assert "--resume" in capsys.readouterr().out
    assert script.main(["--no-such-option"]) == 2


def test_missing_packages_are_named_before_anything_is_done(script, monkeypatch, capsys):
    monkeypatch.setattr(script, "find_spec", lambda name: None if name == "torch" else object())
    assert script.main(["ct.nii.gz", "-o", "out"]) == 2
    assert "the Python packages torch." in capsys.readouterr().err


def test_the_exit_code_goes_to_slicer_where_it_runs(script, monkeypatch):
    import slicer.util

    with pytest.raises(SystemExit) as stop:
        script.leave(1)
    assert stop.value.code == 1
    codes = []
    monkeypatch.setattr(slicer, "app", object(), raising=False)
    monkeypatch.setattr(slicer.util, "exit", codes.append)
    script.leave(0)
    assert codes == [0]


def test_a_volume_of_the_scene_gets_its_findings_beside_it(model):
    image, organs, _ = block()
    scene = open_scene().scene
    volume = add_volume(scene, image, "CT")
    steps = []
    nodes = analyze_volume(
        volume, model=str(model), device="cpu", progress=lambda done, text: steps.append(done)
    )
    assert segment_keys(nodes.lesions) == {"L1": "liver_cyst"}
    assert np.array_equal(sitk.GetArrayFromImage(organ_map(nodes.organs, volume)), organs)
    assert "cyst" in " ".join(nodes.read_report().impression).lower()
    assert cases_in(scene) == [nodes]
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


def test_a_volume_that_is_no_ct_adds_nothing_to_the_scene(model):
    from PASTALib.errors import PastaError

    scene = open_scene().scene
    volume = add_volume(scene, like(block()[1], block()[0]), "Labels")
    count = scene.GetNumberOfNodes()
    with pytest.raises(PastaError, match="The volume 'Labels'"):
        analyze_volume(volume, model=str(model), device="cpu")
    assert scene.GetNumberOfNodes() == count


def test_the_ct_of_a_volume_keeps_its_grid():
    image, _, _ = block()
    scene = open_scene().scene
    ct = ct_of(add_volume(scene, image, "CT"))
    assert ct.name == "CT"
    assert ct.image.GetSize() == image.GetSize()
    assert np.allclose(ct.image.GetDirection(), image.GetDirection())
    assert np.allclose(ct.image.GetOrigin(), image.GetOrigin())
