"""A scene to work in: Slicer's own, or one made for the ``slicer-core`` package.

The Python package ``slicer-core`` has the data classes of 3D Slicer without the application. There
is no scene and nobody has registered the logics that some nodes ask for; both is made here, so that
the rest of this package works the same in either.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import slicer
import vtk

from PASTALib.files import resource_folder

_LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
}
"""Module names, by which nodes ask for them, and the classes of their logics."""


@dataclass
class Carrier:
    """A scene, with what has to stay alive as long as it does.

    Attributes:
        scene: the ``vtkMRMLScene``.
        inside_slicer: whether it is the scene of the running application.
    """

    scene: Any
    inside_slicer: bool
    kept: list[Any] = field(default_factory=list, repr=False)


def open_scene() -> Carrier:
    """The scene of the running Slicer; without one, a new scene with the logics that it needs."""
    if inside_slicer():
        return Carrier(slicer.mrmlScene, True)
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    kept = [application]
    with _without_warnings():  # of color and term files that only the application has
        for name, class_name in _LOGICS.items():
            logic = getattr(slicer, class_name)()
            logic.SetMRMLApplicationLogic(application)
            # Before any node exists: the segmentations logic registers the converter rules here.
            logic.SetMRMLScene(scene)
            application.SetModuleLogic(name, logic)
            kept.append(logic)
    load_terms(application.GetModuleLogic("Terminologies"))
    kept += data_input(scene, application)
    return Carrier(scene, False, kept)


def inside_slicer() -> bool:
    """Whether the Slicer application is running around us."""
    return getattr(slicer, "app", None) is not None and hasattr(slicer, "mrmlScene")


def load_terms(terminologies: Any) -> bool:
    """Give Slicer's terminologies logic the terms that only PASTA has. True if it took them."""
    return bool(
        terminologies.LoadTerminologyFromFile(
            str(resource_folder() / "Catalog" / "PASTA.term.json")
        )
    )


@contextmanager
def _without_warnings() -> Iterator[None]:
    shown = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.SetGlobalWarningDisplay(0)
    try:
        yield
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(shown)


def data_input(scene: Any, application: Any) -> list[Any]:
    """What reading a ``.mrb`` needs: a cache folder, even for files that are on this machine."""
    folder = tempfile.TemporaryDirectory(prefix="pasta-scene-")
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.GetCacheManager().SetRemoteCacheDirectory(folder.name)
    remote.SetMRMLScene(scene)
    scene.SetCacheManager(remote.GetCacheManager())
    scene.SetDataIOManager(remote.GetDataIOManager())
    manager = slicer.vtkDataIOManagerLogic()
    manager.SetMRMLApplicationLogic(application)
    manager.SetAndObserveDataIOManager(remote.GetDataIOManager())
    return [folder, remote, manager]
