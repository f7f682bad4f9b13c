"""The Slicer modules: they load, their buttons do what they say, and say why when they cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slicer
ROOT = Path(__file__).resolve().parents[2]


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


def test_opening_the_panel_of_pasta_does_not_wait_for_scipy(host):
    done = python(f"""
import sys
sys.path[:0] = [{str(ROOT / "Testing")!r}, {str(ROOT / "PASTA")!r}, {str(ROOT / "PASTAGen")!r}]
import host
running = host.start()
before = set(sys.modules)
running.load_module('PASTA')
print(*sorted(set(sys.modules) - before))
host.stop()
""")
    loaded = set(done.stdout.split())
    assert "PASTALib.ui.pasta_panel" in loaded
    assert not loaded & {"scipy.ndimage", "scipy.cluster.vq", "pydantic"}


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
