"""The panel of the module PASTAGen: choose a CT, its organs and a lesion, and insert it."""

from __future__ import annotations

from typing import Any, Protocol

import slicer

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError


class Inserter(Protocol):
    """What the panel runs."""

    def insert(
        self, volumeNode: Any, organsNode: Any, lesionType: str, longAxisMm: float, seed: int
    ) -> Any:
        """Insert a lesion; see ``PASTAGenLogic.insert``."""

    def sample(self, seed: int) -> tuple[Any, Any]:
        """Add a synthetic torso to the scene."""


class InsertPanel:
    """Binds the widgets of ``PASTAGen.ui`` to the logic, and holds no state of its own."""

    def __init__(self, widget: Any, logic: Inserter) -> None:
        self.widget = widget
        self.ui = slicer.util.childWidgetVariables(widget)
        self._logic = logic
        self._types = tuple(catalog().lesion_types.values())
        for kind in self._types:
            self.ui.typeSelector.addItem(kind.name)
        widget.setMRMLScene(slicer.mrmlScene)
        for selector in (self.ui.inputSelector, self.ui.organsSelector):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self._refresh)
        self.ui.insertButton.connect("clicked(bool)", self._insert)
        self.ui.sampleButton.connect("clicked(bool)", self._sample)
        self._refresh()

    def _refresh(self, _node: Any = None) -> None:
        reason = ""
        if self.ui.inputSelector.currentNode() is None:
            reason = "Choose a CT volume first, or make the sample torso"
        elif self.ui.organsSelector.currentNode() is None:
            reason = "Choose a segmentation of the organs first"
        self.ui.insertButton.enabled = not reason
        self.ui.insertButton.toolTip = reason or "Add a copy of the CT with the lesion in it"

    def _insert(self, _checked: bool = False) -> None:
        kind = self._types[self.ui.typeSelector.currentIndex]
        self._try(
            lambda: (
                self._logic.insert(
                    self.ui.inputSelector.currentNode(),
                    self.ui.organsSelector.currentNode(),
                    kind.key,
                    self.ui.sizeSpinBox.value,
                    self.ui.seedSpinBox.value,
                ).summary
            )
        )

    def _sample(self, _checked: bool = False) -> None:
        def make() -> str:
            volume, organs = self._logic.sample(self.ui.seedSpinBox.value)
            self.ui.inputSelector.setCurrentNode(volume)
            self.ui.organsSelector.setCurrentNode(organs)
            return f"Made {volume.GetName()}."

        self._try(make)

    def _try(self, work: Any) -> None:
        """Do some work whose result is a sentence, and show that or why it was not possible."""
        self.ui.statusLabel.text = "Working ..."
        self.ui.statusLabel.repaint()
        try:
            self.ui.statusLabel.text = work()
        except PastaError as error:
            self.ui.statusLabel.text = ""
            slicer.util.errorDisplay(str(error), windowTitle="PASTAGen")
