"""A widget that shows what VTK draws offscreen with Slicer's displayable managers."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget
from vtk.util.numpy_support import vtk_to_numpy

_BUTTONS = {Qt.LeftButton: "Left", Qt.RightButton: "Right", Qt.MiddleButton: "Middle"}


def offscreen_window() -> Any:
    """A render window without a screen: through EGL where VTK has it."""
    kind = getattr(vtk, "vtkEGLRenderWindow", vtk.vtkRenderWindow)
    window = kind()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(4)
    window.SetSize(300, 300)
    return window


class RenderedView(QWidget):
    """A view. It is drawn when asked to be, not by itself: drawing is slow without a GPU."""

    def __init__(self, factory: Any, managers: tuple[str, ...], application_logic: Any) -> None:
        super().__init__()
        self.setMinimumSize(60, 60)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.StrongFocus)
        self._picture: QImage | None = None
        self.window_vtk = offscreen_window()
        self.renderer = vtk.vtkRenderer()
        self.window_vtk.AddRenderer(self.renderer)
        self.annotation = vtk.vtkCornerAnnotation()
        self.annotation.SetMaximumFontSize(14)
        self.annotation.SetMinimumFontSize(11)
        self.annotation.SetNonlinearFontScaleFactor(0.35)
        self.renderer.AddViewProp(self.annotation)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self.window_vtk)
        self._interactor.EnableRenderOff()
        self._interactor.Initialize()
        factory.SetMRMLApplicationLogic(application_logic)
        for name in managers:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.group = slicer.vtkMRMLDisplayableManagerGroup()
        self.group.SetRenderer(self.renderer)
        self.group.Initialize(factory, self.renderer)

    # What scripts ask of a view.

    def renderWindow(self) -> Any:
        return self.window_vtk

    def interactor(self) -> Any:
        return self._interactor

    def interactorStyle(self) -> Any:
        return self.style_vtk

    def cornerAnnotation(self) -> Any:
        return self.annotation

    def displayableManagerByClassName(self, name: str) -> Any:
        return self.group.GetDisplayableManagerByClassName(name)

    def setViewCursor(self, cursor: Any) -> None:
        self.setCursor(cursor)

    def unsetViewCursor(self) -> None:
        self.unsetCursor()

    def scheduleRender(self) -> None:
        self.update()

    def forceRender(self) -> None:
        self.draw()

    # Drawing.

    def resized(self) -> None:
        """For views to override: the size of the picture has changed."""

    def draw(self) -> None:
        """Draw the picture anew."""
        size = (max(self.width(), 1), max(self.height(), 1))
        if tuple(self.window_vtk.GetSize()) != size:
            self.window_vtk.SetSize(*size)
            self._interactor.UpdateSize(*size)
            self.resized()
        self.window_vtk.Render()
        reader = vtk.vtkWindowToImageFilter()
        reader.SetInput(self.window_vtk)
        reader.ReadFrontBufferOff()
        reader.ShouldRerenderOff()
        reader.Update()
        image = reader.GetOutput()
        width, height, _ = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1]
        data = pixels[..., :3].tobytes()
        self._picture = QImage(data, width, height, 3 * width, QImage.Format_RGB888).copy()
        self.update()

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        if self._picture is None:
            painter.fillRect(self.rect(), QColor(0, 0, 0))
        else:
            painter.drawImage(QRectF(self.rect()), self._picture)

    def finish(self) -> None:
        """Let go of the scene and of the graphics context."""
        self.group.SetMRMLDisplayableNode(None)
        self.window_vtk.Finalize()

    # Mouse.

    def _tell(self, event: Any, name: str) -> None:
        position = event.position().toPoint()
        modifiers = event.modifiers()
        self._interactor.SetEventInformationFlipY(
            position.x(),
            position.y(),
            int(bool(modifiers & Qt.ControlModifier)),
            int(bool(modifiers & Qt.ShiftModifier)),
            "\0",
            0,
            None,
        )
        self._interactor.InvokeEvent(name)

    def mousePressEvent(self, event: Any) -> None:
        if event.button() in _BUTTONS:
            self._tell(event, f"{_BUTTONS[event.button()]}ButtonPressEvent")

    def mouseReleaseEvent(self, event: Any) -> None:
        if event.button() in _BUTTONS:
            self._tell(event, f"{_BUTTONS[event.button()]}ButtonReleaseEvent")

    def mouseMoveEvent(self, event: Any) -> None:
        self._tell(event, "MouseMoveEvent")

    def wheelEvent(self, event: Any) -> None:
        up = event.angleDelta().y() > 0
        self._tell(event, "MouseWheelForwardEvent" if up else "MouseWheelBackwardEvent")

    def enterEvent(self, event: Any) -> None:
        self._interactor.InvokeEvent("EnterEvent")
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._interactor.InvokeEvent("LeaveEvent")
        super().leaveEvent(event)
