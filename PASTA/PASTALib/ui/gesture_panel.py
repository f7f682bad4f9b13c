"""Correction by gestures: the mode, its tools, and what is drawn with them in the views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from PASTALib.errors import PastaError
from PASTALib.gestures.rectangles import box_of
from PASTALib.mrml.desk import Desk
from PASTALib.mrml.traces import Traces
from PASTALib.mrml.volumes import ras_of
from PASTALib.signals import Signal
from PASTALib.ui.folding import Folding
from PASTALib.ui.pen import Pen, Place

KINDS = {
    "point": "pointButton",
    "box": "boxButton",
    "scribble": "scribbleButton",
    "lasso": "lassoButton",
}
"""Kind of gesture and its button."""
HOW = {
    "point": ("click on the lesion", "click on what is no lesion"),
    "box": ("drag a box around the lesion", "drag a box over what is no lesion"),
    "scribble": ("draw a line on the lesion", "draw a line on what is no lesion"),
    "lasso": ("draw around lesion", "draw around what is no lesion"),
}
"""What to do with a tool in a slice, for lesion and for what is none."""


class GesturePanel:
    """Binds the frame with the tools.

    Args:
        ui: the widgets.
        desk: what gestures are told to.
        scene: where their traces are.
        tell: shows a sentence to the user.
        prepare: makes ready whoever answers the first gesture.

    Attributes:
        switched: emitted with whether the mode is on, when it changes.
        made: emitted with the id of a finding that a gesture has begun, once it is in the report.
        active: whether the mode is on.
        target: id of the finding that gestures go to; None if the next one begins a finding.
        inside: whether the next gesture marks lesion.
    """

    def __init__(
        self,
        ui: Any,
        desk: Desk,
        scene: Any,
        tell: Callable[[str], None],
        prepare: Callable[[], None],
    ) -> None:
        self.switched, self.made = Signal(), Signal()
        self.active, self.inside = False, True
        self.target: str | None = None
        self.pen, self.traces = Pen(), Traces(scene)
        self._folding = Folding((ui.inputSection, ui.runSection))
        self._ui, self._desk, self._tell, self._prepare = ui, desk, tell, prepare
        self._begun: str | None = None
        self._chosen: str | None = None
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        ui, desk = self._ui, self._desk
        ui.correctButton.connect("clicked(bool)", lambda _checked: self.toggle())
        for kind, name in KINDS.items():
            button = getattr(ui, name)
            button.connect("clicked(bool)", lambda _checked, kind=kind: self.use(kind))
        ui.signButton.connect("clicked(bool)", lambda _checked: self.flip())
        ui.newButton.connect("clicked(bool)", lambda _checked: self.begin())
        ui.resetButton.connect("clicked(bool)", lambda _checked: self.reset())
        self.pen.moved.connect(lambda kind, points: self.traces.draw(kind, points, self.inside))
        self.pen.drawn.connect(self._drawn)
        desk.marked.connect(self.refresh)
        desk.changed.connect(self._desk_changed)

    # The mode ------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Begin to correct by gestures, or end it."""
        if self.active:
            self.stop()
        else:
            self.start()

    def start(self) -> None:
        """Gestures in the views go to the chosen finding from now on, or begin one."""
        if self._desk.nodes is None or self.active:
            self.refresh()
            return
        self.active, self.inside = True, True
        self.pen.pick_up()
        self._prepare()
        self.switched.emit(True)
        self._folding.fold()
        self.refresh()

    def stop(self) -> None:
        """The left mouse button is Slicer's again."""
        if self.active:
            self.active = False
            self._folding.unfold()
            self.pen.put_down()
            self.switched.emit(False)
        self.traces.remove()
        self.refresh()

    def close(self) -> None:
        """The scene closes, or the panel goes."""
        self.stop()
        self.target = self._begun = None

    def look_at(self, finding_id: str | None) -> None:
        """Another finding was chosen."""
        self._chosen = finding_id
        if finding_id is not None or self.target in self._desk.regions:
            self.target = finding_id
        self.refresh()

    # The tools -----------------------------------------------------------------------------------

    def use(self, kind: str) -> None:
        """Draw with another tool."""
        self.pen.kind = kind
        self.refresh()

    def flip(self) -> None:
        """Mark what is none instead of lesion, or the other way round."""
        self.inside = not self.inside
        self.refresh()

    def begin(self) -> None:
        """The next gesture begins a finding; once more, and it goes to the chosen one again."""
        again = self.active and self.target is None
        self.start()
        self.target, self.inside = self._chosen if again else None, True
        self.refresh()

    def reset(self) -> None:
        """Take all gestures of the finding back."""
        target = self.target
        if target is not None:
            self._try(lambda: self._desk.reset(target))

    def refresh(self) -> None:
        """Show mode, tool, sign, target and traces as they are."""
        ui, active = self._ui, self.active
        ui.correctButton.enabled = self._desk.nodes is not None
        ui.correctButton.checked = active
        ui.gestureFrame.visible = active
        for kind, name in KINDS.items():
            getattr(ui, name).checked = kind == self.pen.kind
        ui.signButton.checked = not self.inside
        ui.signButton.text = "+ lesion" if self.inside else "\N{MINUS SIGN} not lesion"
        ui.newButton.checked = active and self.target is None
        held = self._desk.gestures(self.target) if self.target is not None else ()
        ui.resetButton.enabled = bool(held)
        ui.gestureLabel.text = self._hint(len(held))
        if active:
            self.traces.show(held)

    def _hint(self, held: int) -> str:
        if self._desk.outlining:
            return f"Outlining {self.target or ''}\N{HORIZONTAL ELLIPSIS}"
        how = f"{HOW[self.pen.kind][0 if self.inside else 1]} in any slice."
        if self.target is None:
            return f"New finding: {how}"
        count = f" {held} gesture{'' if held == 1 else 's'} so far." if held else ""
        return f"{self.target}: {how}{count}"

    # What is drawn -------------------------------------------------------------------------------

    def _drawn(self, kind: str, points: list[Place]) -> None:
        self.traces.drawn()
        if self.active and self._desk.nodes is not None:
            self._try(lambda: self._tell_desk(kind, points))
        self.refresh()

    def _tell_desk(self, kind: Any, points: list[Place]) -> None:
        desk, target = self._desk, self.target
        if kind == "box":
            rectangle = np.array([ras_of(point) for point in points])
            before = desk.regions.get(target) if target is not None else None
            points = [ras_of(point) for point in box_of(rectangle, self.inside, before)]
        if target is not None:
            desk.mark(target, points, kind=kind, inside=self.inside)
        elif not self.inside:
            raise PastaError("Mark the lesion first (T), or choose the finding that is too large.")
        else:
            self.target = self._begun = desk.new_finding(points=points, kind=kind)
            self._desk_changed()  # it may be there already

    def _desk_changed(self) -> None:
        report, begun = self._desk.report, self._begun
        if report is None:
            self.close()
        elif begun is not None and any(finding.id == begun for finding in report.findings):
            self._begun = None
            self.made.emit(begun)
        elif (
            self.target is not None
            and not self._desk.outlining
            and self.target not in self._desk.regions
        ):
            self.target = None  # it was deleted, or what began it was taken back
        self.refresh()

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except PastaError as error:
            self._tell(str(error))
