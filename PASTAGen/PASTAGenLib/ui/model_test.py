"""One click: runs PASTA on the synthetic CT and says what it found of the lesions in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.mrml.model_outcomes import outcomes_of
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.mrml.case import add_findings
from PASTALib.segments import segment_list
from PASTALib.ui.case_in_worker import CaseInWorker
from PASTALib.ui.request import Request
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure
from PASTALib.worker.messages import take_image


class ModelTest:
    """Binds the button that tests the model.

    Args:
        ui: the widgets.
        desk: has the lesions.
        case: runs the model.
        choices: gives model, device and mode, as chosen in the module PASTA.
        ensure_packages: sees to what is needed; raises `PastaError`.
        progress: told how far it is.
    """

    def __init__(
        self,
        ui: Any,
        desk: BenchDesk,
        case: CaseInWorker,
        choices: Callable[[], dict[str, str]],
        ensure_packages: Callable[[], None],
        progress: Callable[[float, str], None],
    ) -> None:
        self._ui, self._desk, self._case = ui, desk, case
        self._choices = choices
        self._ensure_packages, self._progress = ensure_packages, progress
        self._request: Request | None = None
        ui.testButton.connect("clicked(bool)", lambda _checked: self._press())
        desk.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Bring the button up to date."""
        ready = any(kept.shown for kept in self._desk.lesions)
        self._ui.testButton.enabled = ready or self._request is not None
        self._ui.testButton.text = "Cancel" if self._request is not None else "Test the model"

    def cancel(self) -> None:
        """Give the test up."""
        if self._request is not None:
            self._request.cancel()

    def _press(self) -> None:
        if self._request is not None:
            self.cancel()
            return
        self._desk.discard()  # the model sees what is kept
        nodes = self._desk.nodes
        if nodes is None:
            return
        try:
            self._ensure_packages()
        except PastaError as error:
            self._end(str(error))
            return
        choices = self._choices()
        model = Path(choices["model"]).name  # a model of the library is a folder
        listener = Listener(
            self._progress,
            lambda result: self._done(nodes.volume, model, result),
            self._failed,
            lambda: self._end("Cancelled."),
        )
        self._ui.testLabel.text = f"{model} looks at the case"
        self._request = self._case.analyze(nodes.volume, None, choices, listener)
        self.refresh()

    def _done(self, volume: Any, model: str, result: dict[str, Any]) -> None:
        from PASTALib.report import Report

        folder = self._case.worker.folder
        layers = [item and take_image(item, folder) for item in result["layers"]]
        report = Report.model_validate(result["report"])
        nodes = add_findings(volume, segment_list(layers, result["segments"]), report)
        nodes.lesions.GetDisplayNode().SetVisibility(False)
        found = outcomes_of(self._desk, nodes)
        lines = [_sentence(outcome) for outcome in found]
        hits = {outcome.finding for outcome in found if outcome.finding is not None}
        others = len(report.findings) - len(hits)
        more = f"{others} other finding{'' if others == 1 else 's'}"
        lines.append(f"{more} by {model}; see the module PASTA.")
        self._end("\n".join(lines))

    def _failed(self, failure: Failure) -> None:
        self._end(failure.sentence)

    def _end(self, sentence: str) -> None:
        self._request = None
        self._progress(0.0, "")
        self._ui.testLabel.text = sentence
        self.refresh()


def _sentence(outcome: Any) -> str:
    if outcome.finding is None:
        return f"{outcome.lesion}: missed."
    name = catalog().lesion_types[outcome.type].name.lower()
    return (
        f"{outcome.lesion}: found as {name}, Dice {outcome.dice:.2f}, long axis "
        f"{outcome.size_error_mm:+.0f} mm."
    )
