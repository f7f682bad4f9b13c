"""The Slicer modules: they load, their buttons do what they say, and say why when they cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PASTALib.catalog import catalog

pytestmark = pytest.mark.slicer
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def insert_panel(host):
    """The panel of PASTAGen."""
    return host.load_module("PASTAGen").panel


def test_a_module_says_what_it_is(host):
    import slicer

    for name in ("PASTA", "PASTAGen"):
        host.load_module(name)
        module = getattr(slicer.modules, name.lower())
        assert module.title == name
        assert "research use only" in module.helpText
        assert module.categories
        assert module.contributors


def test_terms_are_loaded_when_slicer_has_started(host):
    import slicer
    import vtk

    host.load_module("PASTA")
    names = vtk.vtkStringArray()
    slicer.modules.terminologies.logic().GetLoadedTerminologyNames(names)
    loaded = [names.GetValue(index) for index in range(names.GetNumberOfValues())]
    assert any("PASTA" in name for name in loaded), loaded


@pytest.mark.parametrize("module", ["PASTA", "PASTAGen"])
def test_a_script_gets_the_logic_as_the_readme_says(host, module):
    import slicer

    widget = host.load_module(module)
    assert slicer.util.getModuleLogic(module) is widget.logic


@pytest.mark.parametrize("module", ["PASTA", "PASTAGen"])
def test_every_node_selector_gets_the_scene(host, module):
    import qt

    panel = host.load_module(module).panel
    below = panel.widget.findChildren(qt.QWidget)
    selectors = [child for child in below if child.className() == "qMRMLNodeComboBox"]
    assert selectors
    for selector in selectors:
        assert selector.mrmlScene() is host.scene, selector.name


def test_a_lesion_is_inserted_into_a_copy(host, scene, sample_volume, sample_organs, insert_panel):
    from PASTALib.mrml.segmentations import segment_keys
    from PASTALib.mrml.volumes import image_of

    before = sitk.GetArrayFromImage(image_of(sample_volume))
    ui = insert_panel.ui
    assert ui.insertButton.enabled
    ui.typeSelector.currentIndex = list(catalog().lesion_types).index("liver_cyst")
    ui.sizeSpinBox.value = 20.0
    ui.seedSpinBox.value = 5
    ui.insertButton.click()
    assert host.dialogs.shown == []
    made = scene.GetFirstNodeByName("SYNTHETIC Block")
    assert made.GetAttribute("PASTA.Synthetic") == "1"
    after = sitk.GetArrayFromImage(image_of(made))
    assert np.array_equal(sitk.GetArrayFromImage(image_of(sample_volume)), before)
    assert (after[before > 30] < 30).sum() > 200  # a good part of a sphere of 20 mm
    keys_made = segment_keys(scene.GetFirstNodeByName("SYNTHETIC Block truth")).values()
    assert set(keys_made) == {"liver", "liver_cyst"}
    facts = scene.GetFirstNodeByName("SYNTHETIC Block plan").GetText()
    assert '"seed": 5' in facts
    assert "Liver cyst, 20 mm, in the liver" in ui.statusLabel.text


def test_an_organ_that_is_not_there_is_told(host, sample_volume, sample_organs, insert_panel):
    ui = insert_panel.ui
    ui.typeSelector.currentIndex = list(catalog().lesion_types).index("kidney_stone")
    ui.insertButton.click()
    assert len(host.dialogs.shown) == 1
    assert "kidney" in host.dialogs.texts("error")[0].lower()


def test_the_sample_torso_is_ready_for_a_lesion(host, scene, insert_panel):
    from PASTAGenLib.mrml.samples import add_sample_torso

    ui = insert_panel.ui
    assert not ui.insertButton.enabled
    assert "sample torso" in ui.insertButton.toolTip
    insert_panel._logic.sample = lambda seed: add_sample_torso(scene, seed, spacing_mm=8.0)
    ui.sampleButton.click()
    assert host.dialogs.shown == []
    assert ui.insertButton.enabled
    assert ui.inputSelector.currentNode().GetName() == "SYNTHETIC torso 1"


def python(script: str) -> subprocess.CompletedProcess[str]:
    """Run in a Python of its own, where nothing is imported yet."""
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )


def test_nothing_heavy_is_imported_when_slicer_loads_the_modules(host):
    done = python(f"""
import sys
sys.path[:0] = [{str(ROOT / "Testing")!r}, {str(ROOT / "PASTA")!r}, {str(ROOT / "PASTAGen")!r}]
import host
running = host.start()
before = set(sys.modules)
import PASTA, PASTAGen
for module, name in ((PASTA, "PASTA"), (PASTAGen, "PASTAGen")):
    parent = running.module_object({str(ROOT)!r} + f"/{{name}}/{{name}}.py")
    getattr(module, name)(parent)
    getattr(module, name + "Logic")()
print(*sorted(set(sys.modules) - before))
host.stop()
""")
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    heavy = {"torch", "monai", "nnunetv2", "scipy", "SimpleITK", "pydantic", "numpy", "PASTALib"}
    assert "PASTA" in loaded
    assert not loaded & heavy


def test_opening_the_panels_needs_no_package_that_slicer_lacks(host):
    python(f"""
import sys
sys.path[:0] = [{str(ROOT / "Testing")!r}, {str(ROOT / "PASTA")!r}, {str(ROOT / "PASTAGen")!r}]
for name in ("torch", "monai", "nnunetv2", "pydantic", "jinja2", "safetensors", "PIL"):
    sys.modules[name] = None
import host
running = host.start()
running.load_module("PASTA")
running.load_module("PASTAGen")
assert not running.take_faults()
host.stop()
""")
