"""Correction by gestures in the slice views, through the widgets of the panel of PASTA."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from gui.reader import (
    PATIENCE_S,
    cells,
    choose,
    draw_ball,
    holds,
    measured,
    pixel,
    slice_view,
)

pytestmark = pytest.mark.slicer

MISSED, WRONG = (78.0, 26.0, 184.0), (66.0, 17.0, 180.0)
"""RAS points in the liver tumor: outside and inside of an outline that is too small."""
CYST = (-66.0, -30.0, 120.0)
VIEWS = {"Red": (0, 1), "Green": (0, 2), "Yellow": (1, 2)}
"""Slice views, and the axes of RAS that they show."""


def at(host, panel, point: tuple) -> None:
    """Bring all slices to a point."""
    from PASTALib.mrml.views import jump_to

    jump_to(host.scene, point)
    host.process_events()


def shown(host, panel, nodes) -> None:
    """The case in the views of a window."""
    import slicer

    host.window.resize(1200, 900)
    host.window.show()
    slicer.util.setSliceViewerLayers(background=nodes.volume)
    host.process_events()
    for name in VIEWS:
        slice_view(name).forceRender()
    slicer.util.resetSliceViews()
    at(host, panel, MISSED)


@pytest.fixture
def correcting(host, panel, nodes):
    """The panel in the mode, at L1 that outlines only a ball in the tumor; answers come at once."""
    from PASTALib.mrml.measuring import DirectMeasurer

    panel.desk._measurer = DirectMeasurer()
    panel.case.prepare = lambda *_: None
    shown(host, panel, nodes)
    draw_ball(panel, "L1", (-70, -20, 180), 6)
    measured(host, panel)
    choose(panel, 0)
    at(host, panel, MISSED)
    panel.ui.correctButton.click()
    yield panel
    panel.gestures.stop()


def around(view, point: tuple, axes: tuple, radius: float) -> list[tuple[int, int]]:
    """Pixels of a circle around a point in the plane of a view."""
    way = []
    for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        moved = list(point)
        moved[axes[0]] += radius * np.cos(angle)
        moved[axes[1]] += radius * np.sin(angle)
        way.append(pixel(view, tuple(moved)))
    return way


def moved(point: tuple, **by: float) -> tuple:
    """A point, moved along `r`, `a` or `s`."""
    return tuple(value + by.get(key, 0.0) for key, value in zip("ras", point, strict=True))


@pytest.mark.parametrize("name", VIEWS)
def test_every_gesture_in_every_view_holds_and_is_one_undo_step(host, correcting, name):
    panel, view, axes = correcting, slice_view(name), VIEWS[name]
    outlines = [panel.desk.regions["L1"]]

    def drawn(*way: tuple[int, int]) -> None:
        host.drag(view, list(way))
        measured(host, panel)
        outlines.append(panel.desk.regions["L1"])

    drawn(pixel(view, MISSED))
    assert holds(panel, "L1", MISSED)
    host.press("L")
    drawn(*around(view, MISSED, axes, 9.0))
    middle = list(MISSED)
    middle[axes[0]] += 6.0
    assert holds(panel, "L1", tuple(middle))
    host.press("T")
    host.press("S")
    first, last = (list(MISSED) for _ in range(2))
    first[axes[0]], last[axes[0]] = MISSED[axes[0]] - 3, MISSED[axes[0]] - 14
    drawn(*(pixel(view, tuple(p)) for p in np.linspace(first, last, 6)))
    assert not holds(panel, "L1", tuple(last))
    host.press("T")
    host.press("B")
    corners = [[value - 7, value + 7] for value in MISSED]
    low, high = list(MISSED), list(MISSED)
    for axis in axes:
        low[axis], high[axis] = corners[axis]
    drawn(pixel(view, tuple(low)), pixel(view, tuple(high)))
    region = panel.desk.regions["L1"]
    inside = region.geometry.points_of_zyx(np.argwhere(region.mask) + region.start) * [-1, -1, 1]
    for axis in axes:
        assert inside[:, axis].min() > corners[axis][0] - 4
        assert inside[:, axis].max() < corners[axis][1] + 4
    assert holds(panel, "L1", MISSED)  # no later gesture contradicts it
    assert not holds(panel, "L1", tuple(last))
    assert len(panel.desk.gestures("L1")) == 4
    for before in outlines[-2::-1]:
        host.press("Ctrl+Z")
        assert panel.desk.regions["L1"] is before


def test_gestures_go_through_the_matrix_of_a_turned_volume_in_a_turned_view(host, scene, panel):
    from labelled_images import OBLIQUE
    from PASTALib.mrml.measuring import DirectMeasurer
    from report_case import ORIGIN, SIZE, SPACING
    from scene_case import add_painted_case

    direction = np.reshape(OBLIQUE, (3, 3))
    center = np.multiply(np.subtract(SIZE, 1), SPACING) / 2
    origin = tuple(ORIGIN + center - direction @ center)
    nodes = add_painted_case(scene, direction=tuple(np.ravel(direction)), origin=origin)
    panel.desk._measurer = DirectMeasurer()
    panel.case.prepare = lambda *_: None
    panel.desk.take(nodes)
    choose(panel, cells(panel, 2).index("Liver tumor"))
    found = panel.findings.current
    draw_ball(panel, found, (-70, -20, 180), 6)
    measured(host, panel)
    shown(host, panel, nodes)
    scene.GetNodeByID("vtkMRMLSliceNodeRed").RotateToVolumePlane(nodes.volume)
    at(host, panel, MISSED)
    panel.ui.correctButton.click()
    view = slice_view("Red")
    host.click(view, *pixel(view, MISSED))
    measured(host, panel)
    assert holds(panel, found, MISSED)
    assert not holds(panel, found, moved(MISSED, r=30))
    panel.gestures.stop()


def test_keys_of_gestures_work_only_while_the_mode_is_on(host, panel, nodes):
    choose(panel, 1)
    host.press("T")
    host.press("P")
    assert panel.findings.current == "L1"  # previous
    host.press("C")
    assert panel.ui.correctButton.checked
    assert not panel.ui.gestureFrame.isHidden()
    assert panel.ui.inputSection.collapsed  # makes room
    host.press("B")
    assert panel.ui.boxButton.checked
    host.press("P")
    assert panel.ui.pointButton.checked
    assert panel.findings.current == "L1"
    host.press("T")
    assert panel.ui.signButton.text == "\N{MINUS SIGN} not lesion"
    host.press("N")
    assert panel.ui.gestureLabel.text.startswith("L2: click on what is no lesion")
    host.press("E")
    assert panel.ui.gestureLabel.text.startswith("New finding: click on the lesion")
    host.press("Esc")
    assert not panel.ui.correctButton.checked
    assert panel.ui.gestureFrame.isHidden()
    assert not panel.ui.inputSection.collapsed
    host.press("E")
    assert panel.ui.editButton.checked  # the segment editor, as always
    host.press("C")
    assert not panel.ui.editButton.checked  # one of both
    panel.exit()
    assert not panel.gestures.active


def test_a_finding_begins_with_a_click_and_its_type_is_proposed(host, correcting):
    panel, view = correcting, slice_view("Red")
    panel.desk.delete("L2")
    host.press("E")
    at(host, panel, CYST)
    host.click(view, *pixel(view, CYST))
    measured(host, panel)
    assert cells(panel, 0) == ["L1", "L3"]
    assert cells(panel, 2)[1].startswith("Kidney")
    assert cells(panel, 6)[1] == "added by reader"
    assert panel.findings.current == "L3"
    offset = host.scene.GetNodeByID("vtkMRMLSliceNodeRed").GetSliceOffset()
    assert offset == pytest.approx(CYST[2], abs=0.1)  # the slices stay where the reader is
    assert panel.ui.gestureLabel.text.startswith("L3:")
    host.press("Ctrl+Z")
    assert cells(panel, 0) == ["L1"]
    assert panel.ui.gestureLabel.text.startswith("New finding")


def test_what_cannot_be_marked_is_told_and_changes_nothing(host, correcting):
    panel, view = correcting, slice_view("Red")
    before = panel.desk.regions["L1"]
    host.click(view, 2, 2)
    assert "outside the CT" in panel.ui.statusLabel.text
    host.press("E")
    host.press("T")
    host.click(view, *pixel(view, MISSED))
    assert panel.ui.statusLabel.text.startswith("Mark the lesion first")
    host.press("E")  # once more: to the chosen finding again
    panel.ui.acceptButton.click()
    at(host, panel, MISSED)
    host.click(view, *pixel(view, MISSED))
    assert "reopen" in panel.ui.statusLabel.text
    assert panel.desk.regions["L1"] is before


def test_traces_tell_the_sign_and_go_with_gesture_and_mode(host, correcting):
    from PASTALib.mrml.traces import COLORS

    panel, view = correcting, slice_view("Red")

    def colors() -> list[tuple[float, ...]]:
        nodes = [node for node in panel.gestures.traces.nodes.values() if node.GetScene()]
        return [tuple(node.GetDisplayNode().GetSelectedColor()) for node in nodes]

    host.click(view, *pixel(view, MISSED))
    host.press("T")
    host.press("S")
    host.drag(view, [pixel(view, moved(MISSED, r=-r)) for r in (10, 14, 18)])
    assert np.allclose(colors(), [COLORS[True], COLORS[False]])
    assert panel.gestures.traces.live is None
    host.press("Ctrl+Z")
    assert len(colors()) == 1
    host.press("R")
    assert colors() == []
    host.press("Ctrl+Z")
    assert len(colors()) == 1
    host.press("C")
    assert host.scene.GetFirstNodeByName("gesture") is None


def test_the_mouse_is_slicers_again_when_the_mode_ends(host, correcting):
    panel, view = correcting, slice_view("Green")
    panel.ui.correctButton.click()
    before = panel.desk.regions["L1"]
    host.click(view, *pixel(view, MISSED))
    assert panel.desk.regions["L1"] is before
    panel.ui.correctButton.click()
    panel.scene_closes()
    assert not panel.gestures.active
    assert not panel.ui.correctButton.enabled


def test_in_the_worker_gestures_never_block_add_up_and_outlive_it(host, panel, nodes):
    shown(host, panel, nodes)
    draw_ball(panel, "L1", (-70, -20, 180), 6)
    measured(host, panel)
    choose(panel, 0)
    at(host, panel, MISSED)
    host.press("C")
    view = slice_view("Red")
    before = panel.desk.regions["L1"]
    for r in (0.0, 4.0, 8.0):
        host.click(view, *pixel(view, moved(MISSED, r=r)))
        assert panel.desk.regions["L1"] is before  # the window did not wait
    assert panel.ui.gestureLabel.text.startswith("Outlining L1")
    assert len(panel.gestures.traces.nodes) == 3
    measured(host, panel)
    after = panel.desk.regions["L1"]
    assert all(holds(panel, "L1", moved(MISSED, r=r)) for r in (0.0, 4.0, 8.0))
    assert len(panel.desk.gestures("L1")) == 3

    host.click(view, *pixel(view, moved(MISSED, a=-6)))
    os.kill(panel.worker.process_id, signal.SIGKILL)
    host.process_events(lambda: not panel.desk.outlining, PATIENCE_S)
    assert "ended from outside" in panel.ui.statusLabel.text
    assert panel.desk.regions["L1"] is after
    assert len(panel.desk.gestures("L1")) == 4
    host.click(view, *pixel(view, moved(MISSED, a=6)))
    measured(host, panel)
    assert len(panel.desk.gestures("L1")) == 5
    assert all(holds(panel, "L1", moved(MISSED, a=a)) for a in (-6.0, 6.0))
    assert list(panel.worker.folder.iterdir()) == []
