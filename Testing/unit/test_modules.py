"""The Slicer modules: they load, their buttons do what they say, and say why when they cannot."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.errors import PastaError

pytest.importorskip("slicer")

from host.application import Application, running_application
from PASTALib.mrml.scene import open_scene
from PASTALib.mrml.segmentations import add_segmentation, segment_keys
from PASTALib.mrml.volumes import add_volume, image_of

pytestmark = pytest.mark.slicer
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def carrier():
    return open_scene()


@pytest.fixture
def scene(carrier):
    carrier.scene.Clear(0)
    return carrier.scene


@pytest.fixture
def application(scene):
    with running_application(scene) as application:
        yield application


def load(name: str) -> ModuleType:
    """The module file, loaded as Slicer loads it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / name / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def panel(name: str, module: ModuleType):
    sys.modules[name] = module
    try:
        widget = getattr(module, f"{name}Widget")()
        widget.setup()
    finally:
        del sys.modules[name]
    return widget.panel


@pytest.fixture
def liver_ct(scene):
    """A block of soft tissue with a liver in it: CT and segmentation nodes."""
    rng = np.random.default_rng(4)
    hu = np.full((40, 60, 60), -1000, np.float32)
    hu[:, 8:52, 8:52] = 40
    organs = np.zeros(hu.shape, np.uint8)
    organs[4:36, 14:46, 14:46] = catalog().label("liver")
    hu[organs > 0] = 60
    hu += rng.normal(0, 10, hu.shape)
    image = sitk.GetImageFromArray(hu.astype(np.int16))
    labels = sitk.GetImageFromArray(organs)
    none = sitk.Image(labels.GetSize(), sitk.sitkUInt8)
    for item in (image, labels, none):
        item.SetSpacing((2.0, 2.0, 2.5))
    volume = add_volume(scene, image, "Block")
    return volume, add_segmentation(scene, Segmentation(labels, none, none), "Organs")


def test_a_module_says_what_it_is(application):
    for name in ("PASTA", "PASTAGen"):
        parent = SimpleNamespace()
        getattr(load(name), name)(parent)
        assert parent.title == name
        assert "research use only" in parent.helpText
        assert parent.categories
        assert parent.contributors


def test_terms_are_loaded_when_slicer_has_started(application):
    import slicer

    taken = []
    logic = SimpleNamespace(LoadTerminologyFromFile=lambda path: taken.append(path) or True)
    slicer.modules.terminologies = SimpleNamespace(logic=lambda: logic)
    load("PASTA").PASTA(SimpleNamespace())
    assert taken == []
    for slot in application.at_startup:
        slot()
    assert taken[0].endswith("PASTA.term.json")


def test_run_waits_for_a_volume_and_says_so(application, scene):
    view = panel("PASTA", load("PASTA"))
    assert not view.ui.runButton.enabled
    assert view.ui.runButton.toolTip == "Choose a CT volume first"
    image = sitk.Image((4, 4, 4), sitk.sitkInt16)
    view.ui.inputSelector.setCurrentNode(add_volume(scene, image, "CT"))
    assert view.ui.runButton.enabled


def test_a_run_shows_progress_and_the_impression(application, liver_ct):
    view = panel("PASTA", load("PASTA"))
    seen = {}

    def analyze(volume, organs=None, *, progress):
        progress(0.5, "Halfway")
        seen.update(volume=volume, organs=organs, bar=view.ui.progressBar.value)
        seen["enabled"] = view.ui.runButton.enabled
        return SimpleNamespace(impression=("One cyst in the liver.", "No other lesion."))

    view._logic = SimpleNamespace(analyze=analyze)
    view.ui.runButton.click()
    assert seen == {"volume": liver_ct[0], "organs": None, "bar": 50, "enabled": False}
    assert view.ui.statusLabel.text == "Halfway"
    assert view.ui.impressionText.plainText == "One cyst in the liver.\n\nNo other lesion."
    assert view.ui.runButton.enabled


def test_what_a_user_can_mend_is_told_in_one_sentence(application, liver_ct):
    view = panel("PASTA", load("PASTA"))

    def refuse(*_args, **_named):
        raise PastaError("The volume is a label map, not a CT.")

    view._logic = SimpleNamespace(analyze=refuse)
    view.ui.runButton.click()
    assert application.errors == ["The volume is a label map, not a CT."]
    assert view.ui.runButton.enabled


