"""Input: the CT, its organs, a sample, and the bundled model where there is no organ map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PASTAGenLib.mrml.organs import add_organs
from PASTAGenLib.ui.bench_in_worker import WorkerEngine
from PASTALib.errors import PastaError
from PASTALib.mrml.bent import is_bent
from PASTALib.mrml.organs import lie_on
from PASTALib.mrml.volumes import add_volume, grid_of
from PASTALib.signals import Signal
from PASTALib.synthetic import NODE_ATTRIBUTE
from PASTALib.ui.harden_button import HardenButton
from PASTALib.ui.request import Request
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure
from PASTALib.worker.messages import take_image

ORGAN_MODEL = "pasta-s"
"""A model of the reader's choice need not outline organs; this one is always there, and does."""
TORSO = {"seed": 1, "spacing_mm": 2.0}
OUTLINE = "Have the bundled model outline the organs."
FIT = "Bring organs that lie on another grid onto that of the CT, in a copy."
OUTLINED = "The organs are outlined; check them before you rely on them."
FITTED = "The organs lie on the grid of the CT now, in a copy that is chosen."


class BenchInputPanel:
    """Binds the section Input.

    Args:
        ui: the widgets.
        scene: where nodes are added.
        engine: works in the worker.
        device: gives the device that is chosen in the module PASTA.
        ensure_packages: sees to what is needed; raises `PastaError`.
        progress: told how far it is.

    Attributes:
        changed: emitted when another CT or segmentation is chosen.
    """

    def __init__(
        self,
        ui: Any,
        scene: Any,
        engine: WorkerEngine,
        device: Callable[[], str],
        ensure_packages: Callable[[], None],
        progress: Callable[[float, str], None],
    ) -> None:
        self.changed = Signal()
        self._ui, self._scene, self._engine = ui, scene, engine
        self._device = device
        self._ensure_packages, self._progress = ensure_packages, progress
        self._request: Request | None = None
        self.harden = HardenButton(ui, scene, engine.worker, ensure_packages, progress)
        for selector in (ui.inputSelector, ui.organsSelector):
            selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._chosen())
        ui.sampleButton.connect("clicked(bool)", lambda _checked: self.sample())
        ui.outlineButton.connect("clicked(bool)", lambda _checked: self._outline())
        self.refresh()

    @property
    def volume(self) -> Any:
        """The CT that is chosen, or None."""
        return self._ui.inputSelector.currentNode()

    @property
    def organs(self) -> Any:
        """The segmentation that is chosen, or None."""
        return self._ui.organsSelector.currentNode()

    def choose(self, volume: Any, organs: Any) -> None:
        """Choose a CT and its organs."""
        self._ui.inputSelector.setCurrentNode(volume)
        self._ui.organsSelector.setCurrentNode(organs)

    def why_not(self) -> str:
        """What is still to be chosen; empty if nothing is."""
        if self.volume is None:
            return "Choose a CT first, or make a sample."
        if is_bent(self.volume):
            return "The CT is under a transform that bends; press Harden for a copy of it."
        if self.organs is None:
            return "Choose a segmentation of the organs, or have them outlined."
        if self._lie_elsewhere():
            return "The organs lie on another grid than the CT; press Fit for a copy on its grid."
        return ""

    def _lie_elsewhere(self) -> bool:
        """Whether the chosen organs have to be brought onto the grid of the CT first."""
        if self.volume is None or self.organs is None:
            return False
        try:
            return not lie_on(self.organs, grid_of(self.volume))
        except PastaError:  # told when the scan is opened
            return False

    def refresh(self) -> None:
        """Bring the buttons up to date."""
        button, fit = self._ui.outlineButton, self._lie_elsewhere()
        button.text = "Fit" if fit else "Outline"
        if self._request is not None:
            button.text = "Cancel"
        button.toolTip = FIT if fit else OUTLINE
        button.enabled = self.volume is not None or self._request is not None

    def cancel(self) -> None:
        """Give the outlining up."""
        if self._request is not None:
            self._request.cancel()

    def _chosen(self) -> None:
        self.refresh()
        self.changed.emit()

    # A sample ------------------------------------------------------------------------------------

    def sample(self) -> None:
        """Make a synthetic torso in the worker and choose it."""
        listener = Listener(self._progress, self._torso_made, self._failed)
        try:
            self._ensure_packages()
            self._progress(0.05, "Making a synthetic torso")
            self._engine.worker.request("torso", TORSO, listener)
        except PastaError as error:
            self._progress(0.0, str(error))

    def _torso_made(self, result: dict[str, Any]) -> None:
        folder = self._engine.worker.folder
        volume = add_volume(self._scene, take_image(result["image"], folder), result["name"])
        volume.SetAttribute(NODE_ATTRIBUTE, "1")
        organs = add_organs(take_image(result["organs"], folder), volume)
        self.choose(volume, organs)
        self._progress(0.0, f"{volume.GetName()} is ready.")

    # Organs --------------------------------------------------------------------------------------

    def _outline(self) -> None:
        volume = self.volume
        if self._request is not None:
            self.cancel()
            return
        try:
            self._ensure_packages()
        except PastaError as error:
            self._progress(0.0, str(error))
            return
        fit = self._lie_elsewhere()
        said = FITTED if fit else OUTLINED
        listener = Listener(
            self._progress,
            lambda result: self._outlined(volume, result, said),
            self._failed,
            lambda: self._end("Cancelled."),
        )
        if fit:
            self._request = self._engine.fit_organs(self.organs, volume, listener)
        else:
            self._request = self._engine.outline_organs(
                volume, {"model": ORGAN_MODEL, "device": self._device()}, listener
            )
        self.refresh()

    def _outlined(self, volume: Any, result: dict[str, Any], said: str) -> None:
        organs = self._engine.organs_of(result)
        if volume.GetScene() is None:
            self._end("The CT is no longer there.")
            return
        self._ui.organsSelector.setCurrentNode(add_organs(organs, volume))
        self._end(said)

    def _failed(self, failure: Failure) -> None:
        self._end(failure.sentence)

    def _end(self, sentence: str) -> None:
        self._request = None
        self._progress(0.0, sentence)
        self.refresh()
