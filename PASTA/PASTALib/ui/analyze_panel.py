"""The panel of the module PASTA: choose a volume, run, read the impression."""

from __future__ import annotations

from typing import Any, Protocol

import slicer

from PASTALib.errors import PastaError
from PASTALib.progress import Progress
from PASTALib.ui.packages import ensure_packages


class Analyzer(Protocol):
    """What the panel runs."""

    def analyze(self, volumeNode: Any, organsNode: Any = None, *, progress: Progress) -> Any:
        """Analyze a volume node; see ``PASTALogic.analyze``."""


class AnalyzePanel:
    """Binds the widgets of ``PASTA.ui`` to the logic, and holds no state of its own."""

    def __init__(self, widget: Any, logic: Analyzer) -> None:
        self.widget = widget
        self.ui = slicer.util.childWidgetVariables(widget)
        self._logic = logic
        widget.setMRMLScene(slicer.mrmlScene)
        self.ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._refresh)
        self.ui.runButton.connect("clicked(bool)", self._run)
        self._refresh()

    def _refresh(self, _node: Any = None) -> None:
        ready = self.ui.inputSelector.currentNode() is not None
        self.ui.runButton.enabled = ready
        self.ui.runButton.toolTip = (
            "Find lesions; Slicer does not react meanwhile" if ready else "Choose a CT volume first"
        )

    def _run(self, _checked: bool = False) -> None:
        self.ui.runButton.enabled = False
        self.ui.impressionText.plainText = ""
        try:
            ensure_packages()
            nodes = self._logic.analyze(
                self.ui.inputSelector.currentNode(),
                self.ui.organsSelector.currentNode(),
                progress=self._show,
            )
        except PastaError as error:
            self._show(0.0, "")
            slicer.util.errorDisplay(str(error), windowTitle="PASTA")
            return
        finally:
            self._refresh()
        self.ui.impressionText.plainText = "\n\n".join(nodes.read_report().impression)

    def _show(self, fraction: float, message: str) -> None:
        # repaint() draws at once without handling events, so that nothing can start in between.
        self.ui.progressBar.value = round(100 * fraction)
        self.ui.statusLabel.text = message
        self.ui.progressBar.repaint()
        self.ui.statusLabel.repaint()
