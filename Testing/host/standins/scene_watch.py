"""A widget's eye on a scene: observers that go with the widget."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import slicer
import vtk
from PySide6.QtCore import QObject

SCENE_EVENTS = ("NodeAddedEvent", "NodeRemovedEvent", "EndBatchProcessEvent", "EndCloseEvent")


class Watch:
    """Calls a function when what is watched changes, as long as the widget lives."""

    def __init__(self, widget: QObject, react: Callable[[], None]) -> None:
        self._react = weakref.WeakMethod(react)
        self._tags: list[tuple[Any, int]] = []
        widget.destroyed.connect(lambda *_: self.stop())

    def _call(self, *_: Any) -> None:
        react = self._react()
        if react is not None:
            react()

    def stop(self) -> None:
        for thing, tag in self._tags:
            thing.RemoveObserver(tag)
        self._tags.clear()

    def start(self, thing: Any, *events: Any) -> None:
        """Watch one more thing; without events, whether it is modified."""
        for event in events or (vtk.vtkCommand.ModifiedEvent,):
            self._tags.append((thing, thing.AddObserver(event, self._call)))

    def start_scene(self, scene: Any) -> None:
        """Watch which nodes a scene has."""
        self.start(scene, *(getattr(slicer.vtkMRMLScene, name) for name in SCENE_EVENTS))
