"""The pen: the left mouse button draws gestures in the slice views while it is held ready."""

from __future__ import annotations

from typing import Any

import numpy as np
import qt
import slicer

from PASTALib.mrml.volumes import matrix_of
from PASTALib.signals import Signal

FIRST = 10.0
"""Priority of an observer that hears of the mouse before Slicer does."""
LEAST_PIXELS = 3
"""A shorter way of the mouse is a click."""
LEAST_POINTS = {"point": 1, "scribble": 2, "lasso": 3, "box": 4}
Place = tuple[float, float, float]


class Pen:
    """Draws with the left button in any slice view. All other buttons, and the left one with Shift
    or Ctrl, do what they always do.

    Attributes:
        kind: what is drawn, see `PASTALib.gestures.marks.Gesture`.
        moved: emitted with kind and points (RAS mm) while something is being drawn.
        drawn: the same when the button is let go; of a box the four corners of a rectangle. A
            click is a point, whatever the kind.
    """

    def __init__(self) -> None:
        self.kind = "point"
        self.moved, self.drawn = Signal(), Signal()
        self._observed: list[tuple[Any, Any, list[int]]] = []
        self._stroke: _Stroke | None = None
        self._ready = False
        self._layout: Any = slicer.app.layoutManager()
        if self._layout is not None:
            self._layout.connect("layoutChanged(int)", self._layout_changed)

    def pick_up(self) -> None:
        """From now on the left button draws."""
        self.put_down()
        self._ready = self._layout is not None
        if not self._ready:
            return
        for name in self._layout.sliceViewNames():
            widget = self._layout.sliceWidget(name)
            view, node = widget.sliceView(), widget.mrmlSliceNode()
            view.setViewCursor(qt.QCursor(qt.Qt.CrossCursor))
            interactor = view.interactor()
            tags: list[int] = []
            for event, act in (
                ("LeftButtonPressEvent", self._press),
                ("MouseMoveEvent", self._move),
                ("LeftButtonReleaseEvent", self._release),
            ):
                tags.append(self._observe(interactor, event, act, node))
            self._observed.append((view, interactor, tags))

    def put_down(self) -> None:
        """The left button is Slicer's again."""
        self._ready, self._stroke = False, None
        for view, interactor, tags in self._observed:
            view.unsetViewCursor()
            for tag in tags:
                interactor.RemoveObserver(tag)
        self._observed.clear()

    def close(self) -> None:
        """The panel goes."""
        self.put_down()
        if self._layout is not None:
            self._layout.disconnect("layoutChanged(int)", self._layout_changed)

    def _layout_changed(self, _layout: int) -> None:
        if self._ready:
            self.pick_up()

    def _observe(self, interactor: Any, event: str, act: Any, node: Any) -> int:
        """Have `act` decide, before Slicer hears of an event, whether Slicer shall hear of it."""
        tag: int = -1

        def heard(_caller: Any, _event: str) -> None:
            if act(interactor, node):
                interactor.GetCommand(tag).SetAbortFlag(1)

        tag = interactor.AddObserver(event, heard, FIRST)
        return tag

    def _press(self, interactor: Any, node: Any) -> bool:
        if interactor.GetShiftKey() or interactor.GetControlKey():
            return False
        self._stroke = _Stroke(self.kind, node)
        return self._go_on(interactor, node)

    def _move(self, interactor: Any, node: Any) -> bool:
        return self._stroke is not None and self._go_on(interactor, node)

    def _go_on(self, interactor: Any, node: Any) -> bool:
        stroke = self._stroke
        if stroke is None or stroke.node is not node:
            return False
        stroke.add(interactor.GetEventPosition())
        kind, points = stroke.gesture()
        if len(points) >= LEAST_POINTS[kind]:
            self.moved.emit(kind, points)
        return True

    def _release(self, interactor: Any, node: Any) -> bool:
        stroke = self._stroke
        if stroke is None or not self._go_on(interactor, node):
            return False
        self._stroke = None
        kind, points = stroke.gesture()
        # Not from within the view's own event: it may take nodes away that the view draws.
        qt.QTimer.singleShot(0, lambda: self.drawn.emit(kind, points))
        return True


class _Stroke:
    """The way of the mouse in one view, from pressed to let go."""

    def __init__(self, kind: str, node: Any) -> None:
        self.kind, self.node = kind, node
        self._pixels: list[tuple[int, int]] = []
        self._to_ras = matrix_of(node.GetXYToRAS())

    def add(self, pixel: tuple[int, int]) -> None:
        if not self._pixels or _apart(self._pixels[-1], pixel) >= LEAST_PIXELS:
            self._pixels.append(pixel)

    def gesture(self) -> tuple[str, list[Place]]:
        """Its kind and its points in RAS mm. What is too short for its kind is a point."""
        first, last = self._pixels[0], self._pixels[-1]
        pixels = self._pixels[:1] if self.kind == "point" else self._pixels
        if self.kind == "box":
            pixels = [first, (last[0], first[1]), last, (first[0], last[1])]
            if first[0] == last[0] or first[1] == last[1]:
                pixels = [first]
        kind = self.kind if len(pixels) >= LEAST_POINTS[self.kind] else "point"
        return kind, [self._place(pixel) for pixel in (pixels if kind != "point" else pixels[:1])]

    def _place(self, pixel: tuple[int, int]) -> Place:
        x, y, z = (float(value) for value in (self._to_ras @ [*pixel, 0.0, 1.0])[:3])
        return x, y, z


def _apart(first: tuple[int, int], second: tuple[int, int]) -> float:
    return float(np.hypot(first[0] - second[0], first[1] - second[1]))
