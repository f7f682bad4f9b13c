"""The forms in which a production is written: PASTA-Gen-30K's, nnU-Net's and MONAI's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from PASTAGenLib.layouts.classes import ClassList
from PASTAGenLib.layouts.monai_datalist import MonaiLayout
from PASTAGenLib.layouts.nnunet_raw import NnunetLayout
from PASTAGenLib.layouts.pastagen import PastaGenLayout
from PASTAGenLib.production.produced import ProducedCase, Record
from PASTAGenLib.production.recipe import Recipe


class Layout(Protocol):
    """Where the files of a case go, and the index over all."""

    def write(self, case: ProducedCase, out: Path) -> list[Path]:
        """Write the files of a case, each complete or not at all. Returns them."""

    def finish(self, records: Collection[Record], out: Path) -> None:
        """Write the index over the finished cases."""


def layout_of(recipe: Recipe) -> Layout:
    """The layout that a recipe asks for."""
    if recipe.layout == "pastagen":
        return PastaGenLayout()
    classes = ClassList.of(recipe.types)
    if recipe.layout == "nnunet":
        return NnunetLayout(recipe.dataset, recipe.name, classes)
    return MonaiLayout(recipe.name, classes)
