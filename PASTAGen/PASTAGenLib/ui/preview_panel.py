"""Preview: keep or discard, undo, and how the lesion on the screen is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PASTAGenLib.mrml import bench_views
from PASTAGenLib.mrml.bench_desk import TRY_OUT, BenchDesk
from PASTALib.errors import PastaError


class PreviewPanel:
    """Binds the buttons between the form and the case.

    Args:
        ui: the widgets.
        desk: what is done with the lesion.
        scene: where the views are.
        tell: shows a sentence to the user.
    """

    def __init__(self, ui: Any, desk: BenchDesk, scene: Any, tell: Callable[[str], None]) -> None:
        self._ui, self._desk, self._scene, self._tell = ui, desk, scene, tell
        self._seen: Any = None
        ui.keepButton.connect("clicked(bool)", lambda _checked: self.keep())
        ui.discardButton.connect("clicked(bool)", lambda _checked: desk.discard())
        ui.undoButton.connect("clicked(bool)", lambda _checked: self.undo())
        ui.redoButton.connect("clicked(bool)", lambda _checked: self.redo())
        ui.abButton.connect("toggled(bool)", lambda _on: self._compare())
        ui.differenceButton.connect("toggled(bool)", lambda _on: self._difference())
        ui.show3DButton.connect("toggled(bool)", self._surfaces)
        desk.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Bring the buttons up to date with the desk."""
        ui, desk = self._ui, self._desk
        ui.keepButton.enabled = desk.preview is not None and desk.preview.finished
        ui.discardButton.enabled = desk.preview is not None
        for button in (ui.abButton, ui.differenceButton, ui.show3DButton):
            button.enabled = desk.nodes is not None
        before = [step.title for step in desk.steps]
        if desk.preview is not None:
            before.append(TRY_OUT)
        for button, titles, word in (
            (ui.undoButton, before, "Take back (Ctrl+Z)"),
            (ui.redoButton, [step.title for step in desk.undone], "Do again (Ctrl+Y)"),
        ):
            button.enabled = bool(titles)
            button.toolTip = f"{word}: {titles[-1]}." if titles else word
        if desk.nodes is not None and desk.nodes is not self._seen:
            self._compare()
        self._seen = desk.nodes
        if ui.differenceButton.checked and not desk.busy:
            self._difference()

    def keep(self) -> None:
        """Take the lesion on the screen into the case."""
        try:
            self._tell(f"{self._desk.keep()} is in the case.")
        except PastaError as error:
            self._tell(str(error))

    def undo(self) -> None:
        """Take the latest change of the case back."""
        title = self._desk.undo()
        if title:
            self._tell(f"Took back: {title}.")

    def redo(self) -> None:
        """Do again what was taken back."""
        title = self._desk.redo()
        if title:
            self._tell(f"Did again: {title}.")

    def _compare(self) -> None:
        if self._desk.nodes is not None:
            bench_views.show_without(self._desk.nodes, self._ui.abButton.checked)

    def _difference(self) -> None:
        if self._desk.nodes is None or not self._ui.differenceButton.checked:
            bench_views.hide_difference(self._scene)
        else:
            bench_views.show_difference(self._desk.nodes, self._desk.boxes)

    def _surfaces(self, shown: bool) -> None:
        if self._desk.nodes is not None:
            bench_views.show_3d(self._desk.nodes, shown)
