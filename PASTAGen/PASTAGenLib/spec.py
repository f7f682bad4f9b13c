"""What lesion is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from PASTAGenLib.habits import (
    FEATURES,
    FILLERS,
    HABITS,
    HINTS,
    NARROW,
    PROTRUDES,
    SEGMENTS,
    UNEVEN,
    WIDER_SHAPES,
)
from PASTALib.catalog import PHASES, LesionType, Phase, catalog
from PASTALib.errors import PastaError

Position = Literal["supine", "prone", "left_lateral", "right_lateral"]


@dataclass(frozen=True)
class LesionSpec:
    """A request for one lesion. Everything but the type is drawn where it is not given.

    Attributes:
        type: lesion type of the catalogue, such as ``liver_cyst``.
        subtype: one of the type's subtypes, such as ``hcc``.
        center: LPS mm.
        location: a structure of the organ (``kidney_left``, ``vertebra_L3``, a lobe of the lung),
            ``left``/``right``, or a part of the structure: ``upper``, ``middle``, ``lower``,
            ``anterior``, ``posterior``, ``medial``, ``lateral``, ``central``, ``peripheral``, of
            the pancreas ``head``, ``body``, ``tail``, of the liver ``segment_1`` to ``segment_8``
            (an approximation, see `sites.couinaud`). Several words may be joined by spaces
            (``kidney_left upper pole``).
        long_axis_mm: long axis in the axial plane (RECIST); of a wall thickening, its longest
            extent in any direction.
        volume_mm3: volume instead of the long axis.
        shape: one of PASTA's four shapes that the type can have, or ``cystic``, ``luminal
            narrowing`` (a ring) or ``protrusion into the lumen`` (a polyp).
        density: ``Hypodense``, ``Isodense`` or ``Hyperdense`` against the organ.
        hu: mean HU of its core, see `attributes.core_of`; goes before `density`.
        heterogeneity: ``Homogeneous`` or ``Heterogeneous``.
        grain_mm: size of the texture's grains.
        surface: ``Well-defined margin`` or ``Ill-defined margin``.
        invasion: ``No close relationship with adjacent structures`` or ``Close ...``.
        features: names of `habits.FEATURES` that it is to show, and no others.
        protrudes: whether it reaches beyond its organ's contour, where the type can.
        number: how many lesions; see `insert_many`.
        phase: contrast phase of the scan; estimated from the scan where it is not given.
        position: how the patient lies, for what sinks to the ground; where it is not given, what
            the scan's DICOM says (in recipes and the module), otherwise supine.
        seed: seed of the random numbers where no generator is handed in.
    """

    type: str
    subtype: str | None = None
    center: tuple[float, float, float] | None = None
    location: str | None = None
    long_axis_mm: float | None = None
    volume_mm3: float | None = None
    shape: str | None = None
    density: str | None = None
    hu: float | None = None
    heterogeneity: str | None = None
    grain_mm: float | None = None
    surface: str | None = None
    invasion: str | None = None
    features: tuple[str, ...] | None = None
    protrudes: bool | None = None
    number: int = 1
    phase: Phase | None = None
    position: Position | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        kind = catalog().lesion_types.get(self.type)
        if kind is None:
            raise PastaError(
                f"The lesion type '{self.type}' is not known; use one of "
                f"{', '.join(catalog().lesion_types)}."
            )
        forms = tuple(s for s, (form, _) in WIDER_SHAPES.items() if form in HABITS[self.type].forms)
        self._check_kinds()
        self._check("subtype", self.subtype, kind.subtypes)
        self._check("shape", self.shape, (*kind.shapes, *forms))
        self._check("phase", self.phase, PHASES)
        self._check("position", self.position, get_args(Position))
        for name in ("density", "heterogeneity", "surface", "invasion"):
            self._check(name, getattr(self, name), catalog().attributes[name].values)
        for feature in self.features or ():
            self._check("features", feature, tuple(FEATURES[self.type]))
        self._check_size(kind)
        if self.hu is not None and not -1000 <= self.hu <= 3000:
            raise PastaError(f"hu must lie between -1000 and 3000, not {self.hu:g}.")
        if self.grain_mm is not None and not 1 <= self.grain_mm <= 10:
            raise PastaError(f"grain_mm must lie between 1 and 10 mm, not {self.grain_mm:g}.")
        segments = self.words[0] & set(SEGMENTS)
        if segments and kind.organ != "liver":
            raise PastaError(
                f"location '{self.location}': {min(segments)} is a part of the liver, not of the "
                f"{catalog().organs[kind.organ].name.lower()}; leave it out."
            )
        if self.number < 1:
            raise PastaError(f"number must be 1 or more, not {self.number}.")
        if self.protrudes and PROTRUDES.get(self.type, 0.0) == 0:
            raise PastaError(
                f"A {kind.name.lower()} cannot protrude from its organ; leave protrudes out."
            )
        if "upstream dilation" in (self.features or ()) and self.shape not in (None, *NARROW):
            raise PastaError(
                f"{self.called.capitalize()} of the shape '{self.shape}' does not narrow the "
                f"lumen, so nothing is wider upstream; ask for the shape '{NARROW[0]}', or leave "
                "'upstream dilation' out of features."
            )
        uneven = UNEVEN & set(self.features or ())
        if self.heterogeneity == "Homogeneous" and uneven:
            raise PastaError(
                f"A lesion with {min(uneven)} is not homogeneous; leave heterogeneity or that "
                "feature out."
            )

    def _check_kinds(self) -> None:
        """Refuse values that a form or a recipe gives as something else than they are."""
        if isinstance(self.features, str):
            raise PastaError(
                f"features must be a list, such as [{self.features}] (in a recipe {{fixed: "
                f"[{self.features}]}}), not the word '{self.features}'."
            )
        if not (self.protrudes is None or isinstance(self.protrudes, bool)):
            raise PastaError(f"protrudes must be true or false, not '{self.protrudes}'.")
        if isinstance(self.number, bool) or not isinstance(self.number, int):
            raise PastaError(f"number must be a whole number, not '{self.number}'.")
        for name in ("long_axis_mm", "volume_mm3", "hu", "grain_mm"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and math.isfinite(value)):
                raise PastaError(f"{name} must be a number, not '{value}'.")

    def _check(self, name: str, value: str | None, allowed: tuple[str, ...]) -> None:
        if value is not None and value not in allowed:
            use = f"use one of {', '.join(allowed)}" if allowed else "leave it out"
            raise PastaError(f"{name} of {self.type} cannot be '{value}'; {use}.")

    def _check_size(self, kind: LesionType) -> None:
        axis = kind.long_axis_mm
        if self.long_axis_mm is not None and not 1 <= self.long_axis_mm <= 2 * axis.maximum:
            raise PastaError(
                f"long_axis_mm of a {kind.name.lower()} must lie between 1 and "
                f"{2 * axis.maximum:g} mm, not {self.long_axis_mm:g}."
            )
        if self.volume_mm3 is not None and self.volume_mm3 <= 0:
            raise PastaError(f"volume_mm3 must be more than 0, not {self.volume_mm3:g}.")
        if self.volume_mm3 is not None and self.long_axis_mm is not None:
            raise PastaError("Give either long_axis_mm or volume_mm3, not both.")

    @property
    def kind(self) -> LesionType:
        """The catalogue's entry of the type."""
        return catalog().lesion_types[self.type]

    @property
    def called(self) -> str:
        """The type with its article, for sentences."""
        name = self.kind.name.lower()
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"

    @property
    def narrows(self) -> bool:
        """Whether it is to go all around and narrow the lumen."""
        return self.shape == NARROW[0] or "upstream dilation" in (self.features or ())

    @property
    def sized(self) -> bool:
        """Whether a size was asked for."""
        return self.long_axis_mm is not None or self.volume_mm3 is not None

    @property
    def words(self) -> tuple[frozenset[str], str | None]:
        """The parts of the structure that `location` names, and the structure or side."""
        said = [word for word in (self.location or "").split() if word not in FILLERS]
        hints = frozenset(word for word in said if word in HINTS)
        rest = " ".join(word for word in said if word not in HINTS)
        return hints, rest or None
