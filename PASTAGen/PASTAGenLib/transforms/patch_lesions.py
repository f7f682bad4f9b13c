"""Draws lesions for a patch of a scan with organ labels; the part that all frameworks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.apply import insert_in
from PASTAGenLib.boxes import slices
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.scene import OCCUPIED, Scene
from PASTALib.catalog import Phase, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.label_tables import label_of_name

LEAST_VOXELS = 30
"""Voxels of an organ in a scan or patch, from which a lesion is tried in it."""


@dataclass(frozen=True, eq=False)
class PatchLesion:
    """One inserted lesion; only the voxels of its box change.

    Attributes:
        plan: how it was drawn.
        where: its box as an index of an array ``[z, y, x]``.
        change: what is added to the HU of the box, int16.
        mask: voxels of the box that are lesion.
        organs: uint8 catalogue labels of the box after insertion: moved by its mass effect, and
            the lesion is part of its organ.
    """

    plan: InsertionPlan
    where: tuple[slice, slice, slice]
    change: NDArray[np.int16]
    mask: NDArray[np.bool_]
    organs: NDArray[np.uint8]


class PatchLesions:
    """Draws some lesions of given types wherever a patch shows their organs.

    Args:
        types: lesion types, or `LesionMix` where properties are to follow distributions; with a
            mapping, how often each; all fifteen types alike if not given.
        count: least and most lesions of a patch.
        attempts: how often another lesion is drawn where one does not fit.

    Raises:
        PastaError: a type is not known, or a number is wrong.
    """

    def __init__(
        self,
        types: Mapping[str | LesionMix, float] | Sequence[str | LesionMix] | None = None,
        count: tuple[int, int] = (1, 1),
        attempts: int = 3,
    ) -> None:
        given = tuple(catalog().lesion_types) if types is None else types
        weights = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, 1.0)
        if not weights or min(weights.values()) < 0 or sum(weights.values()) <= 0:
            raise PastaError("types must name at least one lesion type with a weight above zero.")
        if not 0 <= count[0] <= count[1]:
            raise PastaError(f"count must be the least and the most lesions, not {count}.")
        self._mixes = tuple(
            (mix if isinstance(mix, LesionMix) else LesionMix.of(mix, {}, "types"), weight)
            for mix, weight in weights.items()
        )
        self._count, self._attempts = count, attempts

    def __call__(
        self,
        hu: NDArray[np.int16],
        organs: NDArray[np.uint8],
        geometry: Geometry,
        rng: np.random.Generator,
        phase: Phase | None = None,
    ) -> tuple[PatchLesion, ...]:
        """Lesions for a patch, each planned with those before it in place.

        Args:
            hu: HU ``[z, y, x]``; not changed.
            organs: catalogue labels of structures; not changed.
            geometry: where the voxels lie.
            rng: draws every random number.
            phase: contrast phase; estimated from the patch if not given.

        Returns:
            None or more lesions: as many as fit.
        """
        wanted = int(rng.integers(self._count[0], self._count[1] + 1))
        scene = Scene(hu, organs, geometry)
        shown = types_in(organs)
        able = [item for item in self._mixes if item[0].type in shown]
        if not able:
            return ()
        weights = np.array([weight for _, weight in able])
        lesions: list[PatchLesion] = []
        for _ in range(wanted * self._attempts):
            if len(lesions) == wanted or weights.sum() == 0:
                break
            mix, _ = able[int(rng.choice(len(able), p=weights / weights.sum()))]
            lesion = draw_lesion(scene, mix, rng, phase)
            if lesion is not None:
                lesions.append(lesion)
                scene = scene_after(scene, lesion)
        return tuple(lesions)


def types_in(organs: NDArray[np.uint8]) -> tuple[str, ...]:
    """Lesion types whose organ is seen in a map of catalogue labels, in the catalogue's order."""
    counts = np.bincount(organs.ravel(), minlength=256)
    return tuple(
        key
        for key, kind in catalog().lesion_types.items()
        if counts[list(catalog().organ_labels(kind.organ))].sum() >= LEAST_VOXELS
    )


def draw_lesion(
    scene: Scene, mix: LesionMix, rng: np.random.Generator, phase: Phase | None = None
) -> PatchLesion | None:
    """Draw one lesion in a scene, which stays as it is; None where it cannot hold what was drawn.

    Args:
        scene: patch with its organs.
        mix: what is drawn from.
        rng: draws every random number.
        phase: contrast phase; estimated from the patch if not given.
    """
    try:
        plan, inserted = insert_in(scene, mix.draw(rng, phase), rng)
    except PastaError:
        return None
    if not inserted.mask.any():
        return None
    where = slices(plan.box)
    change = inserted.hu - scene.hu[where]
    return PatchLesion(plan, where, change, inserted.mask, inserted.organs)


def scene_after(scene: Scene, lesion: PatchLesion) -> Scene:
    """The scene with a lesion in it, on which the next one does not come to lie."""
    hu, organs = scene.hu.copy(), scene.organs.copy()
    hu[lesion.where] += lesion.change
    organs[lesion.where] = np.where(lesion.mask, OCCUPIED, lesion.organs)
    return Scene(hu, organs, scene.geometry)


def label_lookup(table: str | Mapping[int, str]) -> NDArray[np.uint8]:
    """Look-up table of 256 entries: label of a user's organ map to catalogue label, 0 if none.

    Args:
        table: name of a label table (``pasta``, ``totalsegmentator_v1``, ``totalsegmentator_v2``,
            ``amos``), or names of structures or of the ten organs by label number.

    Raises:
        PastaError: the table or all of its names are unknown, or a number is not 1 to 255.
    """
    lookup = np.zeros(256, np.uint8)
    if isinstance(table, str):
        for number, label in catalog().label_table(table).items():
            lookup[number] = label
        return lookup
    for number, name in table.items():
        known = label_of_name(name)
        if known is None and name in catalog().organs:
            known = catalog().organ_labels(name)[0]
        if known is None:
            continue
        if not 1 <= int(number) <= 255:
            raise PastaError(f"The label {number} of '{name}' must be a number from 1 to 255.")
        lookup[int(number)] = known
    if not lookup.any():
        raise PastaError(
            f"None of the organ names ({', '.join(map(str, table.values()))}) is in the catalogue; "
            "use names such as liver or kidney_left."
        )
    return lookup
