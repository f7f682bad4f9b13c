"""The pictures of the module PASTAGen: a lesion is placed, and the case that comes of it.

The CT is the sample torso.
"""

from __future__ import annotations

from typing import Any

PATIENCE_S = 600.0


def placing(stage: Any) -> None:
    """A liver tumor is tried out where it was clicked, beside a cyst that is kept."""
    panel = opened(stage)
    keep(stage, panel, "kidney_cyst", 3, {"long_axis_mm": 26.0})
    try_out(
        stage,
        panel,
        "liver_tumor",
        5,
        {"subtype": "hcc", "long_axis_mm": 38.0, "features": ["capsule"], "location": "posterior"},
    )


def opened(stage: Any) -> Any:
    """The panel with the torso in all views."""
    import slicer

    volume, organs = stage.sample_torso
    organs.GetDisplayNode().SetVisibility(False)
    panel = stage.load_module("PASTAGen").panel
    panel.input.choose(volume, organs)
    display = volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(400, 40)
    slicer.util.setSliceViewerLayers(background=volume)
    slicer.util.resetSliceViews()
    return panel


def try_out(stage: Any, panel: Any, kind: str, seed: int, asked: dict[str, Any]) -> None:
    """A lesion is on the screen, finished."""
    from PASTAGenLib.mrml.engines import Wish

    panel.form.take(Wish(kind, asked, seed))
    panel.place.refresh()
    panel.ui.previewButton.click()
    stage.process_events(
        lambda: panel.desk.preview is not None and panel.desk.preview.finished, PATIENCE_S
    )


def keep(stage: Any, panel: Any, kind: str, seed: int, asked: dict[str, Any]) -> None:
    """A lesion is in the case."""
    try_out(stage, panel, kind, seed, asked)
    panel.ui.keepButton.click()
