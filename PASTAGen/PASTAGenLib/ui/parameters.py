"""The choices of the panel; they are saved with the scene."""

from typing import Any

import slicer
from slicer.parameterNodeWrapper import parameterNodeWrapper


@parameterNodeWrapper
class GeneratorParameters:
    """What the user has chosen.

    `asked` is JSON of the pinned fields of `LesionSpec`.
    """

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    organs: slicer.vtkMRMLSegmentationNode
    lesionType: str = "liver_tumor"
    asked: str = "{}"
    seed: int = 1


def parameters_of(node: Any) -> Any:
    """The choices that a parameter node keeps."""
    wrapper: Any = GeneratorParameters  # the decorator gives it its constructor
    return wrapper(node)
