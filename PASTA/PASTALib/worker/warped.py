"""Label maps and fields as messages of the worker; they are written a chunk at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from PASTALib.bending import Field, LabelPart, LabelParts, Warp
from PASTALib.geometry import Geometry
from PASTALib.steps import Steps
from PASTALib.worker.messages import (
    array_in_steps,
    geometry_of,
    image_reference,
    remove_files,
    take_array,
)

Item = dict[str, Any]


def image_in_steps(image: sitk.Image, folder: Path) -> Steps[Item]:
    """An image for a message."""
    name = yield from array_in_steps(sitk.GetArrayViewFromImage(image), folder)
    return image_reference(name, Geometry.of(image))


def warp_in_steps(warp: Warp, folder: Path) -> Steps[Item]:
    """A warp for a message."""
    if not isinstance(warp, Field):
        return {"matrix": warp.tolist()}
    name = yield from array_in_steps(warp.displacements, folder)
    return image_reference(name, warp.grid)


def take_warp(item: Item, folder: Path) -> Warp:
    """The warp of a message."""
    if "matrix" in item:
        return np.array(item["matrix"])
    array = take_array(item["file"], folder)
    return Field(array, geometry_of(item, array.shape[:3]))


def parts_in_steps(given: LabelParts, folder: Path) -> Steps[Item]:
    """Label maps for a message; no file stays if it is given up half way."""
    parts: list[Item] = []
    item: Item = {"parts": parts}
    try:
        item["warp"] = yield from warp_in_steps(given.warp, folder)
        for part in given.parts:
            name = yield from array_in_steps(part.voxels, folder)
            parts.append({**image_reference(name, part.grid), "labels": list(part.labels.items())})
    except BaseException:
        remove_files(item, folder)
        raise
    return item


def take_parts(item: Item, folder: Path) -> LabelParts:
    """The label maps of a message."""

    def part(sent: Item) -> LabelPart:
        voxels = take_array(sent["file"], folder)
        return LabelPart(voxels, geometry_of(sent, voxels.shape), dict(sent["labels"]))

    return LabelParts(tuple(part(sent) for sent in item["parts"]), take_warp(item["warp"], folder))
