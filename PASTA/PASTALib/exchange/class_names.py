"""Catalogue keys of the classes that a model of somebody else has."""

from __future__ import annotations

from collections.abc import Mapping

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.label_tables import label_of_name


def key_of_name(name: str) -> str | None:
    """Catalogue key of a structure or lesion type by its key or English name, or None."""
    plain = "_".join(
        name.lower().replace("-", " ").replace("_", " ").replace("tumour", "tumor").split()
    )
    for kind in catalog().lesion_types.values():
        if plain in (kind.key, kind.name.lower().replace(" ", "_")):
            return kind.key
    label = label_of_name(plain)
    return None if label is None else catalog().by_label[label].key


def catalogue_classes(labels: Mapping[str, int], given: Mapping[str, str]) -> tuple[str, ...]:
    """Class keys in the order of the output channels.

    Args:
        labels: name and number of each class, ``background`` is 0.
        given: catalogue key of names that do not say it by themselves.

    Raises:
        PastaError: a class is not known, or a number is missing.
    """
    ordered = sorted((number, name) for name, number in labels.items())
    if [number for number, _ in ordered] != list(range(len(ordered))):
        raise PastaError(
            "The labels of the model do not count up from 0 without gaps; they must be those of "
            "its output channels."
        )
    keys, unknown = ["background"], []
    for _, name in ordered[1:]:
        key = given.get(name) or key_of_name(name)
        if key is None:
            unknown.append(name)
        else:
            catalog().label(key)  # a key that was given must exist
            keys.append(key)
    if unknown:
        raise PastaError(
            f"The catalogue does not know the classes {', '.join(unknown)}; say which structure "
            f"or lesion type they are with --class, such as --class {unknown[0]}=liver_tumor."
        )
    return tuple(keys)
