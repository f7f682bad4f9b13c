"""Features as JSON and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from PASTAGenLib.features.around import Duct, Halo, Rays, Stranding
from PASTAGenLib.features.canvas import Feature
from PASTAGenLib.features.inside import Core, Laminae, Septa, Shell, Specks
from PASTAGenLib.features.lumen import Lumen
from PASTAGenLib.shape import Blob

KINDS = {
    kind.kind: kind
    for kind in (Core, Shell, Laminae, Septa, Specks, Rays, Halo, Stranding, Duct, Lumen)
}


def as_row(feature: Feature) -> dict[str, Any]:
    """A feature as plain values."""
    return {"kind": feature.kind, **asdict(feature)}  # type: ignore[call-overload]


def from_row(row: dict[str, Any]) -> Feature:
    """The feature of such values; raises `KeyError` or `TypeError` where they are of none."""
    values = dict(row)
    kind = KINDS[values.pop("kind")]
    if kind is Core:
        values["body"] = Blob(**values["body"])
    return kind(**values)
