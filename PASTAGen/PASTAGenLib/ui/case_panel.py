"""Case: the table of kept lesions, asked beside measured, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.mrml.lesion_list import Kept
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.mrml.views import jump_to
from PASTALib.mrml.volumes import ras_of
from PASTALib.signals import Signal

TITLES = ("No.", "Type", "Place", "Asked", "Measured", "Attributes")


class CasePanel:
    """Binds the section Case.

    Args:
        ui: the widgets.
        desk: has the lesions.
        scene: where the views are.
        tell: shows a sentence to the user.

    Attributes:
        edited: emitted with what was asked of a lesion that is tried out again.
    """

    def __init__(self, ui: Any, desk: BenchDesk, scene: Any, tell: Callable[[str], None]) -> None:
        self.edited = Signal()
        self._ui, self._desk, self._scene, self._tell = ui, desk, scene, tell
        self._filling = False
        table = ui.caseTable
        table.setColumnCount(len(TITLES))
        table.setHorizontalHeaderLabels(list(TITLES))
        table.verticalHeader().setVisible(False)
        table.setWordWrap(False)
        table.horizontalHeader().setStretchLastSection(True)
        table.connect("itemSelectionChanged()", self._selected)
        for button, action in (
            (ui.editButton, self.edit),
            (ui.hideButton, lambda: self._with_chosen(desk.hide)),
            (ui.upButton, lambda: self._with_chosen(lambda key: desk.move(key, -1))),
            (ui.downButton, lambda: self._with_chosen(lambda key: desk.move(key, 1))),
            (ui.deleteButton, lambda: self._with_chosen(desk.delete)),
        ):
            button.connect("clicked(bool)", lambda _checked, act=action: act())
        desk.changed.connect(self.refresh)
        self.refresh()

    @property
    def chosen(self) -> str | None:
        """Id of the chosen lesion."""
        row = self._ui.caseTable.currentRow()
        lesions = self._desk.lesions
        return lesions[row].id if 0 <= row < len(lesions) else None

    def refresh(self) -> None:
        """Bring the section up to date with the desk."""
        table, lesions, chosen = self._ui.caseTable, self._desk.lesions, self.chosen
        self._filling = True
        try:
            table.setRowCount(len(lesions))
            for row, lesion in enumerate(lesions):
                for column, text in enumerate(cells(lesion)):
                    item = qt.QTableWidgetItem(text)
                    if not lesion.shown:
                        item.setForeground(qt.QBrush(qt.QColor("gray")))
                    item.setToolTip(tip(lesion))
                    table.setItem(row, column, item)
            table.resizeColumnsToContents()
            ids = [lesion.id for lesion in lesions]
            if chosen in ids:
                table.selectRow(ids.index(chosen))
        finally:
            self._filling = False
        self._enable()

    def _enable(self) -> None:
        ui, chosen = self._ui, self.chosen
        one = chosen is not None and not self._desk.busy
        for button in (ui.editButton, ui.hideButton, ui.upButton, ui.downButton, ui.deleteButton):
            button.enabled = one
        hidden = chosen is not None and not self._desk.lesion(chosen).shown
        ui.hideButton.text = "Show" if hidden else "Hide"

    def _selected(self) -> None:
        self._enable()
        chosen = self.chosen
        if chosen is not None and not self._filling:
            jump_to(self._scene, ras_of(self._desk.lesion(chosen).patch.plan.blob.center))

    def edit(self) -> None:
        """Try the chosen lesion out again."""
        chosen = self.chosen
        if chosen is not None:
            self.edited.emit(self._desk.edit(chosen))
            self._tell(f"Editing {chosen}: Keep puts it back changed, Discard as it was.")

    def _with_chosen(self, action: Callable[[str], Any]) -> None:
        chosen = self.chosen
        if chosen is None:
            return
        try:
            action(chosen)
        except PastaError as error:
            self._tell(str(error))


def cells(lesion: Kept) -> tuple[str, ...]:
    """What a row of the table says."""
    truth, asked = lesion.patch.truth, lesion.wish.asked
    size = asked.get("long_axis_mm")
    place = catalog().structures[truth["structure"]].name
    attributes = [truth["attributes"][key] for key in ("shape", "density", "heterogeneity")]
    return (
        lesion.id,
        catalog().lesion_types[lesion.wish.type].name,
        place,
        "drawn" if size is None else f"{size:.0f} mm",
        f"{truth['long_axis_mm']:.0f} mm",
        ", ".join(attributes).lower(),
    )


def tip(lesion: Kept) -> str:
    """Everything that was asked for, beside what the picture holds."""
    truth = lesion.patch.truth
    lines = [f"Seed {lesion.wish.seed}"]
    lines += [f"{key}: {value}" for key, value in lesion.wish.asked.items()]
    lines += [
        f"Measured: {truth['long_axis_mm']:.1f} mm, {truth['volume_mm3'] / 1000:.2f} ml, "
        f"{truth['mean_hu']:.0f} HU, within its edge {truth['core_hu']:.0f} HU (organ "
        f"{truth['organ_hu']:.0f} HU)",
        *(f"{key}: {value}" for key, value in truth["attributes"].items()),
        f"features: {', '.join(truth['features']) or 'none'}",
    ]
    return "\n".join(lines)
