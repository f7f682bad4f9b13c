"""``slicer.parameterNodeWrapper``, as far as our modules use it: choices kept in the scene.

The same behavior, traps included: a misspelled attribute is accepted silently; a value of the wrong
type raises TypeError and one out of range ValueError.
"""

from host.parameter_node.gui import findChildWidgetForParameter
from host.parameter_node.validators import (
    Choice,
    Default,
    Exclude,
    Maximum,
    Minimum,
    NotNone,
    WithinRange,
)
from host.parameter_node.wrapper import isParameterNodeWrapper, parameterNodeWrapper

SlicerParameterNamePropertyName = "SlicerParameterName"

__all__ = [
    "Choice",
    "Default",
    "Exclude",
    "Maximum",
    "Minimum",
    "NotNone",
    "SlicerParameterNamePropertyName",
    "WithinRange",
    "findChildWidgetForParameter",
    "isParameterNodeWrapper",
    "parameterNodeWrapper",
]
