"""Report: the impression, and sentence and attributes of the chosen finding, to be edited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.mrml.desk import Desk
from PASTALib.ui.case_in_worker import CaseInWorker
from PASTALib.worker.conversation import Listener
from PASTALib.worker.failures import Failure

TYPED_MS = 900
"""What is typed enters the report when the keys have been still for so long: one undo step."""
MARKS = {"model": "network", "measured": "measured", "reader": "yours", "generator": "truth"}
"""Who says an attribute, in a word beside it."""
PAGE = "report preview.html"


class TypedText:
    """A text field that tells what was typed, a while after the last key.

    Args:
        field: a ``QPlainTextEdit``.
        commit: called with the text.
    """

    def __init__(self, field: Any, commit: Callable[[str], None]) -> None:
        self._field, self._commit = field, commit
        self._showing = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPED_MS)
        self._timer.connect("timeout()", self._still)
        field.connect("textChanged()", self._typed)

    def show(self, text: str) -> None:
        """Show a text, unless the user is typing another one."""
        if self._timer.isActive() or self._field.plainText == text:
            return
        self._showing = True
        self._field.plainText = text
        self._showing = False

    def flush(self) -> None:
        """Tell now what was typed."""
        if self._timer.isActive():
            self._timer.stop()
            self._still()

    def _typed(self) -> None:
        if not self._showing:
            self._timer.start()

    def _still(self) -> None:
        self._commit(self._field.plainText)


class ReportPanel:
    """Binds the section Report.

    Args:
        ui: the widgets.
        desk: what is read and edited.
        case: draws the page.
        open_page: opens a file for the user.
    """

    def __init__(
        self, ui: Any, desk: Desk, case: CaseInWorker, open_page: Callable[[Path], None]
    ) -> None:
        self.current: str | None = None
        self._ui, self._desk, self._case, self._open_page = ui, desk, case, open_page
        self._impression = TypedText(ui.impressionText, self._impression_typed)
        self._sentence = TypedText(ui.sentenceText, self._sentence_typed)
        self._selectors: dict[str, Any] = {}
        for key, attribute in catalog().attributes.items():
            selector = getattr(ui, f"{key}Selector")
            for value in attribute.values:
                selector.addItem(value)
            selector.toolTip = attribute.name
            getattr(ui, f"{key}Label").text = attribute.name
            selector.connect("activated(int)", self._setter(key, selector))
            self._selectors[key] = selector
        ui.draftButton.connect("clicked(bool)", lambda _checked: self.draft_again())
        ui.previewButton.connect("clicked(bool)", lambda _checked: self.preview())
        desk.changed.connect(self.refresh)
        self.refresh()

    def look_at(self, finding_id: str | None) -> None:
        """Show another finding."""
        self._sentence.flush()
        self.current = finding_id
        self.refresh()

    def refresh(self) -> None:
        """Bring the section up to date with the desk."""
        ui, report = self._ui, self._desk.report
        ui.previewButton.enabled = ui.impressionText.enabled = report is not None
        self._impression.show("\n".join(report.impression) if report else "")
        ui.impressionLabel.text = self._note()
        ui.draftButton.visible = report is not None and self._is_written()
        known = {f.id: f for f in report.findings} if report else {}
        finding = known.get(self.current or "")
        self._sentence.show(finding.sentence if finding else "")
        ui.sentenceText.enabled = finding is not None
        ui.reportTabs.setTabText(1, f"Finding {finding.id}" if finding else "Finding")
        for key, selector in self._selectors.items():
            entry = finding.attributes.get(key) if finding else None
            selector.enabled = entry is not None
            source = getattr(ui, f"{key}Source")
            selector.setCurrentIndex(selector.findText(entry.value) if entry else -1)
            source.text = MARKS[entry.provenance] if entry else ""
            source.toolTip = entry.evidence if entry else ""

    def _is_written(self) -> bool:
        from PASTALib.report_changes import reader_wrote

        return self._desk.report is not None and reader_wrote(self._desk.report, "impression")

    def _note(self) -> str:
        """What to know of the impression."""
        if self._desk.report is None:
            return ""
        from PASTALib.report_changes import impression_is_old

        if impression_is_old(self._desk.report):
            return "Yours; the findings have changed since."
        return "Yours." if self._is_written() else "Drafted; follows the findings."

    def _impression_typed(self, text: str) -> None:
        if self._desk.report is not None:
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if tuple(lines) != self._desk.report.impression:
                self._desk.set_impression(lines)

    def _sentence_typed(self, text: str) -> None:
        findings = self._desk.report.findings if self._desk.report else ()
        now = next((f for f in findings if f.id == self.current), None)
        if now is not None and text.strip() != now.sentence:
            self._desk.set_sentence(now.id, text.strip())

    def _setter(self, key: str, selector: Any) -> Callable[[int], None]:
        def chosen(_index: int) -> None:
            if self.current is not None:
                self._desk.set_attribute(self.current, key, selector.currentText)

        return chosen

    def draft_again(self) -> None:
        """Replace the reader's impression by a draft, if the reader agrees."""
        question = (
            "Replace your impression by a draft of the present findings? Undo brings it back."
        )
        if slicer.util.confirmOkCancelDisplay(question, windowTitle="PASTA"):
            self._desk.draft_impression()

    def flush(self) -> None:
        """Take over what is being typed."""
        self._impression.flush()
        self._sentence.flush()

    def preview(self) -> None:
        """Open the report as a page with key images."""
        self.flush()
        desk = self._desk
        if desk.nodes is None or desk.report is None:
            return
        self._ui.reportStatus.text = "Drawing the key images"
        try:
            path = self._case.worker.folder / PAGE
        except PastaError as error:
            self._ui.reportStatus.text = str(error)
            return
        self._case.page(
            desk.nodes,
            desk.report,
            desk.outlines(),
            path,
            Listener(done=self._drawn, failed=self._not),
        )

    def _drawn(self, result: dict[str, Any]) -> None:
        self._ui.reportStatus.text = ""
        self._open_page(Path(result["path"]))

    def _not(self, failure: Failure) -> None:
        self._ui.reportStatus.text = failure.sentence


def open_in_browser(path: Path) -> None:
    """Open a file with the program that the system has for it."""
    qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))
