"""A whole case in the scene: from a volume node to findings, and the nodes that show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PASTALib.ct import CT
from PASTALib.mrml.bundle import add_report
from PASTALib.mrml.segmentations import add_segmentation, organ_map
from PASTALib.mrml.volumes import add_volume, image_of
from PASTALib.progress import CancelToken, Progress, part_of, silent
from PASTALib.synthetic import NODE_ATTRIBUTE

if TYPE_CHECKING:
    from PASTALib.analysis import Analysis

DEFAULT_MODEL = "pasta-s"


@dataclass(frozen=True)
class CaseNodes:
    """The nodes of one case.

    Attributes:
        volume: the CT.
        segmentation: organs, and a segment for each lesion.
        report: text node with the report as JSON.
        page: text node with the report as HTML, where it was made.
        impression: the report's sentences for the reader.
    """

    volume: Any
    segmentation: Any
    report: Any
    page: Any
    impression: tuple[str, ...]


def ct_of(volume: Any) -> CT:
    """The CT in a volume node, checked as one from a file is.

    Raises:
        PastaError: empty, not a CT, or with axes that are not at right angles.
    """
    from PASTALib.checks import checked_ct

    name = volume.GetName() or "CT"
    image, notes = checked_ct(image_of(volume), f"The volume '{name}'")
    synthetic = volume.GetAttribute(NODE_ATTRIBUTE) == "1"
    return CT(image, name, source="volume of the scene", notes=notes, synthetic=synthetic)


def analyze_volume(
    volume: Any,
    *,
    organs: Any = None,
    model: str = DEFAULT_MODEL,
    device: str = "auto",
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> CaseNodes:
    """Find lesions in a volume node and add segmentation and report to its scene.

    Nothing is added if it fails or is cancelled.

    Args:
        volume: scalar volume node with a CT.
        organs: segmentation node whose organs are used instead of the model's own.
        model: name or folder of a model.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        progress: told about every step.
        cancel: asks to stop.

    Raises:
        PastaError: the volume, the organs, the model or the device cannot be used.
        Cancelled: asked to stop.
    """
    from PASTALib.analysis import analyze
    from PASTALib.devices import choose_device
    from PASTALib.model import load_model
    from PASTALib.pictures import draw_pictures
    from PASTALib.report_html import render_html

    progress(0.0, "Checking the CT")
    ct = ct_of(volume)
    given = organ_map(organs, volume) if organs is not None else None
    progress(0.02, "Loading the model")
    loaded = load_model(model, choose_device(device))
    analysis = analyze(
        ct, loaded, organs=given, progress=part_of(progress, 0.05, 0.95), cancel=cancel
    )
    progress(0.95, "Drawing key images")
    pictures = draw_pictures(analysis.ct, analysis.segmentation, analysis.lesions)
    page = render_html(analysis.report, pictures)
    nodes = add_findings(volume.GetScene(), analysis, volume, page)
    progress(1.0, "Done")
    return nodes


def add_case(scene: Any, analysis: Analysis, page: str | None = None) -> CaseNodes:
    """Add the CT and the findings of a finished analysis to a scene.

    Args:
        scene: the scene to add to.
        analysis: a finished analysis.
        page: the report as HTML.
    """
    volume = add_volume(scene, analysis.ct.image, analysis.ct.name)
    if analysis.ct.synthetic:
        volume.SetAttribute(NODE_ATTRIBUTE, "1")
    return add_findings(scene, analysis, volume, page)


def add_findings(scene: Any, analysis: Analysis, volume: Any, page: str | None) -> CaseNodes:
    """Add segmentation and report of an analysis of a volume node that is in the scene already."""
    name = volume.GetName()
    segmentation = add_segmentation(
        scene,
        analysis.segmentation,
        f"{name} PASTA",
        volume=volume,
        instances=analysis.instances,
        lesions=analysis.lesions,
    )
    text = analysis.report.model_dump_json(indent=1)
    report = add_report(scene, text, f"{name} report", "json", segmentation)
    shown = None
    if page is not None:
        shown = add_report(scene, page, f"{name} report page", "html", segmentation)
    return CaseNodes(volume, segmentation, report, shown, tuple(analysis.report.impression))
