"""Run: model and device, Run and Cancel, progress with the time left, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PASTALib.errors import PastaError
from PASTALib.signals import Signal
from PASTALib.ui.case_in_worker import CaseInWorker
from PASTALib.ui.errors import show_details
from PASTALib.ui.input_panel import InputPanel
from PASTALib.ui.parameters import run_choices
from PASTALib.ui.request import Request
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure

RUN, CANCEL = "Find lesions", "Cancel"
AUTOMATIC = ("auto", "Automatic")
PROCESSOR = ("cpu", "CPU")


class RunPanel:
    """Binds the section Run. One run at a time.

    Args:
        ui: the widgets.
        parameters: the choices, read at the start of a run.
        chosen: the section Input.
        case: runs the jobs.
        ensure_packages: makes sure that everything needed is installed; raises `PastaError`.

    Attributes:
        found: emitted with volume and result when a run has succeeded.
        running: volume and organs of the present run; empty if there is none.
    """

    def __init__(
        self,
        ui: Any,
        parameters: Any,
        chosen: InputPanel,
        case: CaseInWorker,
        ensure_packages: Callable[[], None],
    ) -> None:
        self.found = Signal()
        self.running: tuple[Any, ...] = ()
        self._ui, self._parameters, self._input, self._case = ui, parameters, chosen, case
        self._ensure_packages = ensure_packages
        self._request: Request | None = None
        self._failure: Failure | None = None
        self._started = 0.0
        ui.runButton.connect("clicked(bool)", lambda _checked: self._press())
        ui.cpuButton.connect("clicked(bool)", lambda _checked: self._on_cpu())
        ui.detailsButton.connect("clicked(bool)", lambda _checked: self._details())
        ui.deviceSelector.connect("activated(int)", self._device_chosen)
        ui.modelSelector.connect("activated(int)", self._model_chosen)
        chosen.changed.connect(self.refresh)
        self.show_devices([])
        self._show_failure(None)
        self.refresh()

    def use(self, parameters: Any) -> None:
        """Take the choices of another scene."""
        self._parameters = parameters
        for selector, value in (
            (self._ui.deviceSelector, parameters.device),
            (self._ui.modelSelector, parameters.model),
        ):
            index = selector.findData(value)
            selector.setCurrentIndex(max(index, 0))

    # Choices -------------------------------------------------------------------------------------

    def show_models(self, entries: list[tuple[str, str]]) -> None:
        """List models: what the parameter says, and the text."""
        _fill(self._ui.modelSelector, entries, self._parameters.model)

    def show_devices(self, found: list[dict[str, Any]]) -> None:
        """List devices, with the memory that is free; before they are known, the CPU at least."""
        entries = [AUTOMATIC, *((d["key"], _device_text(d)) for d in found)]
        _fill(
            self._ui.deviceSelector,
            entries if found else [AUTOMATIC, PROCESSOR],
            self._parameters.device,
        )

    def ask_devices(self) -> None:
        """Have the worker look for devices; it loads PyTorch on the way, and is warm then."""
        listener = Listener(done=lambda result: self.show_devices(result["devices"]))
        self._case.worker.request("devices", {}, listener)

    def _device_chosen(self, index: int) -> None:
        self._parameters.device = self._ui.deviceSelector.itemData(index)

    def _model_chosen(self, index: int) -> None:
        self._parameters.model = self._ui.modelSelector.itemData(index)

    # A run ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring button and tool tip up to date."""
        button = self._ui.runButton
        busy = self._request is not None
        ready = self._input.volume is not None
        button.text = CANCEL if busy else RUN
        button.enabled = busy or ready
        if busy:
            button.toolTip = "Stop; the scene stays as it was."
        else:
            button.toolTip = "Find lesions in the CT." if ready else "Choose a CT volume first."

    def start(self) -> None:
        """Begin a run on the chosen CT."""
        volume, organs = self._input.volume, self._input.organs
        if volume is None or self._request is not None:
            return
        self._show_failure(None)
        try:
            self._ensure_packages()
        except PastaError as error:
            self._show_failure(Failure("package", str(error)))
            return
        self._started = time.monotonic()
        self.running = tuple(node for node in (volume, organs) if node is not None)
        choices = run_choices(self._parameters)
        self._progress(0.0, "Starting")
        listener = Listener(
            self._progress,
            lambda result: self._done(volume, result),
            self._failed,
            self._cancelled,
        )
        request = self._case.analyze(volume, organs, choices, listener)
        if self.running:  # it may have failed at once
            self._request = request
        self.refresh()

    def cancel(self) -> None:
        """Give the present run up; the scene stays as it was."""
        if self._request is not None:
            self._request.cancel()

    def _press(self) -> None:
        if self._request is None:
            self.start()
        else:
            self.cancel()

    def _on_cpu(self) -> None:
        self._parameters.device = PROCESSOR[0]
        self.use(self._parameters)
        self.start()

    def _progress(self, fraction: float, message: str) -> None:
        self._ui.progressBar.value = round(100 * fraction)
        spent = time.monotonic() - self._started
        left = time_left(fraction, spent)
        self._ui.statusLabel.text = f"{message}; {left}" if left else message

    def _done(self, volume: Any, result: dict[str, Any]) -> None:
        self._end("Putting the result into the scene", 100)
        self.found.emit(volume, result)

    def said(self, sentence: str) -> None:
        """Tell something where progress is told."""
        self._ui.statusLabel.text = sentence

    def _failed(self, failure: Failure) -> None:
        self._end("", 0)
        self._show_failure(failure)

    def _cancelled(self) -> None:
        self._end("Cancelled.", 0)

    def _end(self, message: str, value: int) -> None:
        self._request, self.running = None, ()
        self._ui.progressBar.value = value
        self._ui.statusLabel.text = message
        self.refresh()

    def _show_failure(self, failure: Failure | None) -> None:
        self._failure = failure
        self._ui.detailsButton.visible = failure is not None and bool(failure.details)
        on_cpu = self._parameters.device == PROCESSOR[0]
        self._ui.cpuButton.visible = failure is not None and failure.cpu_helps and not on_cpu
        if failure is not None:
            self._ui.statusLabel.text = failure.sentence

    def _details(self) -> None:
        if self._failure is not None:
            show_details(self._failure.sentence, self._failure.details)


def time_left(fraction: float, spent: float) -> str:
    """Such as ``about 40 s left``; nothing while it cannot be told."""
    if fraction < 0.08 or fraction >= 1 or spent < 2:
        return ""
    left = spent * (1 - fraction) / fraction
    return f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"


def _device_text(device: dict[str, Any]) -> str:
    free = device["free_bytes"]
    return device["name"] if free is None else f"{device['name']}, {free / 1e9:.1f} GB free"


def _fill(selector: Any, entries: list[tuple[str, str]], chosen: str) -> None:
    """List entries (value, text) and choose one of them, the first if it is not there."""
    selector.clear()
    for value, text in entries:
        selector.addItem(text, value)
    selector.setCurrentIndex(max(selector.findData(chosen), 0))
