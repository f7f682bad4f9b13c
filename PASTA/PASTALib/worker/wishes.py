"""Wishes for an outline and their answers as messages of the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PASTALib.geometry import Geometry
from PASTALib.gestures.record import as_json, from_json
from PASTALib.gestures.wish import Answer, EditableArea, Wish
from PASTALib.region import Region
from PASTALib.worker.messages import put_array, take_array

Item = dict[str, Any]


def put_wish(wish: Wish, folder: Path) -> Item:
    """A wish for a message; its masks are files of the shared folder."""
    area = wish.area
    return {
        "gestures": [as_json(gesture) for gesture in wish.gestures],
        "before": put_region(wish.before, folder),
        "others": [put_region(region, folder) for region in wish.others],
        "area": {
            "hu": area.hu,
            "inside": put_region(area.inside, folder),
            "outside": put_region(area.outside, folder),
        },
        "untyped": wish.untyped,
    }


def take_wish(item: Item, folder: Path, geometry: Geometry) -> Wish:
    """The wish of a message."""
    area = item["area"]
    others = (take_region(other, folder, geometry) for other in item["others"])
    return Wish(
        tuple(from_json(gesture) for gesture in item["gestures"]),
        take_region(item["before"], folder, geometry),
        tuple(region for region in others if region is not None),
        EditableArea(
            area["hu"] and tuple(area["hu"]),
            take_region(area["inside"], folder, geometry),
            take_region(area["outside"], folder, geometry),
        ),
        item["untyped"],
    )


def put_answer(answer: Answer, folder: Path) -> Item:
    """An answer for a message."""
    return {"region": put_region(answer.region, folder), "type": answer.type}


def take_answer(item: Item, folder: Path, geometry: Geometry) -> Answer:
    """The answer of a message."""
    region = take_region(item["region"], folder, geometry)
    assert region is not None
    return Answer(region, item["type"])


def put_region(region: Region | None, folder: Path) -> Item | None:
    """A region for a message; None for none."""
    if region is None:
        return None
    return {"mask": put_array(region.mask, folder), "start": list(region.start)}


def take_region(item: Item | None, folder: Path, geometry: Geometry) -> Region | None:
    """The region of a message."""
    if item is None:
        return None
    z, y, x = item["start"]
    return Region(take_array(item["mask"], folder), (z, y, x), geometry)
