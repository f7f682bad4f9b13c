"""What is chosen about a torso before it is built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from PASTAGenLib.torso.frame import BOTTOM, TOP
from PASTALib.catalog import PHASES, Phase
from PASTALib.errors import PastaError

# Lower and upper end in mm of the standard body (see `frame`), head to the right.
FIELDS_OF_VIEW: dict[str, tuple[float, float]] = {
    "torso": (-235.0, 390.0),
    "chest": (60.0, 390.0),
    "abdomen": (-60.0, 185.0),
    "abdomen_pelvis": (-235.0, 185.0),
    "pelvis": (-235.0, -30.0),
}


@dataclass(frozen=True)
class TorsoSpec:
    """Everything that a torso is made from; the same spec gives the same bytes.

    Attributes:
        seed: source of every further random number (anatomy, texture, noise).
        sex: ``female`` or ``male``.
        habitus: 0 is very lean, 1 very obese.
        size: height relative to the standard body of 172 cm.
        phase: contrast phase of the catalogue's HU table.
        spacing: voxel size (x, y, z) in mm.
        field_of_view: a key of `FIELDS_OF_VIEW`, or (lower, upper) in mm of the standard body.
        deformation: strength of the smooth random deformation; 1 is usual, 0 is none.
        noise_sd: standard deviation in HU of the noise in the middle of the body.
        kernel: full width at half maximum in mm of the point spread in the plane.
        table: whether the CT table is in the picture.
        arms_up: whether the arms lie above the head rather than along the body.
    """

    seed: int = 0
    sex: Literal["female", "male"] = "male"
    habitus: float = 0.4
    size: float = 1.0
    phase: Phase = "portal_venous"
    spacing: tuple[float, float, float] = (1.5, 1.5, 1.5)
    field_of_view: str | tuple[float, float] = "torso"
    deformation: float = 1.0
    noise_sd: float = 12.0
    kernel: float = 1.0
    table: bool = True
    arms_up: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            PastaError: a value is unknown or out of range; the sentence says which.
        """
        if self.sex not in ("female", "male"):
            raise PastaError(f"The torso's sex '{self.sex}' is not known; use female or male.")
        if self.phase not in PHASES:
            raise PastaError(
                f"The contrast phase '{self.phase}' is not known; use {', '.join(PHASES)}."
            )
        if len(self.spacing) != 3 or not all(0.4 <= s <= 10 for s in self.spacing):
            raise PastaError("The torso's spacing must be three numbers from 0.4 to 10 mm.")
        if not 0 <= self.habitus <= 1 or not 0.7 <= self.size <= 1.2:
            raise PastaError("The torso's habitus must be 0 to 1 and its size 0.7 to 1.2.")
        low, high = self.height_range
        if not (BOTTOM <= low < high <= TOP):
            raise PastaError(
                f"The field of view must rise within {BOTTOM:.0f} to {TOP:.0f} mm of the body."
            )

    @property
    def height_range(self) -> tuple[float, float]:
        """Lower and upper end of the picture in mm of the standard body.

        Raises:
            PastaError: the name is not one of `FIELDS_OF_VIEW`.
        """
        if not isinstance(self.field_of_view, str):
            return self.field_of_view
        if self.field_of_view not in FIELDS_OF_VIEW:
            raise PastaError(
                f"The field of view '{self.field_of_view}' is not known; use "
                f"{', '.join(FIELDS_OF_VIEW)}, or a lower and upper end in mm."
            )
        return FIELDS_OF_VIEW[self.field_of_view]


def sample_torso(rng: np.random.Generator, **pinned: Any) -> TorsoSpec:
    """A random torso; fields given by name are kept as they are.

    The same number of random numbers is drawn whatever is pinned, so pinning one field does not
    change the others.
    """
    thick = float(rng.choice([0.0, 1.5, 3.0]))
    pixel = float(rng.uniform(0.75, 1.2))
    drawn = TorsoSpec(
        seed=int(rng.integers(2**31)),
        sex="male" if rng.random() < 0.5 else "female",
        habitus=float(rng.beta(1.8, 2.4)),
        size=float(np.clip(rng.normal(0.985, 0.05), 0.85, 1.12)),
        phase=PHASES[int(rng.choice(3, p=[0.25, 0.25, 0.5]))],
        spacing=(pixel, pixel, max(thick, pixel)),
        deformation=float(rng.uniform(0.5, 1.4)),
        noise_sd=float(rng.uniform(5, 26)),
        kernel=float(rng.uniform(0.7, 1.6)),
        table=bool(rng.random() < 0.85),
        arms_up=bool(rng.random() < 0.88),
    )
    return replace(drawn, **pinned)
