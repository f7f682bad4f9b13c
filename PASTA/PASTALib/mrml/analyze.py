"""From a volume node to findings, in this process: what scripts call. Blocks until it is done."""

from __future__ import annotations

from typing import Any

from PASTALib.mrml.case import CaseNodes, add_analysis, ct_of
from PASTALib.mrml.organs import organ_map
from PASTALib.progress import CancelToken, Progress, part_of, silent

DEFAULT_MODEL = "pasta-s"


def analyze_volume(
    volume: Any,
    *,
    organs: Any = None,
    model: str = DEFAULT_MODEL,
    device: str = "auto",
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> CaseNodes:
    """Find lesions in a volume node and add segmentations and report to its scene.

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

    progress(0.0, "Checking the CT")
    ct = ct_of(volume)
    given = organ_map(organs, volume) if organs is not None else None
    progress(0.02, "Loading the model")
    loaded = load_model(model, choose_device(device))
    analysis = analyze(
        ct, loaded, organs=given, progress=part_of(progress, 0.05, 1.0), cancel=cancel
    )
    return add_analysis(volume.GetScene(), analysis, volume)
