"""A scene with the logics and nodes that Slicer gives every scene."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import slicer
import vtk

from PASTALib.mrml.scene import data_input

LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
}
"""Modules by name, and the classes of their logics; in the order in which they are set up."""


@dataclass
class SceneOfSlicer:
    """A scene and what has to live as long as it does.

    Attributes:
        scene: the ``vtkMRMLScene``.
        application: the ``vtkSlicerApplicationLogic``.
        logics: logic of each module, by the module's name.
    """

    scene: Any
    application: Any
    logics: dict[str, Any]
    kept: list[Any] = field(default_factory=list, repr=False)


def make_scene() -> SceneOfSlicer:
    """A new scene."""
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    application.SetMRMLScene(scene)
    logics = {}
    with without_warnings():  # of color and term files that only the application has
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
        for name, class_name in LOGICS.items():
            logic = getattr(slicer, class_name)()
            logic.SetMRMLApplicationLogic(application)
            logic.SetMRMLScene(scene)  # before any node exists: converter rules register here
            application.SetModuleLogic(name, logic)
            logics[name] = logic
        logics["Colors"].AddDefaultColorNodes()
    add_default_nodes(scene)
    made = SceneOfSlicer(scene, application, logics)
    made.kept += data_input(scene, application)
    return made


def add_default_nodes(scene: Any) -> None:
    """The singletons of the application: crosshair, selection, interaction, subject hierarchy."""
    if scene.GetFirstNodeByClass("vtkMRMLCrosshairNode") is None:
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        scene.AddNode(crosshair)
    for name in ("Selection", "Interaction"):
        if scene.GetNodeByID(f"vtkMRML{name}NodeSingleton") is None:
            scene.AddNode(getattr(slicer, f"vtkMRML{name}Node")())
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


@contextmanager
def without_warnings() -> Iterator[None]:
    """VTK says nothing within the block."""
    shown = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.SetGlobalWarningDisplay(0)
    try:
        yield
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(shown)
