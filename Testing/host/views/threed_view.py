"""The 3D view (``qMRMLThreeDView``) and its bar (``qMRMLThreeDWidget``)."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtWidgets import QVBoxLayout, QWidget

from host.pythonqt.classes import register_stand_in
from host.views.rendering import RenderedView
from host.views.slice_controller import COLORS, Bar

MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLThreeDReformatDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
)


@register_stand_in
class qMRMLThreeDView(RenderedView):
    """Draws surfaces and markups in 3D."""

    def __init__(self, application_logic: Any) -> None:
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        super().__init__(factory, MANAGERS, application_logic)
        self._node: Any = None
        self.renderer.GradientBackgroundOn()
        self.style_vtk = slicer.vtkMRMLThreeDViewInteractorStyle()
        self.style_vtk.SetDisplayableManagers(self.group)
        self._interactor.SetInteractorStyle(vtk.vtkInteractorStyle3D())
        self.style_vtk.SetInteractor(self._interactor)

    def setMRMLViewNode(self, node: Any) -> None:
        self._node = node
        self.group.SetMRMLDisplayableNode(node)

    def mrmlViewNode(self) -> Any:
        return self._node

    def cameraNode(self) -> Any:
        manager = self.displayableManagerByClassName("vtkMRMLCameraDisplayableManager")
        return manager.GetCameraNode()

    def draw(self) -> None:
        self.renderer.SetBackground(self._node.GetBackgroundColor())
        self.renderer.SetBackground2(self._node.GetBackgroundColor2())
        self.renderer.ResetCameraClippingRange()
        super().draw()

    def _content(self) -> tuple[float, ...] | None:
        """Bounds of what is shown, without the box and its letters; None if nothing is."""
        shown = (self._node.GetBoxVisible(), self._node.GetAxisLabelsVisible())
        self._node.SetBoxVisible(0)
        self._node.SetAxisLabelsVisible(0)
        bounds = self.renderer.ComputeVisiblePropBounds()
        self._node.SetBoxVisible(shown[0])
        self._node.SetAxisLabelsVisible(shown[1])
        return tuple(bounds) if bounds[0] <= bounds[1] else None

    def resetFocalPoint(self) -> None:
        """Look at the middle of what is shown, from as far as before."""
        bounds = self._content()
        if bounds is not None:
            center = [(bounds[2 * i] + bounds[2 * i + 1]) / 2 for i in range(3)]
            camera = self.cameraNode()
            shift = [c - f for c, f in zip(center, camera.GetFocalPoint(), strict=True)]
            moved = [p + s for p, s in zip(camera.GetPosition(), shift, strict=True)]
            camera.SetFocalPoint(*center)
            camera.SetPosition(*moved)
        self._node.InvokeEvent(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent)

    def resetCamera(self) -> None:
        """Look at all that is shown."""
        bounds = self._content()
        if bounds is not None:
            self.renderer.ResetCamera(bounds)
        self._node.InvokeEvent(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent)

    def lookFromAxis(self, axis: int) -> None:
        self.cameraNode().RotateTo(int(axis))


@register_stand_in
class qMRMLThreeDWidget(QWidget):
    """The 3D view with its bar."""

    def __init__(self, name: str, scene: Any, application_logic: Any) -> None:
        super().__init__()
        self.name = name
        self._logic = slicer.vtkMRMLViewLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        application_logic.GetViewLogics().AddItem(self._logic)
        self._view = qMRMLThreeDView(application_logic)
        self._view.setMRMLViewNode(scene.GetNodeByID(f"vtkMRMLViewNode{name}"))
        bar = Bar(COLORS["1"], "1")
        bar.row.addStretch(1)
        bar.fit.clicked.connect(self._view.resetFocalPoint)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(bar)
        box.addWidget(self._view, 1)

    def threeDView(self) -> Any:
        return self._view

    def mrmlViewNode(self) -> Any:
        return self._view.mrmlViewNode()

    def viewLogic(self) -> Any:
        return self._logic

    def view_node(self) -> Any:
        """The node of the view."""
        return self.mrmlViewNode()

    def draw(self) -> None:
        """Draw the view anew."""
        self._view.draw()

    def finish(self) -> None:
        """Let go of the scene."""
        self._view.finish()
        self._logic.SetMRMLScene(None)
