"""A point that the user places by a click in a view."""

from __future__ import annotations

from typing import Any

import slicer

from PASTALib.geometry import Vector


def add_point(scene: Any, name: str) -> Any:
    """A markup node for one point that is not saved with the scene."""
    point = slicer.vtkMRMLMarkupsFiducialNode()
    point.SetName(name)
    point.SetSaveWithScene(False)
    point = scene.AddNode(point)
    point.CreateDefaultDisplayNodes()
    display = point.GetDisplayNode()
    display.SetSaveWithScene(False)
    display.SetPointLabelsVisibility(False)
    display.SetGlyphScale(1.5)
    return point


def place_of(point: Any) -> Vector | None:
    """Where the point is, RAS mm; None until it has been placed."""
    if point is None or point.GetNumberOfControlPoints() == 0:
        return None
    place = [0.0, 0.0, 0.0]
    point.GetNthControlPointPositionWorld(0, place)
    return place[0], place[1], place[2]


def place_one(scene: Any, markup: Any) -> None:
    """Let the next click in a view place one point of a markup node."""
    selection = scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
    interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    if selection is None or interaction is None:
        return
    selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
    selection.SetActivePlaceNodeID(markup.GetID())
    interaction.SetPlaceModePersistence(0)
    interaction.SetCurrentInteractionMode(interaction.Place)


def stop_placing(scene: Any) -> None:
    """A click places nothing any more."""
    interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    if interaction is not None:
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