def test_a_lesion_is_inserted_into_a_copy(application: Application, scene, liver_ct):
    volume, _ = liver_ct
    before = sitk.GetArrayFromImage(image_of(volume))
    view = panel("PASTAGen", load("PASTAGen"))
    assert view.ui.insertButton.enabled
    keys = list(catalog().lesion_types)
    view.ui.typeSelector.currentIndex = keys.index("liver_cyst")
    view.ui.sizeSpinBox.value = 20.0
    view.ui.seedSpinBox.value = 5
    view.ui.insertButton.click()
    assert application.errors == []
    made = scene.GetFirstNodeByName("SYNTHETIC Block")
    assert made.GetAttribute("PASTA.Synthetic") == "1"
    after = sitk.GetArrayFromImage(image_of(made))
    assert np.array_equal(sitk.GetArrayFromImage(image_of(volume)), before)
    assert (after[before > 30] < 30).sum() > 200  # a good part of a sphere of 20 mm
    keys_made = segment_keys(scene.GetFirstNodeByName("SYNTHETIC Block truth")).values()
    assert set(keys_made) == {"liver", "liver_cyst"}
    facts = scene.GetFirstNodeByName("SYNTHETIC Block plan").GetText()
    assert '"seed": 5' in facts
    assert "Liver cyst, 20 mm, in the liver" in view.ui.statusLabel.text


def test_an_organ_that_is_not_there_is_told(application, liver_ct):
    view = panel("PASTAGen", load("PASTAGen"))
    view.ui.typeSelector.currentIndex = list(catalog().lesion_types).index("kidney_stone")
    view.ui.insertButton.click()
    assert len(application.errors) == 1
    assert "kidney" in application.errors[0].lower()


def test_the_sample_torso_is_ready_for_a_lesion(application, scene):
    view = panel("PASTAGen", load("PASTAGen"))
    assert not view.ui.insertButton.enabled
    assert "sample torso" in view.ui.insertButton.toolTip
    view._logic.sample = lambda seed: sample_of(scene, seed)
    view.ui.sampleButton.click()
    assert application.errors == []
    assert view.ui.insertButton.enabled
    assert view.ui.inputSelector.currentNode().GetName() == "SYNTHETIC torso 1"


def sample_of(scene, seed):
    from PASTAGenLib.mrml.samples import add_sample_torso

    return add_sample_torso(scene, seed, spacing_mm=8.0)


def python(script: str) -> subprocess.CompletedProcess[str]:
    """Run in a Python of its own, where nothing is imported yet."""
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )


def test_nothing_heavy_is_imported_when_slicer_loads_the_modules():
    script = f"""
import sys
sys.path[:0] = [{str(ROOT / "Testing")!r}, {str(ROOT / "PASTA")!r}, {str(ROOT / "PASTAGen")!r}]
import slicer
from types import SimpleNamespace
from host.application import running_application
with running_application(slicer.vtkMRMLScene()):
    before = set(sys.modules)
    import PASTA, PASTAGen
    for module, name in ((PASTA, "PASTA"), (PASTAGen, "PASTAGen")):
        getattr(module, name)(SimpleNamespace())
        getattr(module, name + "Logic")()
    print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    heavy = {"torch", "monai", "nnunetv2", "scipy", "SimpleITK", "pydantic", "numpy", "PASTALib"}
    assert not loaded & heavy


def test_opening_the_panels_needs_no_package_that_slicer_lacks():
    script = f"""
import sys
sys.path[:0] = [{str(ROOT / "Testing")!r}, {str(ROOT / "PASTA")!r}, {str(ROOT / "PASTAGen")!r}]
for name in ("torch", "monai", "nnunetv2", "pydantic", "jinja2", "safetensors", "PIL"):
    sys.modules[name] = None
import slicer
from host.application import running_application
with running_application(slicer.vtkMRMLScene()):
    import PASTA, PASTAGen
    PASTA.PASTAWidget().setup()
    PASTAGen.PASTAGenWidget().setup()
"""
    python(script)
