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
    panel = opened(stage, sample())
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


def report(stage: Any) -> None:
    """Attributes and sentence of a finding, and what can be exported, beside the images."""
    panel = read(stage)
    panel.ui.reportTabs.currentIndex = 1
    panel.ui.inputSection.collapsed = True
    panel.ui.runSection.collapsed = True
    panel.ui.exportSection.collapsed = False


@cache
def sample() -> Any:
    """The CT of the pictures."""
    import numpy as np

    from PASTAGenLib.apply import insert
    from PASTAGenLib.spec import LesionSpec
    from PASTAGenLib.torso import TorsoSpec, build_torso
    from PASTALib.ct import CT

    torso = build_torso(TorsoSpec(seed=1, spacing=(SPACING_MM,) * 3))
    image = torso.image
    for kind, long_axis_mm, seed in LESIONS:
        spec = LesionSpec(kind, long_axis_mm=long_axis_mm, seed=seed)
        image = insert(image, torso.organs, spec, np.random.default_rng(seed)).ct
    return CT(image, "SYNTHETIC torso", source="made by rule", synthetic=True)


@cache
def analysis() -> Any:
    """What the bundled model finds in it."""
    from PASTALib.analysis import analyze
    from PASTALib.model import load_model

    return analyze(sample(), load_model("pasta-s"))


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
    """The panel after a run, at the most certain finding of liver or kidney.

    The torso's lungs hold no lesion: what the model found there is rejected, as a reader would.
    """
    from PASTALib.mrml.case import add_analysis

    panel = opened(stage, sample())
    nodes = add_analysis(stage.scene, analysis(), panel.input.volume)
    panel.desk.take(nodes, fresh=True)
    panel._say(f"Found {len(panel.desk.report.findings)} lesions.")
    panel.ui.progressBar.value = 100
    every = sorted(panel.desk.report.findings, key=lambda finding: -finding.confidence)
    for finding in every:
        if finding.location.organ == "lung":
            panel.desk.reject(finding.id)
    best = [f for f in every if f.location.organ in ("liver", "kidney")] or every
    panel.findings.table.choose([best[0].id])
    return panel
