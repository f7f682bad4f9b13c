"""Where the lesion goes: anywhere, a part of the organ, or where the user clicks and drags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qt
import slicer

from PASTAGenLib.choices import places_for
from PASTAGenLib.mrml.bench_desk import BenchDesk
from PASTAGenLib.mrml.ghost import Ghost, why_not
from PASTAGenLib.ui.lesion_form import LesionForm
from PASTALib.catalog import catalog
from PASTALib.mrml.placing import add_point, place_of, place_one, stop_placing
from PASTALib.mrml.volumes import ras_of
from PASTALib.signals import Signal

ANYWHERE, CLICKED = "", "click"


class PlacePanel:
    """Binds the row Place.

    Args:
        ui: the widgets.
        form: gets the place.
        desk: knows the organs, and the nearest possible place.
        scene: where the point is.
        ready: sees to it that the scan is open; false if it cannot be.
        tell: shows a sentence to the user.

    Attributes:
        changed: emitted when another place was chosen.
    """

    def __init__(
        self,
        ui: Any,
        form: LesionForm,
        desk: BenchDesk,
        scene: Any,
        ready: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> None:
        self.changed = Signal()
        self.ghost = Ghost(scene)
        self._ui, self._form, self._desk, self._scene = ui, form, desk, scene
        self._ready, self._tell = ready, tell
        self._point: Any = None
        self._tags: list[int] = []
        self._moving = False
        ui.placeSelector.connect("activated(int)", self._chosen)
        ui.placeButton.connect("clicked(bool)", self._place)
        ui.nearestButton.connect("clicked(bool)", lambda _checked: desk.nearest())
        self.refresh()

    def refresh(self) -> None:
        """List the places of the type in this scan."""
        selector, known = self._ui.placeSelector, catalog()
        kind, asked = self._form.type, self._form.asked
        seen = self._desk.places.get(known.lesion_types[kind].organ, ())
        selector.clear()
        selector.addItem("Anywhere plausible", ANYWHERE)
        for place in places_for(kind, seen):
            title = known.structures[place].name if place in known.structures else place
            selector.addItem(title.capitalize(), place)
        if "center" in asked:
            selector.addItem("Where I clicked", CLICKED)
        now = CLICKED if "center" in asked else asked.get("location", ANYWHERE)
        if selector.findData(now) < 0:
            selector.addItem(str(now).capitalize(), now)
        selector.setCurrentIndex(selector.findData(now))
        self._ui.nearestButton.visible = False

    def offer_nearest(self) -> None:
        """Offer another place, after this one turned out not to hold the lesion."""
        self._ui.nearestButton.visible = "center" in self._form.asked

    # Choices -------------------------------------------------------------------------------------

    def _chosen(self, index: int) -> None:
        place = self._ui.placeSelector.itemData(index)
        if place == CLICKED:
            return
        self.drop_point()
        self._form.ask("center", None)
        self._form.ask("location", place or None)
        self.refresh()
        self.changed.emit()

    def _place(self, on: bool) -> None:
        """Let the next click in a slice say where."""
        if not on:
            stop_placing(self._scene)
            return
        if not self._ready():
            self._ui.placeButton.checked = False
            return
        self.drop_point()
        node = slicer.vtkMRMLMarkupsNode
        self._point = add_point(self._scene, "Lesion")
        for event, slot in (
            (node.PointModifiedEvent, lambda *_: self._moved()),
            (node.PointPositionDefinedEvent, lambda *_: self._let_go()),
            (node.PointEndInteractionEvent, lambda *_: self._let_go()),
        ):
            self._tags.append(self._point.AddObserver(event, slot))
        place_one(self._scene, self._point)
        self._tell("Click in a slice; the ring shows the size.")

    # The point -----------------------------------------------------------------------------------

    def _moved(self) -> None:
        """The point follows the mouse: the ring shows where the lesion would go."""
        place = place_of(self._point)
        if self._moving or place is None or self._desk.bench is None:
            return
        reason = why_not(self._desk.bench.labels, self._form.type, place)
        self.ghost.show(place, float(self._ui.sizeSpinBox.value), not reason)
        if reason:
            self._tell(reason)

    def _let_go(self) -> None:
        # Not from within the node's own event.
        if not self._moving:
            qt.QTimer.singleShot(0, self._placed)

    def _placed(self) -> None:
        self._ui.placeButton.checked = False
        place = None if self._point is None else place_of(self._point)
        if place is None:
            return
        self._form.ask("location", None)
        self._form.ask("center", list(ras_of(place)))
        self.refresh()
        self.changed.emit()

    def follow(self, asked: Mapping[str, Any]) -> None:
        """Move the point to where the lesion is asked for; hide the ring."""
        self.ghost.hide()
        center: Sequence[float] | None = asked.get("center")
        if center is None or self._point is None or place_of(self._point) is None:
            return
        self._moving = True
        try:
            self._point.SetNthControlPointPositionWorld(0, *ras_of(center))
        finally:
            self._moving = False

    def drop_point(self) -> None:
        """Take point and ring away."""
        self.ghost.hide()
        point, self._point = self._point, None
        if point is not None:
            for tag in self._tags:
                point.RemoveObserver(tag)
            if point.GetScene() is not None:
                self._scene.RemoveNode(point)
        self._tags = []

    def close(self) -> None:
        """The scene closes, or the panel goes."""
        self.drop_point()
        self.ghost.remove()
        self._ui.placeButton.checked = False
