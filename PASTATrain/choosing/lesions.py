"""Lesions to be outlined: inserted into the scans of training, which are disturbed a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import Phase
from PASTALib.ct import CT
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.gestures.scan import Scan
from PASTALib.model import Model
from PASTATrain.choosing.filled_scans import Known, disturbed, with_many_lesions
from PASTATrain.choosing.sessions import Lesion
from PASTATrain.closer.collecting import organs_of
from PASTATrain.evaluation import KnownScan, scans, torso_images

TORSO_MM = (1.2, 2.0)
"""Spacings of the torsos."""
TORSOS_A_ROUND = 3
MAGNIFIED = 0.25
"""Share of scans that are magnified."""
MAGNIFICATION = (1.4, 3.0)
FIRST_REHEARSED = 4000
"""Seed of the first torso for a rehearsal; nothing else counts so far."""
LEAST_VOXELS = 20
"""A lesion of fewer voxels is not worth a session."""


class LesionSource:
    """Scans with lesions, always the same for a seed and a number.

    Args:
        data: folder of the public scans; what is missing in it is left out.
        model: finds the organs of scans whose organs are not labeled.
        torsos: seeds of the torsos made by rule.
        seed: of everything random.
    """

    def __init__(self, data: Path, model: Model, torsos: Sequence[int], seed: int) -> None:
        self._real = list(scans(data, [], "train"))
        self._organs = {scan.name: organs_of(scan, model) for scan in self._real}
        self._torsos, self._seed = torsos, seed
        if not self._real and not torsos:
            raise PastaError(f"'{data}' holds no scan of training, and no torsos were asked for.")

    @property
    def turn(self) -> int:
        """How many scans are used before the first comes again."""
        return len(self._real) + (TORSOS_A_ROUND if self._torsos else 0)

    def scan(self, number: int) -> tuple[str, list[Lesion]]:
        """The name of a scan, and its lesions of all types that it can hold."""
        rng = np.random.default_rng((self._seed, number))
        place = number % self.turn
        if place < len(self._real):
            scan = self._real[place]
            organs, phase = self._organs[scan.name], None
            return scan.name, inserted(scan, organs, phase, rng)
        return "torso", in_a_torso(int(rng.choice(self._torsos)), rng)


def torso_lesions(number: int, seed: int) -> list[Lesion]:
    """Lesions of a torso that nothing else is trained with."""
    return in_a_torso(FIRST_REHEARSED + number, np.random.default_rng((seed, number)))


def in_a_torso(torso_seed: int, rng: np.random.Generator) -> list[Lesion]:
    """Lesions of all types in a torso made by rule."""
    torso = torso_images(torso_seed, float(rng.choice(TORSO_MM)))
    scan = KnownScan("torso", CT(torso.image, "torso", synthetic=True), torso.organs)
    return inserted(scan, torso.organs, torso.spec.phase, rng)


def inserted(
    scan: KnownScan, organs: sitk.Image, phase: Phase | None, rng: np.random.Generator
) -> list[Lesion]:
    """Lesions of all types that a scan can hold, after it was disturbed a little."""
    known = disturbed(with_many_lesions(scan, organs, phase, rng), rng)
    if rng.random() < MAGNIFIED:
        known = magnified(known, float(rng.uniform(*MAGNIFICATION)))
    hu = sitk.GetArrayFromImage(known.ct.image).round().astype(np.int16)
    whole = Scan(hu, Geometry.of(known.ct.image))
    found = [Lesion(whole, region) for _, region in known.lesions]
    return [lesion for lesion in found if lesion.truth.voxels >= LEAST_VOXELS]


def magnified(known: Known, factor: float) -> Known:
    """The same scan and lesions, larger: patients have larger lesions than organs have room for."""
    image = sitk.Image(known.ct.image)
    image.SetSpacing((factor * np.array(image.GetSpacing())).tolist())
    geometry = Geometry.of(image)
    lesions = tuple((key, replace(region, geometry=geometry)) for key, region in known.lesions)
    return replace(known, ct=replace(known.ct, image=image), lesions=lesions)
