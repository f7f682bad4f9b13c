"""The button that works a bending transform into a copy of the CT; it shows where one is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from PASTALib.errors import PastaError
from PASTALib.mrml.bent import add_hardened, field_in_steps, is_bent, reach_in_steps
from PASTALib.mrml.volumes import own_grid_of, voxels_of_volume
from PASTALib.progress import Progress
from PASTALib.steps import Steps
from PASTALib.ui.request import Request, guarded
from PASTALib.ui.worker_process import WorkerProcess
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure
from PASTALib.worker.messages import (
    array_in_steps,
    grid_wanted,
    image_reference,
    remove_files,
    take_image,
)
from PASTALib.worker.warped import warp_in_steps

HARDEN, CANCEL = "Harden", "Cancel"


class HardenButton:
    """Binds ``hardenButton`` to the selector of the CT. The worker does the work.

    Nothing is hardened unless the button is pressed, and the volume itself never is. Pressed again
    meanwhile, the button cancels.

    Args:
        ui: the widgets.
        scene: where the copy is added.
        worker: works the transform into the voxels.
        ensure_packages: sees to what the worker needs; raises `PastaError`.
        progress: told how far it is, and what was done.
    """

    def __init__(
        self,
        ui: Any,
        scene: Any,
        worker: WorkerProcess,
        ensure_packages: Callable[[], None],
        progress: Progress,
    ) -> None:
        self._ui, self._scene, self._worker = ui, scene, worker
        self._ensure_packages, self._progress = ensure_packages, progress
        self._watched: tuple[Any, int] | None = None
        self._request: Request | None = None
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._watch())
        ui.hardenButton.connect("clicked(bool)", lambda _checked: self._press())
        self._watch()

    def close(self) -> None:
        """Give up what is under way, and watch no volume any more."""
        if self._request is not None:
            self._request.cancel()
        self._unwatch()

    def _watch(self) -> None:
        """Follow the transforms of the chosen volume; one that was left is not hardened."""
        self.close()
        volume = self._ui.inputSelector.currentNode()
        if volume is not None:
            event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
            self._watched = volume, volume.AddObserver(event, lambda *_: self._refresh())
        self._refresh()

    def _unwatch(self) -> None:
        if self._watched is not None:
            volume, tag = self._watched
            volume.RemoveObserver(tag)
        self._watched = None

    def _refresh(self) -> None:
        volume, button = self._ui.inputSelector.currentNode(), self._ui.hardenButton
        button.text = HARDEN if self._request is None else CANCEL
        button.visible = self._request is not None or (volume is not None and is_bent(volume))

    def _press(self) -> None:
        volume = self._ui.inputSelector.currentNode()
        if self._request is not None:
            self._request.cancel()
        elif volume is not None and is_bent(volume):
            try:
                self._ensure_packages()
            except PastaError as error:
                self._progress(0.0, str(error))
                return
            self._start(volume)

    def _start(self, volume: Any) -> None:
        self._progress(0.01, "Handing the CT over")
        listener = Listener(
            self._progress,
            lambda result: self._done(volume, result),
            self._failed,
            lambda: self._end("Cancelled."),
        )
        request = self._request = Request(self._worker, listener)
        ask = lambda sent: request.ask("harden", sent)  # noqa: E731
        guarded(request, lambda: request.send(self._sent(volume), ask))
        self._refresh()

    def _sent(self, volume: Any) -> Steps[dict[str, Any]]:
        """Volume and transform for a message; no file stays if it is given up half way."""
        grid, folder = own_grid_of(volume), self._worker.folder
        wanted = yield from reach_in_steps(volume, grid)
        field = yield from field_in_steps(volume, wanted)
        warp = yield from warp_in_steps(field, folder)
        try:
            name = yield from array_in_steps(voxels_of_volume(volume), folder)
        except BaseException:
            remove_files(warp, folder)
            raise
        return {"image": image_reference(name, grid), "warp": warp, **grid_wanted(wanted)}

    def _done(self, volume: Any, result: dict[str, Any]) -> None:
        image = take_image(result["image"], self._worker.folder)
        copy = add_hardened(self._scene, volume, image)
        self._end(f"{copy.GetName()} has the transform in its voxels and is chosen.")
        self._ui.inputSelector.setCurrentNode(copy)

    def _failed(self, failure: Failure) -> None:
        self._end(failure.sentence)

    def _end(self, sentence: str) -> None:
        self._request = None
        self._progress(0.0, sentence)
        self._refresh()
