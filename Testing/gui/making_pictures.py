"""The pictures of the module PASTAGen: a lesion is placed, and the case that comes of it.

The CT is the sample torso.
"""

from __future__ import annotations

from typing import Any

PATIENCE_S = 900.0
MANY = 6
ZOOM = 0.45
"""Of the field of view that shows the whole torso."""


def placing(stage: Any) -> None:
    """A liver tumor is tried out where it was clicked, beside a cyst that is kept."""
    import vtk

    from PASTALib.mrml.volumes import ras_of

    panel = opened(stage)
    keep(stage, panel, "kidney_cyst", 3, {"long_axis_mm": 26.0})
    tumor = {"subtype": "hcc", "long_axis_mm": 38.0, "density": "Hypodense"}
    fill(panel, "liver_tumor", 5, tumor)
    panel.ui.placeButton.click()
    place = vtk.vtkVector3d(*ras_of(deepest_point(panel.desk.bench.labels, "liver")))
    stage.scene.GetFirstNodeByName("Lesion").AddControlPointWorld(place, "")
    finished(stage, panel)
    jump(stage, panel)


def gallery(stage: Any) -> None:
    """A case of several lesions with their surfaces, and a contact sheet of many cases."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from PASTALib.mrml.volumes import ras_of

    panel = opened(stage)
    for kind, seed, asked in (
        ("liver_tumor", 4, {"long_axis_mm": 34.0}),
        ("kidney_tumor", 2, {"long_axis_mm": 36.0}),
        ("lung_tumor", 6, {"long_axis_mm": 24.0, "subtype": "solid"}),
        ("pancreas_cyst", 3, {"long_axis_mm": 16.0}),
    ):
        keep(stage, panel, kind, seed, asked)
    ui = panel.ui
    ui.caseTable.selectRow(0)
    zoom(stage, ras_of(panel.desk.lesions[0].patch.plan.blob.center))
    surfaces(panel)
    fill(panel, "liver_tumor", 7, {})
    for section in (ui.inputSection, ui.lesionSection):
        section.collapsed = True
    ui.manySection.collapsed = False
    ui.countSpinBox.value = MANY
    with TemporaryDirectory() as folder:
        ui.manyFolder.directory = folder
        ui.manyButton.click()
        stage.process_events(lambda: ui.manyButton.text == "Make them", PATIENCE_S)
        ui.manyFolder.directory = "/tmp/Results"  # not the folder of whoever makes the picture
        ui.manyStatus.text = ui.manyStatus.text.replace(folder, str(Path("/tmp/Results")))


def opened(stage: Any) -> Any:
    """The panel with the torso in all views."""
    import slicer

    volume, organs = stage.sample_torso
    organs.GetDisplayNode().SetVisibility(False)
    panel = stage.load_module("PASTAGen").panel
    panel.input.choose(volume, organs)
    display = volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(350, 55)
    slicer.util.setSliceViewerLayers(background=volume)
    slicer.util.resetSliceViews()
    return panel


def fill(panel: Any, kind: str, seed: int, asked: dict[str, Any]) -> None:
    """Fill the form."""
    from PASTAGenLib.mrml.engines import Wish

    panel.form.take(Wish(kind, asked, seed))
    panel.place.refresh()


def finished(stage: Any, panel: Any) -> None:
    """Wait until the lesion is drawn."""
    stage.process_events(
        lambda: panel.desk.preview is not None and panel.desk.preview.finished, PATIENCE_S
    )


def keep(stage: Any, panel: Any, kind: str, seed: int, asked: dict[str, Any]) -> None:
    """A lesion is in the case."""
    fill(panel, kind, seed, asked)
    panel.ui.previewButton.click()
    finished(stage, panel)
    panel.ui.keepButton.click()


def jump(stage: Any, panel: Any) -> None:
    """All slices cut through the lesion."""
    from PASTALib.mrml.views import jump_to
    from PASTALib.mrml.volumes import ras_of

    point = ras_of(panel.desk.preview.patch.plan.blob.center)
    jump_to(stage.scene, point)
    zoom(stage, point)


def surfaces(panel: Any) -> None:
    """The lesions in 3D, with the camera on all of them."""
    import slicer

    panel.ui.show3DButton.checked = True
    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    view.resetFocalPoint()
    view.resetCamera()


def zoom(stage: Any, point: tuple[float, float, float]) -> None:
    """Bring the slices nearer, with a point in the middle."""
    slices = stage.scene.GetNodesByClass("vtkMRMLSliceNode")
    for number in range(slices.GetNumberOfItems()):
        view = slices.GetItemAsObject(number)
        width, height, depth = view.GetFieldOfView()
        view.SetFieldOfView(ZOOM * width, ZOOM * height, depth)
        view.JumpSliceByCentering(*point)


def deepest_point(labels: Any, key: str) -> tuple[float, ...]:
    """LPS mm of the point of an organ that is farthest from its surface."""
    import numpy as np
    import SimpleITK as sitk

    from PASTALib.catalog import catalog

    inside = labels == catalog().label(key)
    away = sitk.SignedMaurerDistanceMap(inside, insideIsPositive=True, useImageSpacing=True)
    array = sitk.GetArrayViewFromImage(away)
    index = np.unravel_index(int(array.argmax()), array.shape)
    return tuple(labels.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]]))
