"""Input: the CT, where organs come from, and samples to look around with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt

from PASTALib.signals import Signal


class InputPanel:
    """Binds the section Input.

    Args:
        ui: the widgets.
        samples: what the menu of samples offers: title to what is done.

    Attributes:
        changed: emitted when another CT is chosen.
    """

    def __init__(self, ui: Any, samples: Mapping[str, Callable[[], None]]) -> None:
        self.changed = Signal()
        self._ui = ui
        self._menu = qt.QMenu(ui.sampleButton)
        for title, load in samples.items():
            action = self._menu.addAction(title)
            action.connect("triggered()", load)
        ui.sampleButton.setMenu(self._menu)
        ui.inputSelector.connect(
            "currentNodeChanged(vtkMRMLNode*)", lambda _node: self.changed.emit()
        )

    @property
    def volume(self) -> Any:
        """The CT that is chosen, or None."""
        return self._ui.inputSelector.currentNode()

    @property
    def organs(self) -> Any:
        """The segmentation that organs are taken from; None for the model's own."""
        return self._ui.organsSelector.currentNode()

    def choose_shown(self, scene: Any) -> None:
        """Choose the CT that the slices show, or the only one there is, if none is chosen."""
        if self.volume is None:
            selection = scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
            shown = selection and scene.GetNodeByID(selection.GetActiveVolumeID() or "")
            self.choose(shown or scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))

    def choose(self, volume: Any) -> None:
        """Choose a CT."""
        self._ui.inputSelector.setCurrentNode(volume)
