"""Consecutive class numbers of organs and lesions, as trainings want them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog


@dataclass(frozen=True)
class ClassList:
    """Names of the classes; the number of a class is its place, 0 is background."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, types: Collection[str]) -> ClassList:
        """Background, the organs of some lesion types, then these types, in catalogue order."""
        known = catalog()
        organs = {known.lesion_types[key].organ for key in types}
        return cls(
            (
                "background",
                *(key for key in known.organs if key in organs),
                *(key for key in known.lesion_types if key in types),
            )
        )

    @property
    def numbers(self) -> dict[str, int]:
        """Number of each class by its name."""
        return {name: number for number, name in enumerate(self.names)}

    def merged(self, organs: sitk.Image, lesions: sitk.Image) -> sitk.Image:
        """One uint8 map of class numbers, lesions over organs.

        Args:
            organs: catalogue labels of structures.
            lesions: catalogue labels of lesion types.
        """
        known, table = catalog(), np.zeros(256, np.uint8)
        for number, name in enumerate(self.names):
            if name in known.organs:
                table[list(known.organ_labels(name))] = number
            elif name in known.lesion_types:
                table[known.label(name)] = number
        labels = table[sitk.GetArrayViewFromImage(organs)]
        found = table[sitk.GetArrayViewFromImage(lesions)]
        image = sitk.GetImageFromArray(np.where(found > 0, found, labels))
        image.CopyInformation(organs)
        return image
