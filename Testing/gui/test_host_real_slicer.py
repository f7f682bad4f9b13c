"""What stands for Slicer where the GUI tests run in it: tried here on the test host."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slicer


@pytest.fixture
def real(host):
    """The stand-in for Slicer, with the host in Slicer's place."""
    import slicer.util

    from gui.real_slicer import RealSlicer
    from host.dialogs import UTIL_FUNCTIONS, dialogs

    before = {name: getattr(slicer.util, name) for name in UTIL_FUNCTIONS}
    lists = dialogs.shown, dialogs.answers
    yield RealSlicer()
    dialogs.shown, dialogs.answers = lists
    for name, function in before.items():
        setattr(slicer.util, name, function)


def test_a_panel_is_opened_anew(host, real):
    first = host.load_module("PASTA")
    second = real.load_module("PASTA")
    assert type(second).__name__ == "PASTAWidget"
    assert second is not first


def test_events_are_handled_until_something_is_true(real):
    import qt

    seen = []
    timer = qt.QTimer()
    timer.connect("timeout()", lambda: seen.append(1))
    timer.start(1)
    real.process_events(until=lambda: len(seen) > 2)
    with pytest.raises(TimeoutError):
        real.process_events(until=lambda: False, timeout=0.05)


def test_keys_activate_the_shortcuts_that_are_enabled(real):
    import qt

    seen = []
    shortcut = qt.QShortcut(qt.QKeySequence("Ctrl+Z"), real.window)
    shortcut.connect("activated()", lambda: seen.append(1))
    real.press("Ctrl+Z")
    shortcut.enabled = False
    real.press("Ctrl+Z")
    assert seen == [1]
    shortcut.deleteLater()


def test_questions_are_noted_and_answered(real):
    import slicer

    real.dialogs.answer(False)
    assert slicer.util.confirmOkCancelDisplay("Go on?") is False
    assert slicer.util.confirmYesNoDisplay("Really?") is True
    assert real.dialogs.texts() == ["Go on?", "Really?"]
    real.clear()
    assert real.dialogs.shown == []


def test_a_click_reaches_the_view(real):
    import slicer

    real.window.show()
    real.process_events()
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    view.forceRender()
    place = slicer.qSlicerMarkupsPlaceWidget()
    place.setMRMLScene(real.scene)
    points = real.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    place.setCurrentNode(points)
    place.setPlaceModeEnabled(True)
    real.click(view, 50, 40)
    assert points.GetNumberOfDefinedControlPoints() == 1
