"""The button that works a bending transform into a copy of the CT; it shows where one is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from PASTALib.mrml.volumes import hardened_copy, is_bent


class HardenButton:
    """Binds ``hardenButton`` to the selector of the CT.

    Nothing is hardened unless the button is pressed, and the volume itself never is.

    Args:
        ui: the widgets.
        scene: where the copy is added.
        say: told what was done.
    """

    def __init__(self, ui: Any, scene: Any, say: Callable[[str], None]) -> None:
        self._ui, self._scene, self._say = ui, scene, say
        self._watched: tuple[Any, int] | None = None
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._watch())
        ui.hardenButton.connect("clicked(bool)", lambda _checked: self._harden())
        self._watch()

    def close(self) -> None:
        """Watch no volume any more."""
        if self._watched is not None:
            volume, tag = self._watched
            volume.RemoveObserver(tag)
        self._watched = None

    def _watch(self) -> None:
        """Follow the transforms of the chosen volume."""
        self.close()
        volume = self._ui.inputSelector.currentNode()
        if volume is not None:
            event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
            self._watched = volume, volume.AddObserver(event, lambda *_: self._refresh())
        self._refresh()

    def _refresh(self) -> None:
        volume = self._ui.inputSelector.currentNode()
        self._ui.hardenButton.visible = volume is not None and is_bent(volume)

    def _harden(self) -> None:
        volume = self._ui.inputSelector.currentNode()
        if volume is not None and is_bent(volume):
            copy = hardened_copy(self._scene, volume)
            self._ui.inputSelector.setCurrentNode(copy)
            self._say(f"{copy.GetName()} has the transform in its voxels and is chosen.")
