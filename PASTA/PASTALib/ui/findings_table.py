"""The table of findings: what a row says, and which rows in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import qt

from PASTALib.catalog import catalog
from PASTALib.signals import Signal

if TYPE_CHECKING:
    from PASTALib.report import Finding, Report


@dataclass(frozen=True)
class Column:
    """One column: what it shows, and what it is sorted by."""

    text: Callable[[Report, Finding], str]
    key: Callable[[Report, Finding], Any]


TITLES = ("No.", "Place", "Type", "Size (mm)", "Volume", "Conf.", "Status")
PLACE = 1
"""Column that gives way where the panel is narrow."""


@cache
def columns() -> tuple[Column, ...]:
    """The columns under `TITLES`. Imported when there is a report, and with it all packages."""
    from PASTALib.impression import volume_text
    from PASTALib.report_changes import status
    from PASTALib.report_html import percent
    from PASTALib.statements import mm
    from PASTALib.study import number_of

    organs = list(catalog().organs)

    def size(_report: Report, finding: Finding) -> str:
        axes = finding.size
        return f"{mm(axes.long_axis.length_mm)} × {mm(axes.short_axis.length_mm)}"

    return (
        Column(lambda r, f: f.id, lambda r, f: number_of(f.id)),
        Column(lambda r, f: f.location.text, lambda r, f: organs.index(f.location.organ)),
        Column(lambda r, f: f.name, lambda r, f: f.name),
        Column(size, lambda r, f: f.size.long_axis.length_mm),
        Column(lambda r, f: volume_text(f.size.volume_ml), lambda r, f: f.size.volume_ml),
        Column(lambda r, f: percent(f.confidence), lambda r, f: f.confidence),
        Column(status, status),
    )


class FindingsTable:
    """Fills a ``QTableWidget`` with findings, and knows which are chosen.

    Attributes:
        chosen_changed: emitted when other rows are chosen by the user.
    """

    def __init__(self, table: Any) -> None:
        self.chosen_changed = Signal()
        self.shown: tuple[str, ...] = ()
        self._table = table
        self._sorted_by, self._descending = 0, False
        self._filling = False
        self._again: Callable[[], None] = lambda: None
        table.setColumnCount(len(TITLES))
        table.setHorizontalHeaderLabels(list(TITLES))
        table.verticalHeader().setVisible(False)
        for column in range(len(TITLES)):
            fit = qt.QHeaderView.Stretch if column == PLACE else qt.QHeaderView.ResizeToContents
            table.horizontalHeader().setSectionResizeMode(column, fit)
        table.horizontalHeader().connect("sectionClicked(int)", self._sort)
        table.connect("itemSelectionChanged()", self._selected)

    @property
    def chosen(self) -> list[str]:
        """Ids of the chosen findings, in the order of the table."""
        rows = sorted({item.row() for item in self._table.selectedItems()})
        return [self.shown[row] for row in rows if row < len(self.shown)]

    def fill(self, report: Report | None, accepted: Callable[[Finding], bool]) -> None:
        """Show the findings of a report that pass the filter; what was chosen stays chosen."""
        self._again = lambda: self.fill(report, accepted)
        chosen = self.chosen
        self._filling = True
        try:
            if report is None:
                self.shown = ()
                self._table.setRowCount(0)
            else:
                self._show(report, [f for f in report.findings if accepted(f)])
            self._choose_rows(chosen)
        finally:
            self._filling = False

    def _show(self, report: Report, findings: list[Finding]) -> None:
        by = columns()[self._sorted_by]
        findings.sort(key=lambda finding: by.key(report, finding), reverse=self._descending)
        self.shown = tuple(finding.id for finding in findings)
        self._table.setRowCount(len(findings))
        for row, finding in enumerate(findings):
            for number, column in enumerate(columns()):
                item = qt.QTableWidgetItem(column.text(report, finding))
                if finding.review == "dismissed":
                    item.setForeground(qt.QBrush(qt.QColor("gray")))
                item.setToolTip(finding.sentence)
                self._table.setItem(row, number, item)

    def choose(self, ids: list[str]) -> None:
        """Choose findings, as a click would."""
        self._filling = True
        try:
            self._choose_rows(ids)
        finally:
            self._filling = False
        self.chosen_changed.emit()

    def step(self, by: int) -> None:
        """Choose the next (1) or previous (-1) finding; beyond the end comes the other end."""
        if not self.shown:
            return
        chosen = self.chosen
        at = self.shown.index(chosen[0]) + by if chosen else (0 if by > 0 else -1)
        self.choose([self.shown[at % len(self.shown)]])

    def _choose_rows(self, ids: list[str]) -> None:
        self._table.clearSelection()
        last = len(TITLES) - 1
        for row, finding_id in enumerate(self.shown):
            if finding_id in ids:
                span = qt.QTableWidgetSelectionRange(row, 0, row, last)
                self._table.setRangeSelected(span, True)
                self._table.scrollToItem(self._table.item(row, 0))

    def _selected(self) -> None:
        if not self._filling:
            self.chosen_changed.emit()

    def _sort(self, column: int) -> None:
        self._descending = not self._descending if column == self._sorted_by else False
        self._sorted_by = column
        self._again()
