"""A slice view: the picture (``qMRMLSliceView``) and its bar together (``qMRMLSliceWidget``)."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtWidgets import QVBoxLayout, QWidget

from host.pythonqt.classes import register_stand_in
from host.standins.scene_watch import Watch
from host.views.rendering import RenderedView
from host.views.slice_controller import qMRMLSliceControllerWidget

MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)


@register_stand_in
class qMRMLSliceView(RenderedView):
    """Draws one slice: the volumes as the slice logic blends them, all else by managers."""

    def __init__(self, application_logic: Any, logic: Any) -> None:
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        super().__init__(factory, MANAGERS, application_logic)
        self._logic = logic
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self.mapper = vtk.vtkImageMapper()
        self.mapper.SetColorWindow(255)
        self.mapper.SetColorLevel(127.5)
        self._image = vtk.vtkActor2D()
        self._image.SetMapper(self.mapper)
        self._image.GetProperty().SetDisplayLocationToBackground()
        self._image.SetVisibility(0)
        self.renderer.AddViewProp(self._image)
        self.style_vtk = slicer.vtkMRMLSliceViewInteractorStyle()
        self.style_vtk.SetDisplayableManagers(self.group)
        self.style_vtk.SetSliceLogic(logic)
        self._interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self.style_vtk.SetInteractor(self._interactor)

    def setMRMLSliceNode(self, node: Any) -> None:
        self.group.SetMRMLDisplayableNode(node)

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def sliceViewInteractorStyle(self) -> Any:
        return self.style_vtk

    def convertDeviceToXYZ(self, position: Any) -> list[float]:
        return [float(position[0]), float(self.height() - 1 - position[1]), 0.0]

    def convertRASToXYZ(self, position: Any) -> list[float]:
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(self.mrmlSliceNode().GetXYToRAS())
        matrix.Invert()
        return list(matrix.MultiplyPoint((*position, 1.0))[:3])

    def convertXYZToRAS(self, position: Any) -> list[float]:
        matrix = self.mrmlSliceNode().GetXYToRAS()
        return list(matrix.MultiplyPoint((*position, 1.0))[:3])

    def resized(self) -> None:
        self._logic.ResizeSliceNode(*self.window_vtk.GetSize())

    def draw(self) -> None:
        connection = self._logic.GetImageDataConnection()
        self._image.SetVisibility(connection is not None)
        if connection is not None:
            self.mapper.SetInputConnection(connection)
        self._annotate()
        super().draw()

    def _annotate(self) -> None:
        """The names of the volumes in the lower left corner, as Slicer writes them."""
        composite = self._logic.GetSliceCompositeNode()
        lines = []
        for letter, node_id in (
            ("L", composite.GetLabelVolumeID()),
            ("F", composite.GetForegroundVolumeID()),
            ("B", composite.GetBackgroundVolumeID()),
        ):
            node = composite.GetScene().GetNodeByID(node_id) if node_id else None
            if node is not None:
                lines.append(f"{letter}: {node.GetName()}")
        self.annotation.SetText(vtk.vtkCornerAnnotation.LowerLeft, "\n".join(lines))


@register_stand_in
class qMRMLSliceWidget(QWidget):
    """A slice view with its bar."""

    def __init__(self, name: str, scene: Any, application_logic: Any) -> None:
        super().__init__()
        self.name = name
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        application_logic.GetSliceLogics().AddItem(self._logic)
        node = scene.GetNodeByID(f"vtkMRMLSliceNode{name}")  # made by the layout logic
        self._logic.SetSliceNode(node)
        self._view = qMRMLSliceView(application_logic, self._logic)
        self._view.setMRMLSliceNode(node)
        self._controller = qMRMLSliceControllerWidget(name, self._logic)
        self._watch = Watch(self, self._controller.show_state)
        self._watch.start(self._logic)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._controller)
        box.addWidget(self._view, 1)

    def sliceView(self) -> Any:
        return self._view

    def sliceController(self) -> Any:
        return self._controller

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def interactorStyle(self) -> Any:
        return self._view.style_vtk

    def fitSliceToBackground(self) -> None:
        self._view.resized()
        self._logic.FitSliceToBackground()
        self._logic.SnapSliceOffsetToIJK()

    def view_node(self) -> Any:
        """The node of the view."""
        return self.mrmlSliceNode()

    def draw(self) -> None:
        """Draw the view anew."""
        self._controller.show_state()
        self._view.draw()

    def finish(self) -> None:
        """Let go of the scene."""
        self._watch.stop()
        self._view.finish()
        self._logic.SetMRMLScene(None)
