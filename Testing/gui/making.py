"""What a user does in the panel of PASTAGen, for its tests."""

from __future__ import annotations

import numpy as np

PATIENCE_S = 240.0


def choose(selector, value) -> None:
    """As a user does in a list."""
    index = selector.findData(value)
    assert index >= 0, value
    selector.setCurrentIndex(index)
    selector.activated(index)


def drawn(host, panel) -> None:
    """Wait until the lesion on the screen is finished, or it is said why it is not."""
    host.process_events(lambda: not (panel._still.isActive() or panel.desk.busy), PATIENCE_S)


def settled(host, panel) -> None:
    host.process_events(lambda: not panel.desk.busy, PATIENCE_S)


def preview(host, panel) -> None:
    panel.ui.previewButton.click()
    drawn(host, panel)
    assert panel.desk.preview.finished, panel.ui.statusLabel.text


def hu(node) -> np.ndarray:
    from PASTALib.mrml.volumes import voxels_of_volume

    return voxels_of_volume(node).copy()


def rows(panel) -> list[list[str]]:
    table = panel.ui.caseTable
    return [
        [table.item(row, column).text() for column in range(table.columnCount)]
        for row in range(table.rowCount)
    ]


def bend(scene, volume):
    """Put a volume under a transform that bends; returns the transform's node."""
    import vtk

    corners = [(x, y, z) for x in (-200, 200) for y in (-200, 200) for z in (-900, 900)]
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for point in [*corners, (0, 0, 0)]:
        source.InsertNextPoint(point)
        target.InsertNextPoint(point if point != (0, 0, 0) else (0, 0, 12))
    thin_plate = vtk.vtkThinPlateSplineTransform()
    thin_plate.SetBasisToR()
    thin_plate.SetSourceLandmarks(source)
    thin_plate.SetTargetLandmarks(target)
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Breathing")
    transform.SetAndObserveTransformToParent(thin_plate)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    return transform
