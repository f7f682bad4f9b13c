"""Findings: the table with its filters, and what a reader does with the chosen ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.mrml import views
from PASTALib.mrml.axes import AxisLines
from PASTALib.mrml.desk import Desk
from PASTALib.signals import Signal
from PASTALib.ui.findings_table import FindingsTable

if TYPE_CHECKING:
    from PASTALib.report import Finding

ALL_ORGANS = "All organs"
IDLE_S = 120.0
"""Longer at one finding without a change does not count as work on it."""


class FindingsPanel:
    """Binds the section Findings.

    Args:
        ui: the widgets.
        desk: what is done with findings.
        scene: where views and lines are.
        tell: shows a sentence to the user.

    Attributes:
        chosen: emitted with the id of the finding that is looked at, or None.
        edit_wanted: emitted with an id when its outline is to be corrected, with None to stop.
        point_wanted: emitted when a gesture shall add a finding.
    """

    def __init__(self, ui: Any, desk: Desk, scene: Any, tell: Callable[[str], None]) -> None:
        self.chosen, self.edit_wanted, self.point_wanted = Signal(), Signal(), Signal()
        self.current: str | None = None
        self.table = FindingsTable(ui.findingsTable)
        self.lines = AxisLines(scene)
        self._ui, self._desk, self._scene, self._tell = ui, desk, scene, tell
        self._since = time.monotonic()
        self._stays, self._clear = False, False
        self._fill_choices()
        self._connect()
        self.refresh()

    def _fill_choices(self) -> None:
        ui, known = self._ui, catalog()
        ui.organFilter.addItem(ALL_ORGANS, "")
        for item in known.organs.values():
            ui.organFilter.addItem(item.name, item.key)
        for kind in known.lesion_types.values():
            ui.typeSelector.addItem(
                f"{kind.name} ({known.organs[kind.organ].name.lower()})", kind.key
            )
        self._menu = qt.QMenu(ui.moreButton)
        for title, action in (
            ("Add by drawing", self.add_by_drawing),
            ("Add by a click", self.add_by_click),
            ("Merge", self.merge),
            ("Split", lambda: self._each(self._desk.split)),
            ("Delete", lambda: self._each(self._desk.delete)),
            ("Reopen", lambda: self._each(self._desk.reopen)),
        ):
            self._menu.addAction(title).connect("triggered()", action)
        ui.moreButton.setMenu(self._menu)

    def _connect(self) -> None:
        ui = self._ui
        self._desk.changed.connect(self.refresh)
        self._desk.failed.connect(self._tell)
        self.table.chosen_changed.connect(self._look)
        self.lines.dragged.connect(self._dragged)
        ui.organFilter.connect("currentIndexChanged(int)", lambda _index: self.refresh())
        ui.confidenceSlider.connect("valueChanged(double)", lambda _value: self.refresh())
        ui.acceptButton.connect("clicked(bool)", lambda _checked: self.accept())
        ui.rejectButton.connect("clicked(bool)", lambda _checked: self.reject())
        ui.editButton.connect("clicked(bool)", lambda _checked: self.edit())
        ui.undoButton.connect("clicked(bool)", lambda _checked: self.undo())
        ui.redoButton.connect("clicked(bool)", lambda _checked: self.redo())
        ui.typeSelector.connect("activated(int)", self._type_chosen)
        ui.organsButton.connect("toggled(bool)", self._show_organs)
        ui.show3DButton.connect("toggled(bool)", self._show_3d)

    # What is shown -------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring the section up to date with the desk."""
        ui, report, nodes = self._ui, self._desk.report, self._desk.nodes
        self.table.fill(report, self._passes)
        known = {f.id for f in report.findings} if report else set()
        if self.current not in known:
            self._set_current(None)
        one = self.current is not None
        for button in (ui.acceptButton, ui.rejectButton, ui.editButton, ui.typeSelector):
            button.enabled = one
        ui.moreButton.enabled = ui.organsButton.enabled = ui.show3DButton.enabled = (
            nodes is not None
        )
        steps = self._desk.steps
        ui.undoButton.enabled = bool(steps)
        ui.undoButton.toolTip = f"Take back: {steps[-1].title} (Ctrl+Z)." if steps else "Undo"
        undone = self._desk.undone
        ui.redoButton.enabled = bool(undone)
        ui.redoButton.toolTip = f"Do again: {undone[-1].title} (Ctrl+Y)." if undone else "Redo"
        ui.changeLabel.text = self._change()
        if nodes is not None and report is not None:
            views.show_only(nodes, frozenset(self.table.shown) | (set(self._desk.regions) - known))
            rejected = frozenset(f.id for f in report.findings if f.review == "dismissed")
            views.highlight(nodes, self.current or "", rejected, seen=self._clear)
        if one and report is not None:
            finding = report.finding(self.current or "")
            if not self._clear:
                self.lines.show(finding)
            ui.typeSelector.setCurrentIndex(ui.typeSelector.findData(finding.type))

    def _change(self) -> str:
        """How the chosen outline differs from the model's, once it does."""
        change = self._desk.change(self.current) if self.current is not None else None
        if change is None or change.dice == 1:
            return ""
        more = 100 * (change.after_ml / change.before_ml - 1)
        return (
            f"Against the model's outline: Dice {change.dice:.2f}, volume {more:+.0f} %, "
            f"{change.seconds:.0f} s spent."
        )

    def _passes(self, finding: Finding) -> bool:
        organ = self._ui.organFilter.itemData(self._ui.organFilter.currentIndex)
        sure = finding.confidence >= self._ui.confidenceSlider.value - 1e-9
        return sure and organ in ("", finding.location.organ)

    def _look(self) -> None:
        """Go to the finding that was just chosen."""
        ids = self.table.chosen
        self._set_current(ids[0] if ids else None)
        if self.current is not None and self._desk.report is not None and not self._stays:
            finding = self._desk.report.finding(self.current)
            views.jump_to(self._scene, views.key_point(finding))
        self.refresh()

    def choose_here(self, finding_id: str) -> None:
        """Choose a finding without going there: the reader is at it already."""
        self._stays = True
        try:
            self.table.choose([finding_id])
        finally:
            self._stays = False

    def clear_view(self, clear: bool) -> None:
        """Hide axes and fill of the chosen finding, which are in the way of gestures, or not."""
        self._clear = clear
        self.lines.hide()
        self.refresh()

    def _set_current(self, finding_id: str | None) -> None:
        if finding_id == self.current:
            return
        self._count_time()
        self.current = finding_id
        if finding_id is None:
            self.lines.hide()
        self.chosen.emit(finding_id)

    def _count_time(self) -> None:
        now = time.monotonic()
        if self.current is not None and self._desk.nodes is not None:
            self._desk.spent(self.current, min(now - self._since, IDLE_S))
        self._since = now

    # What is done --------------------------------------------------------------------------------

    def next(self) -> None:
        """Go to the next finding."""
        self.table.step(1)

    def previous(self) -> None:
        """Go to the previous finding."""
        self.table.step(-1)

    def accept(self) -> None:
        """Accept what is chosen."""
        self._each(self._desk.accept)

    def reject(self) -> None:
        """Reject what is chosen."""
        self._each(self._desk.reject)

    def edit(self) -> None:
        """Begin or end to correct the outline of the chosen finding."""
        wanted = self._ui.editButton.checked and self.current is not None
        self.edit_wanted.emit(self.current if wanted else None)

    def toggle_edit(self) -> None:
        """The same by key."""
        if self._ui.editButton.enabled:
            self._ui.editButton.checked = not self._ui.editButton.checked
            self.edit()

    def undo(self) -> None:
        """Take the latest change back."""
        self._try(self._desk.undo)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._try(self._desk.redo)

    def merge(self) -> None:
        """Make one of all that are chosen."""
        ids = self.table.chosen
        self._try(lambda: self._desk.merge(ids))

    def add_by_drawing(self) -> None:
        """A new finding of the chosen type, to be drawn with the brush."""
        self._try(lambda: self.edit_wanted.emit(self._desk.new_finding(self._type())))

    def add_by_click(self) -> None:
        """A new finding where the next click, or another gesture, goes."""
        self.point_wanted.emit()

    def _type(self) -> str:
        selector = self._ui.typeSelector
        return str(selector.itemData(max(selector.currentIndex, 0)))

    def _type_chosen(self, index: int) -> None:
        kind = self._ui.typeSelector.itemData(index)
        self._each(lambda finding_id: self._desk.set_type(finding_id, kind))

    def _dragged(self, finding_id: str, key: str, ends: Any) -> None:
        self._try(lambda: self._desk.set_axes(finding_id, {key: ends}))

    def _each(self, action: Callable[[str], Any]) -> None:
        for finding_id in self.table.chosen:
            self._try(lambda: action(finding_id))  # noqa: B023 - called at once

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except PastaError as error:
            self._tell(str(error))

    def _show_organs(self, shown: bool) -> None:
        if self._desk.nodes is not None:
            views.show_organs(self._desk.nodes, shown)

    def _show_3d(self, shown: bool) -> None:
        if self._desk.nodes is not None:
            views.show_3d(self._desk.nodes, shown)

    def close(self) -> None:
        """Take what this panel put into the scene out of it."""
        self._set_current(None)
        self.lines.remove()
