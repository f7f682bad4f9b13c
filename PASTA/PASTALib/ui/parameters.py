"""The choices of the panel; they are saved with the scene."""

import enum
from typing import Annotated, Any

import slicer
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


class Mode(enum.Enum):
    """How much tiles overlap."""

    fast = 1
    accurate = 2


@parameterNodeWrapper
class PastaParameters:
    """What the reader has chosen."""

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    organs: slicer.vtkMRMLSegmentationNode
    model: str = "pasta-s"
    device: str = "auto"
    mode: Mode = Mode.fast
    leastConfidence: Annotated[float, WithinRange(0, 1)] = 0.0
    organFilter: str
    exportFolder: str


def parameters_of(node: Any) -> Any:
    """The choices that a parameter node keeps."""
    wrapper: Any = PastaParameters  # the decorator gives it its constructor
    return wrapper(node)


def run_choices(parameters: Any) -> dict[str, str]:
    """Model, device and mode of a run, as the worker's jobs take them."""
    return {
        "model": parameters.model,
        "device": parameters.device,
        "mode": parameters.mode.name,
    }


def run_choices_in(scene: Any) -> dict[str, str]:
    """The same as chosen in the module PASTA; the usual ones where it was never opened."""
    node = scene.GetSingletonNode("PASTA", "vtkMRMLScriptedModuleNode")
    return run_choices(parameters_of(node or slicer.vtkMRMLScriptedModuleNode()))
