"""Lesions of one type with distributions of their properties: what training and recipes draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from PASTAGenLib.distributions import Distribution, distribution
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import Phase, catalog
from PASTALib.errors import PastaError

OF_ONE_SCAN = ("center", "seed", "phase")
"""Fields of a spec that belong to one scan or one lesion."""
PROPERTIES = tuple(
    field.name for field in fields(LesionSpec) if field.name not in ("type", *OF_ONE_SCAN)
)
"""Fields that can be given a distribution; what is not given is drawn by the generator."""


@dataclass(frozen=True)
class LesionMix:
    """A lesion type, and distributions of those properties that are not left to the generator."""

    type: str
    properties: tuple[tuple[str, Distribution], ...] = ()

    @classmethod
    def of(cls, kind: str, properties: Mapping[str, Any], where: str = "lesion") -> LesionMix:
        """From plain values, each as `PASTAGenLib.distributions` describes.

        Args:
            kind: lesion type of the catalogue.
            properties: by name, see `PROPERTIES`.
            where: of what, for messages.

        Raises:
            PastaError: the type, a property or one of its values is not possible.
        """
        if kind not in catalog().lesion_types:
            raise PastaError(
                f"{where}: the type '{kind}' is not known; use one of "
                f"{', '.join(catalog().lesion_types)}."
            )
        unknown = sorted(set(properties) - set(PROPERTIES))
        if unknown:
            raise PastaError(
                f"{where}: '{unknown[0]}' is not a property of a lesion; use one of "
                f"{', '.join(PROPERTIES)}."
            )
        mix = cls(
            kind,
            tuple((n, distribution(v, f"{where}, {n}")) for n, v in properties.items()),
        )
        mix._check(where)
        return mix

    def _check(self, where: str) -> None:
        """Refuse values that no lesion of the type can have, before any is drawn."""
        sizes = {"long_axis_mm", "volume_mm3"}
        if sizes <= {name for name, _ in self.properties}:
            raise PastaError(f"{where}: give either long_axis_mm or volume_mm3, not both.")
        always = {n: v.examples()[0] for n, v in self.properties if len(v.examples()) == 1}
        try:
            LesionSpec(type=self.type, **always)
        except PastaError as error:
            raise PastaError(f"{where}: {error}") from error
        for name, values in self.properties:
            for value in values.examples():
                try:
                    LesionSpec(type=self.type, **{name: value})
                except PastaError as error:
                    raise PastaError(f"{where}: {error}") from error
                except TypeError as error:
                    raise PastaError(f"{where}: {name} cannot be '{value}'.") from error

    def draw(self, rng: np.random.Generator, phase: Phase | None = None) -> LesionSpec:
        """One lesion.

        Raises:
            PastaError: the drawn values contradict each other.
        """
        drawn = {name: values.draw(rng) for name, values in self.properties}
        return LesionSpec(type=self.type, phase=phase, **drawn)
