"""The pictures of the module PASTA: a run, its findings, a correction, the report.

The CT is the sample torso with an inserted tumor and a cyst. The findings are what the bundled
model makes of it, right or wrong.
"""

from __future__ import annotations

from functools import cache
from typing import Any

LESIONS = (("liver_tumor", 42.0, 5), ("kidney_cyst", 32.0, 3))
"""Type, long axis in mm and seed of what is inserted, one after the other."""
SPACING_MM = 2.0
PATIENCE_S = 900.0


def run(stage: Any) -> None:
    """The network is at work; Slicer stays free."""
    panel = opened(stage, sample()[0])
    panel.ui.runButton.click()
    stage.process_events(lambda: panel.ui.progressBar.value >= 35, PATIENCE_S)


def findings(stage: Any) -> None:
    """One finding is chosen: its key slice, its contour, its axes."""
    panel = read(stage)
    panel.findings.accept()


def correction(stage: Any) -> None:
    """The outline of a finding is being corrected."""
    panel = read(stage)
    panel.findings.toggle_edit()
    panel.ui.segmentEditor.setActiveEffectByName("Paint")
    panel.ui.reportSection.collapsed = True


def gestures(stage: Any) -> None:
    """An outline follows gestures: a click on what it lacks, and a line beside the lesion."""
    import numpy as np
    from scipy import ndimage

    panel = read(stage)
    zoom(stage.scene, 2.6)
    found = panel.findings.current
    region, inside = panel.desk.regions[found], sample()[1]
    geometry, z = region.geometry, panel.desk.finding(found).size.slice_index
    outline = region.within((z, 0, 0), (1, *geometry.shape_zyx[1:]))[0]

    def mark(kind: Any, voxels: Any, inside: bool) -> None:
        places = [geometry.points_of_zyx((z, *voxel)) * [-1, -1, 1] for voxel in voxels]
        panel.desk.mark(found, [tuple(place) for place in places], kind=kind, inside=inside)

    panel.ui.correctButton.click()
    depth = ndimage.distance_transform_edt(inside[z] & ~outline)
    mark("point", [np.unravel_index(depth.argmax(), depth.shape)], True)
    away = ndimage.distance_transform_edt(~(inside[z] | outline))
    beside = np.argwhere((away > 2) & (away < 3))
    mark("scribble", beside[beside[:, 0] >= np.percentile(beside[:, 0], 90)], False)
    stage.process_events(lambda: not (panel.desk.outlining or panel.desk.pending), PATIENCE_S)
    panel.ui.reportSection.collapsed = True


def zoom(scene: Any, factor: float) -> None:
    """Let the slice views show less of the scan."""
    views = scene.GetNodesByClass("vtkMRMLSliceNode")
    for number in range(views.GetNumberOfItems()):
        view = views.GetItemAsObject(number)
        x, y, z = view.GetFieldOfView()
        view.SetFieldOfView(x / factor, y / factor, z)


def report(stage: Any) -> None:
    """Attributes and sentence of a finding, and what can be exported, beside the images."""
    panel = read(stage)
    panel.ui.reportTabs.currentIndex = 1
    panel.ui.inputSection.collapsed = True
    panel.ui.runSection.collapsed = True
    panel.ui.exportSection.collapsed = False
    panel.ui.exportFolder.directory = "/tmp/Results"  # not the folder of whoever makes the picture


@cache
def sample() -> Any:
    """The CT of the pictures, and where the inserted lesions are in it."""
    import numpy as np
    import SimpleITK as sitk

    from PASTAGenLib.apply import insert
    from PASTAGenLib.spec import LesionSpec
    from PASTAGenLib.torso import TorsoSpec, build_torso
    from PASTALib.ct import CT

    torso = build_torso(TorsoSpec(seed=1, spacing=(SPACING_MM,) * 3))
    image, inside = torso.image, np.zeros(torso.image.GetSize()[::-1], bool)
    for kind, long_axis_mm, seed in LESIONS:
        spec = LesionSpec(kind, long_axis_mm=long_axis_mm, seed=seed)
        case = insert(image, torso.organs, spec)
        image = case.ct
        inside |= sitk.GetArrayViewFromImage(case.lesion_mask) > 0
    return CT(image, "SYNTHETIC torso", source="made by rule", synthetic=True), inside


@cache
def analysis() -> Any:
    """What the bundled model finds in it."""
    from PASTALib.analysis import analyze
    from PASTALib.model import load_model

    return analyze(sample()[0], load_model("pasta-s"))


def opened(stage: Any, ct: Any) -> Any:
    """The panel with a CT in all views."""
    from PASTALib.mrml.volumes import add_volume
    from PASTALib.synthetic import NODE_ATTRIBUTE

    volume = add_volume(stage.scene, ct.image, ct.name)
    volume.SetAttribute(NODE_ATTRIBUTE, "1")
    panel = stage.load_module("PASTA").panel
    panel.parameters.device = "cpu"
    panel._show(volume)
    return panel


def read(stage: Any) -> Any:
    """The panel after a run, at the finding that holds most of an inserted lesion.

    The torso's lungs hold no lesion: what the model found there is rejected, as a reader would.
    """
    from PASTALib.mrml.case import add_analysis

    ct, inside = sample()
    panel = opened(stage, ct)
    nodes = add_analysis(stage.scene, analysis(), panel.input.volume)
    panel.desk.take(nodes, fresh=True)
    panel._say(f"Found {len(panel.desk.report.findings)} lesions.")
    panel.ui.progressBar.value = 100
    for finding in panel.desk.report.findings:
        if finding.location.organ == "lung":
            panel.desk.reject(finding.id)
    held = {k: int(inside[r.slices][r.mask].sum()) for k, r in panel.desk.regions.items()}
    panel.findings.table.choose([max(held, key=lambda finding_id: held[finding_id])])
    return panel
