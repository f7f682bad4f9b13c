"""The views of the test host are drawn by Slicer's displayable managers."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slicer


@pytest.fixture
def red(host, sample_volume):
    """The axial slice view, with the sample volume in it."""
    import slicer

    host.window.resize(900, 700)
    host.window.show()
    host.process_events()
    display = sample_volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(400, 40)
    slicer.util.setSliceViewerLayers(background=sample_volume)
    slicer.util.resetSliceViews()
    return slicer.app.layoutManager().sliceWidget("Red").sliceView()


def pixels(view) -> np.ndarray:
    """What a view shows, as [y, x, red green blue]."""
    view.forceRender()
    image = view.grab().toImage()
    shape = (image.height(), image.width(), 4)
    rows = np.frombuffer(bytes(image.constBits()), np.uint8).reshape(shape)
    return rows[..., 2::-1].astype(int)


def test_a_slice_shows_the_volume_with_its_window_and_level(red, sample_volume):
    middle = (slice(150, 160), slice(150, 160))
    gray = pixels(red)[middle].mean()
    assert gray == pytest.approx(
        255 * (60 - 40 + 200) / 400, abs=12
    )  # 60 HU in window 400, level 40
    sample_volume.GetDisplayNode().SetWindowLevel(100, 1000)
    assert pixels(red)[middle].max() < 30


def test_a_slice_shows_segments_as_fill_and_outline(red, sample_organs):
    display = sample_organs.GetDisplayNode()
    display.SetVisibility(False)
    plain = pixels(red)
    display.SetVisibility(True)
    colored = np.abs(pixels(red) - plain).sum(axis=2) > 8
    assert 0.02 < colored.mean() < 0.9
    display.SetVisibility2DFill(False)
    outline = np.abs(pixels(red) - plain).sum(axis=2) > 8
    assert 0 < outline.sum() < colored.sum() / 2


def test_a_slice_shows_the_crosshair_where_it_is_set(host, red):
    import slicer

    before = pixels(red)
    crosshair = slicer.util.getNodesByClass("vtkMRMLCrosshairNode")[0]
    crosshair.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.ShowBasic)
    crosshair.SetCrosshairRAS(-60.0, -60.0, 50.0)
    changed = np.abs(pixels(red) - before).sum(axis=2) > 60
    assert changed.any()
    x, y, _ = red.convertRASToXYZ((-60.0, -60.0, 50.0))
    rows, columns = np.nonzero(changed)
    assert np.median(columns) == pytest.approx(x, abs=3)
    assert np.median(rows) == pytest.approx(red.height - 1 - y, abs=3)


def test_the_bar_of_a_slice_follows_the_slice_and_moves_it(red):
    import qt
    import slicer

    widget = slicer.app.layoutManager().sliceWidget("Red")
    slicer.vtkMRMLSliceNode.JumpAllSlices(widget.mrmlSliceNode().GetScene(), 0, 0, 40, 0)
    widget.sliceLogic().SetSliceOffset(40.0)
    number = widget.sliceController().findChildren(qt.QDoubleSpinBox)[0]
    assert number.value == 40.0
    widget.sliceController().setSliceOffsetValue(30.0)
    assert widget.sliceLogic().GetSliceOffset() == 30.0


def test_views_are_oriented_as_in_slicer(host):
    import slicer

    manager = slicer.app.layoutManager()
    found = {
        n: manager.sliceWidget(n).mrmlSliceNode().GetOrientation() for n in manager.sliceViewNames()
    }
    assert found == {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}


def test_a_layout_shows_its_views_only(host):
    import slicer

    host.window.show()
    manager = slicer.app.layoutManager()
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert manager.sliceWidget("Red").visible
    assert not manager.sliceWidget("Green").visible
    assert not manager.threeDWidget(0).visible
    manager.layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    assert manager.threeDWidget(0).visible


def test_a_click_places_a_point_where_it_was(host, scene, red):
    import slicer

    place = slicer.qSlicerMarkupsPlaceWidget()
    place.setMRMLScene(scene)
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    place.setCurrentNode(points)
    red.forceRender()
    place.setPlaceModeEnabled(True)
    assert place.placeModeEnabled
    host.click(red, 120, 100)
    assert points.GetNumberOfDefinedControlPoints() == 1
    wanted = red.convertXYZToRAS(red.convertDeviceToXYZ((120, 100)))
    assert points.GetNthControlPointPositionWorld(0) == pytest.approx(wanted, abs=0.5)
    assert not place.placeModeEnabled


def test_the_3d_view_shows_a_surface(host, sample_organs):
    import slicer

    host.window.show()
    host.process_events()
    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    before = pixels(view)
    sample_organs.CreateClosedSurfaceRepresentation()
    slicer.util.resetThreeDViews()
    assert (np.abs(pixels(view) - before).sum(axis=2) > 60).mean() > 0.005


def test_a_picture_of_the_window_is_saved(host, red, tmp_path):
    host.grab(tmp_path / "window.png", size=(1200, 800))
    assert (tmp_path / "window.png").read_bytes()[1:4] == b"PNG"
    assert (host.window.width(), host.window.height()) == (1200, 800)


def test_a_key_reaches_a_shortcut(host):
    import qt
    import slicer

    seen = []
    shortcut = qt.QShortcut(qt.QKeySequence("N"), slicer.util.mainWindow())
    shortcut.connect("activated()", lambda: seen.append("N"))
    undo = qt.QShortcut(qt.QKeySequence("Ctrl+Z"), slicer.util.mainWindow())
    undo.connect("activated()", lambda: seen.append("Ctrl+Z"))
    host.press("N")
    host.press("Ctrl+Z")
    assert seen == ["N", "Ctrl+Z"]
    shortcut.deleteLater()
    undo.deleteLater()


def test_new_nodes_have_an_item_in_the_subject_hierarchy(host, scene, sample_volume):
    import slicer

    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    assert tree.GetItemByDataNode(sample_volume)
    scene.RemoveNode(sample_volume)
    assert tree.GetNumberOfItems() == 0
