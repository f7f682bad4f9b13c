"""Candidates of a model in parts of a scan, of which it is known where the lesions are.

What a candidate looks like is taken from the whole scan.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import slices, start_of
from PASTAGenLib.scene import Scene
from PASTALib.closer.candidates import Candidate, candidates_in
from PASTALib.closer.sight import sight_of
from PASTALib.ct import CT
from PASTALib.geometry import Geometry, Index
from PASTALib.inference import segment
from PASTALib.model import Model
from PASTALib.region import Region, overlap
from PASTATrain.closer.blobs import overlooked
from PASTATrain.closer.samples import MARGIN_EDGE, Collected
from PASTATrain.evaluation import FOUND_DICE
from PASTATrain.scan_parts import Ground, draw_part, is_inside

MOST_BLOBS = 4
"""Of a part: they are many, and most are vessels."""


def candidates_of(ground: Ground, model: Model, rng: np.random.Generator) -> list[Collected]:
    """Candidates and some blobs in a part of a scan, each with what it is.

    What only touches a lesion is left out.

    Args:
        ground: the scan; its HU are as before afterwards.
        model: the first network, with a least confidence of 0 and without a closer look.
        rng: draws the part and its lesions.
    """
    part = draw_part(ground, model.info, rng)
    if part is None:
        return []
    where, start = slices(part.box), start_of(part.box)
    outlined, organs = _outlined(ground.name, part.scene, model, rng)
    whole = ground.scene.organs.copy()
    whole[where] = organs
    before = ground.scene.hu[where].copy()
    ground.scene.hu[where] = part.scene.hu
    rows = []
    for candidate in outlined:
        placed = _moved(candidate, start, ground.scene.geometry)
        truth = _what_it_is(placed, (*ground.lesions, *part.lesions))
        if truth is not None and is_inside(placed.region, part.box):
            sight = sight_of(placed, ground.scene.hu, whole, MARGIN_EDGE)
            rows.append(Collected(ground.name, placed, sight, truth))
    ground.scene.hu[where] = before
    return rows


def _outlined(
    name: str, part: Scene, model: Model, rng: np.random.Generator
) -> tuple[list[Candidate], NDArray[np.uint8]]:
    """Candidates and some blobs of a part, and the organs in it as the model sees them."""
    image = part.geometry.place(sitk.GetImageFromArray(part.hu))
    found = segment(CT(image, name, synthetic=True), model)
    organs, types, probability = (
        sitk.GetArrayFromImage(labels)
        for labels in (found.organs, found.lesions, found.probability)
    )
    outlined = list(candidates_in(types, probability, part.geometry, model.outlining.spacing_mm))
    blobs = list(overlooked(image, organs, types))
    some = rng.permutation(len(blobs))[:MOST_BLOBS]
    return [*outlined, *(blobs[number] for number in some)], organs


def _moved(candidate: Candidate, start: Index, scan: Geometry) -> Candidate:
    """A candidate of a part, in the scan in which the part starts at a voxel."""
    z, y, x = (a + b for a, b in zip(start, candidate.region.start, strict=True))
    return replace(candidate, region=Region(candidate.region.mask, (z, y, x), scan))


def _what_it_is(candidate: Candidate, lesions: tuple[tuple[str, Region], ...]) -> str | None:
    """The type of the lesion that a candidate finds, empty if it is none; None where it only
    touches one."""
    shared = [(overlap(region, candidate.region), key) for key, region in lesions]
    dice, key = max(shared, default=(0.0, ""))
    if 0 < dice < FOUND_DICE:
        return None
    return key if dice else ""
