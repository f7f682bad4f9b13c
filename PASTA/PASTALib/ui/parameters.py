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
