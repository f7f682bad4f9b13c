"""What can be asked of a lesion type: the fields of a form, and what a drawn lesion has in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from PASTAGenLib.habits import FEATURES, HABITS, PROTRUDES, WIDER_SHAPES
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.lesion_mix import PROPERTIES
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError

PARTS = ("upper", "middle", "lower", "anterior", "posterior", "medial", "lateral", "central",
         "peripheral")  # fmt: skip
PANCREAS_PARTS = ("head", "body", "tail")
ASKED = tuple(field.name for field in fields(LesionSpec) if field.name not in ("type", "seed"))


@dataclass(frozen=True)
class Choices:
    """What a form shows for a lesion type; what makes no sense for it is empty.

    Attributes:
        subtypes, shapes, densities, heterogeneities, surfaces, invasions, features: to choose from.
        size_mm: least, median and largest long axis.
        protrudes: whether it may reach beyond its organ.
    """

    subtypes: tuple[str, ...]
    shapes: tuple[str, ...]
    densities: tuple[str, ...]
    heterogeneities: tuple[str, ...]
    surfaces: tuple[str, ...]
    invasions: tuple[str, ...]
    features: tuple[str, ...]
    size_mm: tuple[float, float, float]
    protrudes: bool


def choices_of(lesion_type: str) -> Choices:
    """What can be asked of a lesion type of the catalogue."""
    kind, values = catalog().lesion_types[lesion_type], catalog().attributes
    forms = HABITS[lesion_type].forms
    wider = tuple(
        shape
        for shape, (form, own) in WIDER_SHAPES.items()
        if form in forms and form != "mass" and own in kind.shapes
    )
    shapes = (*kind.shapes, *wider)
    axis = kind.long_axis_mm
    return Choices(
        kind.subtypes if len(kind.subtypes) > 1 else (),
        shapes if len(shapes) > 1 else (),
        values["density"].values,
        values["heterogeneity"].values,
        values["surface"].values,
        values["invasion"].values,
        tuple(FEATURES[lesion_type]),
        (axis.minimum, axis.median, axis.maximum),
        lesion_type in PROTRUDES,
    )


def places_for(lesion_type: str, structures: Sequence[str]) -> tuple[str, ...]:
    """Locations that can be asked for: structures of the scan, then parts of them."""
    parts = PANCREAS_PARTS if lesion_type.startswith("pancreas") else PARTS
    return (*(structures if len(structures) > 1 else ()), *parts)


def spec_of(lesion_type: str, asked: Mapping[str, Any], seed: int) -> LesionSpec:
    """The request that a form makes; what is not in `asked` is drawn.

    Raises:
        PastaError: the values contradict each other, or are not the type's.
    """
    unknown = sorted(set(asked) - set(ASKED))
    if unknown:
        raise PastaError(
            f"'{unknown[0]}' is not a property of a lesion; use one of {', '.join(ASKED)}."
        )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in asked.items()}
    try:
        return LesionSpec(lesion_type, seed=seed, **values)
    except TypeError as error:
        raise PastaError(f"A value asked of the lesion is of the wrong kind: {error}.") from error


def drawn_values(plan: InsertionPlan, truth: Mapping[str, Any]) -> dict[str, Any]:
    """What a lesion has in the fields of the form.

    Args:
        plan: its plan.
        truth: its measured facts; empty before it was measured.
    """
    attributes = truth.get("attributes", {})
    return {
        "subtype": plan.density.subtype,
        "long_axis_mm": plan.long_axis_mm,
        "shape": plan.shape,
        "density": plan.density.density,
        "hu": plan.density.mean_hu,
        "heterogeneity": plan.density.heterogeneity,
        "surface": plan.density.surface,
        "invasion": attributes.get("invasion"),
        "features": plan.feature_names,
        "protrudes": plan.outward_mm > 0,
    }


def recipe_entry(lesion_type: str, asked: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The settings as an entry of a recipe, see `PASTAGenLib.production.recipe`."""
    fixed = {key: value for key, value in asked.items() if key in PROPERTIES}
    if "features" in fixed:
        fixed["features"] = {"fixed": list(fixed["features"])}
    return {"type": lesion_type, "count": count, **fixed}
