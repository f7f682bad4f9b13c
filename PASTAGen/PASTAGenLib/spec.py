"""What lesion is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from PASTALib.catalog import PHASES, LesionType, Phase, catalog
from PASTALib.errors import PastaError


@dataclass(frozen=True)
class LesionSpec:
    """A request for one lesion. Everything but the type is drawn where it is not given.

    Attributes:
        type: lesion type of the catalogue, such as ``liver_cyst``.
        subtype: one of the type's subtypes, such as ``hcc``.
        center: LPS mm.
        location: a structure of the organ (``kidney_left``, ``vertebra_L3``) or ``left``/``right``.
        long_axis_mm: long axis in the axial plane; of a wall thickening, its length along the wall
            in any direction.
        shape: one of PASTA's four shapes that the type can have.
        density: ``Hypodense``, ``Isodense`` or ``Hyperdense`` against the organ.
        hu: mean HU; goes before `density`.
        heterogeneity: ``Homogeneous`` or ``Heterogeneous``.
        surface: ``Well-defined margin`` or ``Ill-defined margin``.
        protrudes: whether it reaches beyond its organ's contour, where the type can.
        phase: contrast phase of the scan; estimated from the scan where it is not given.
        seed: seed of the random numbers where no generator is handed in.
    """

    type: str
    subtype: str | None = None
    center: tuple[float, float, float] | None = None
    location: str | None = None
    long_axis_mm: float | None = None
    shape: str | None = None
    density: str | None = None
    hu: float | None = None
    heterogeneity: str | None = None
    surface: str | None = None
    protrudes: bool | None = None
    phase: Phase | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        kind = catalog().lesion_types.get(self.type)
        if kind is None:
            raise PastaError(
                f"The lesion type '{self.type}' is not known; use one of "
                f"{', '.join(catalog().lesion_types)}."
            )
        self._check("subtype", self.subtype, kind.subtypes)
        self._check("shape", self.shape, kind.shapes)
        self._check("phase", self.phase, PHASES)
        for name in ("density", "heterogeneity", "surface"):
            self._check(name, getattr(self, name), catalog().attributes[name].values)
        axis = kind.long_axis_mm
        if self.long_axis_mm is not None and not 1 <= self.long_axis_mm <= 2 * axis.maximum:
            raise PastaError(
                f"long_axis_mm of a {kind.name.lower()} must lie between 1 and "
                f"{2 * axis.maximum:g} mm, not {self.long_axis_mm:g}."
            )

    def _check(self, name: str, value: str | None, allowed: tuple[str, ...]) -> None:
        if value is not None and value not in allowed:
            raise PastaError(
                f"{name} of {self.type} cannot be '{value}'; use one of {', '.join(allowed)}."
            )

    @property
    def kind(self) -> LesionType:
        """The catalogue's entry of the type."""
        return catalog().lesion_types[self.type]
