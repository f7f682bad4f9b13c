"""The plan of one lesion: everything that was drawn, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from PASTAGenLib.boxes import Box
from PASTAGenLib.density import Density
from PASTAGenLib.features.canvas import Feature
from PASTAGenLib.features.registry import as_row, from_row
from PASTAGenLib.shape import Blob
from PASTAGenLib.warp import MassEffect
from PASTALib.catalog import Phase
from PASTALib.errors import PastaError
from PASTALib.margin import TEN_TO_NINETY

VERSION = 2
EDGE_SD = 2.4
"""Sigma of its edge that a lesion reaches beyond its surface."""
ALONG_PATHS = ("duct", "lumen")
"""Kinds of features that lie along a path and not around the lesion."""
Form = Literal["mass", "plaque", "annular", "polyp"]
"""A body in or on its organ; a plaque along a wall; a ring of wall; a body on a wall, in the lumen.
"""


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
        form: how the lesion lies to its organ.
        long_axis_mm: long axis in the axial plane, as it is to be measured on the mask.
        blob: the shape in LPS mm, before the organ cuts it.
        thickness_mm: thickness along the organ's wall; None for a lesion that is not wall-bound.
        outward_mm: how far it may protrude from the organ; 0 keeps it inside.
        density: HU, subtype, texture and edge.
        grain_mm: size of the texture's grains.
        keeps: share of bright structures (vessels, cortex) of the organ that remain visible in it.
        mass_effect: how it pushes its surroundings aside.
        features: what else is seen in and around it.
        noise_hu: noise SD of the scan, HU.
        point_spread_mm: sigma of the scan's blur in the plane.
        texture_seed: seed of the texture and noise fields.
        box: voxels ``z, y, x`` outside of which nothing changes.
        grid_shape: voxels of the scan that the plan was made for.
    """

    type: str
    host: str
    host_labels: tuple[int, ...]
    phase: Phase
    shape: str
    form: Form
    long_axis_mm: float
    blob: Blob
    thickness_mm: float | None
    outward_mm: float
    density: Density
    grain_mm: float
    keeps: float
    mass_effect: MassEffect
    features: tuple[Feature, ...]
    noise_hu: float
    point_spread_mm: float
    texture_seed: int
    box: Box
    grid_shape: tuple[int, int, int]

    @property
    def reach_mm(self) -> float:
        """How far from its surface anything changes, but for what lies along a path."""
        edge = EDGE_SD * float(np.hypot(self.density.edge_mm / TEN_TO_NINETY, self.point_spread_mm))
        push = self.mass_effect.width_mm if self.mass_effect.push_mm > 0 else 0.0
        around = (f.reach_mm for f in self.features if f.kind not in ALONG_PATHS)
        return max([edge, push, *around])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What else is seen in and around it, each once; of older plans the kinds of drawing."""
        return tuple(dict.fromkeys(feature.name or feature.kind for feature in self.features))

    def to_json(self) -> str:
        """The plan as JSON text; numbers come back exactly."""
        row = asdict(replace(self, features=()))
        row["features"] = [as_row(feature) for feature in self.features]
        return json.dumps({"version": VERSION, **row}, indent=1)

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
            row = {key: _tuples(value) for key, value in row.items()}
            row["blob"] = Blob(**row["blob"])
            row["density"] = Density(**row["density"])
            row["mass_effect"] = MassEffect(**row["mass_effect"])
            row["features"] = tuple(from_row(feature) for feature in row["features"])
            missing = {f.name for f in fields(cls)} - row.keys()
            if missing:
                raise KeyError(", ".join(sorted(missing)))
            return cls(**row)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as problem:
            raise PastaError(
                f"This is not an insertion plan ({problem}); give the JSON that PASTAGen wrote."
            ) from problem


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, all the way down."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
