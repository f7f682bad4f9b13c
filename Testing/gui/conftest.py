"""Fixtures of the GUI tests: the test host, or the real Slicer where one runs around us."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk


def inside_real_slicer() -> bool:
    """Whether the tests were started by Slicer itself."""
    try:
        import slicer
    except ImportError:
        return False
    application = getattr(slicer, "app", None)
    return application is not None and not type(application).__module__.startswith("host.")


def why_not() -> str:
    """Why the test host cannot run on this machine; empty if it can."""
    for package in ("slicer", "PySide6.QtWidgets", "PySide6.QtUiTools", "PySide6.QtTest"):
        try:
            import_module(package)
        except ImportError as error:
            return f"GUI tests need {package} ({error}); see Testing/host/README.md"
    return ""


@pytest.fixture(scope="module")
def application() -> Iterator[Any]:
    """The test host, started once for the tests of a file; or the real Slicer."""
    if inside_real_slicer():
        from gui.real_slicer import RealSlicer

        yield RealSlicer()
        return
    reason = why_not()
    if reason and os.environ.get("PASTA_GUI_TESTS") != "required":
        pytest.skip(reason)
    assert not reason, reason
    import host

    yield host.start()
    host.stop()


@pytest.fixture
def host(application: Any) -> Iterator[Any]:
    """The application with an empty scene. What went wrong unseen in the test makes it fail."""
    application.clear()
    application.take_faults()
    yield application
    faults = application.take_faults()
    assert not faults, "went wrong unseen:\n" + "\n".join(faults)


@pytest.fixture
def scene(host: Any) -> Any:
    """The scene, empty."""
    return host.scene


@pytest.fixture
def sample_volume(scene: Any) -> Any:
    """A block of soft tissue with a liver in it, as a CT volume node."""
    from PASTALib.mrml.volumes import add_volume

    return add_volume(scene, block()[0], "Block")


@pytest.fixture
def sample_organs(scene: Any, sample_volume: Any) -> Any:
    """The liver of the sample volume, as a segmentation node."""
    from PASTALib.ct import Segmentation
    from PASTALib.mrml.segmentations import add_segmentation

    labels = block()[1]
    none = sitk.Image(labels.GetSize(), sitk.sitkUInt8)
    none.CopyInformation(labels)
    return add_segmentation(scene, Segmentation(labels, none, none), "Organs", volume=sample_volume)


@pytest.fixture
def sample_torso(scene: Any) -> tuple[Any, Any]:
    """The synthetic torso, coarse: CT volume node and segmentation node of its organs."""
    from PASTAGenLib.mrml.samples import add_sample_torso

    return add_sample_torso(scene, 1, spacing_mm=8.0)


def block() -> tuple[sitk.Image, sitk.Image]:
    """CT and organ labels of the sample volume."""
    from PASTALib.catalog import catalog

    rng = np.random.default_rng(4)
    hu = np.full((40, 60, 60), -1000, np.float32)
    hu[:, 8:52, 8:52] = 40
    organs = np.zeros(hu.shape, np.uint8)
    organs[4:36, 14:46, 14:46] = catalog().label("liver")
    hu[organs > 0] = 60
    hu += rng.normal(0, 10, hu.shape)
    images = (sitk.GetImageFromArray(hu.astype(np.int16)), sitk.GetImageFromArray(organs))
    for image in images:
        image.SetSpacing((2.0, 2.0, 2.5))
    return images


@pytest.fixture
def panel(host: Any) -> Iterator[Any]:
    """The panel of PASTA, open; its worker is ended with the test."""
    panel = host.load_module("PASTA").panel
    panel.parameters.device = "cpu"
    yield panel
    panel.case.close()
    panel.worker.close()


@pytest.fixture
def nodes(scene, panel):
    """A case in the scene, open in the panel, as after a run."""
    from scene_case import add_painted_case

    nodes = add_painted_case(scene)
    panel.desk.take(nodes, fresh=True)
    return nodes


@pytest.fixture
def generator(host: Any) -> Iterator[Any]:
    """The panel of PASTAGen, open; its worker is ended with the test."""
    panel = host.load_module("PASTAGen").panel
    yield panel
    panel.worker.close()
    panel.many.worker.close()


@pytest.fixture
def ready(generator: Any, sample_volume: Any, sample_organs: Any) -> Any:
    """The panel of PASTAGen with CT and organs chosen, and a small liver cyst in the form."""
    from gui.making import choose

    generator.input.choose(sample_volume, sample_organs)
    choose(generator.ui.typeSelector, "liver_cyst")
    generator.ui.sizeSpinBox.value = 18.0
    return generator
