"""The plan of one lesion: everything that was drawn, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from PASTAGenLib.boxes import Box
from PASTAGenLib.density import Density
from PASTAGenLib.shapes import Blob
from PASTALib.catalog import Phase
from PASTALib.errors import PastaError

VERSION = 1


@dataclass(frozen=True)
class InsertionPlan:
    """All that `apply` needs besides the scan. Nothing random is left open.

    Attributes:
        type: lesion type of the catalogue.
        host: structure that holds the lesion.
        host_labels: labels of the organ map that the mask may cover; a lesion that protrudes
            makes its fat and unlabelled surroundings the first of them.
        phase: contrast phase that the HU are for.
        shape: PASTA's shape.
        long_axis_mm: long axis in the axial plane, of the shape before the organ cuts it.
        blob: the shape in LPS mm.
        thickness_mm: thickness along the organ's wall; None for a lesion that is not wall-bound.
        outward_mm: how far it may protrude from the organ; 0 keeps it inside.
        density: HU, subtype, texture and edge.
        grain_mm: size of the texture's grains.
        core_hu: HU that are added in the middle (necrosis, rim), falling off outward.
        noise_hu: noise SD of the scan, HU.
        texture_seed: seed of the texture field.
        box: voxels ``z, y, x`` outside of which nothing changes.
        grid_shape: voxels of the scan that the plan was made for.
    """

    type: str
    host: str
    host_labels: tuple[int, ...]
    phase: Phase
    shape: str
    long_axis_mm: float
    blob: Blob
    thickness_mm: float | None
    outward_mm: float
    density: Density
    grain_mm: float
    core_hu: float
    noise_hu: float
    texture_seed: int
    box: Box
    grid_shape: tuple[int, int, int]

    def to_json(self) -> str:
        """The plan as JSON text; numbers come back exactly."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> InsertionPlan:
        """A plan from the text of `to_json`.

        Raises:
            PastaError: the text is not such a plan.
        """
        try:
            row: dict[str, Any] = json.loads(text)
            if row.pop("version") != VERSION:
                raise PastaError("The insertion plan is of another version; plan the lesion anew.")
            row["blob"] = Blob(**{key: _tuples(value) for key, value in row["blob"].items()})
            row["density"] = Density(**row["density"])
            return cls(**{key: _tuples(value) for key, value in row.items()})
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as problem:
            raise PastaError(
                f"This is not an insertion plan ({problem}); give the JSON that PASTAGen wrote."
            ) from problem


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
