"""Candidates of a model in parts of a scan, of which it is known where the lesions are.

A part is as large as what the network sees at once, so one tile gives the candidates of several
lesions; a whole scan would be twenty to sixty tiles. What a candidate looks like is then taken from
the whole scan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import Box, box_around, slices, start_of
from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.scene import Scene
from PASTAGenLib.transforms.patch_lesions import draw_lesion, scene_after, types_in
from PASTALib.catalog import PHASES, Phase, catalog
from PASTALib.closer.candidates import Candidate, candidates_in
from PASTALib.closer.sight import sight_of
from PASTALib.ct import CT
from PASTALib.geometry import Geometry, Index, as_vector
from PASTALib.inference import segment
from PASTALib.model import Model
from PASTALib.region import Region, overlap
from PASTATrain.augment import another_size, perhaps_noisier
from PASTATrain.closer.blobs import overlooked
from PASTATrain.closer.samples import MARGIN_EDGE, Collected
from PASTATrain.evaluation import FOUND_DICE, KnownScan

UNTOUCHED = 0.2
"""Share of parts without inserted lesions."""
MOST_LESIONS = 7
"""Inserted into a part."""
ATTEMPTS = 4
"""At each of them: one that lies too near to a side is drawn anew."""
OFTEN_MISSED = {"lung_tumor": 2.0, "bone_metastasis": 2.0, "colorectal_cancer": 1.5}
"""How many times as often as the others these are what a part is chosen for."""
RIM_MM = 21.0
"""Nothing nearer to a side of the part is used: a tile knows little of what is there."""
MOST_BLOBS = 4
"""Of a part: they are many, and most are vessels."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A scan into which lesions are put, and what is known of it.

    Attributes:
        name: of the scan.
        scene: its HU and organs.
        lesions: voxels of the lesions that the patient has, by type.
        phase: its contrast phase, where it is known.
    """

    name: str
    scene: Scene
    lesions: tuple[tuple[str, Region], ...]
    phase: Phase | None

    @classmethod
    def of(cls, scan: KnownScan, organs: sitk.Image, rng: np.random.Generator) -> Ground:
        """A scan, scaled by some percent and perhaps with more noise.

        Args:
            scan: the scan.
            organs: labels of all of its organs.
            rng: draws scale and noise.
        """
        hu = perhaps_noisier(sitk.GetArrayFromImage(scan.ct.image), rng)
        geometry = Geometry.of(scan.ct.image)
        spacing = as_vector(another_size(rng) * geometry.spacing)
        geometry = replace(geometry, spacing=spacing)
        return cls(
            scan.name,
            Scene(hu, sitk.GetArrayFromImage(organs), geometry),
            tuple(scan.regions(geometry)),
            next((phase for phase in PHASES if phase == scan.ct.phase.value), None),
        )


def candidates_of(ground: Ground, model: Model, rng: np.random.Generator) -> list[Collected]:
    """Candidates and some blobs in a part of a scan, each with what it is.

    What only touches a lesion is left out.

    Args:
        ground: the scan; its HU are as before afterwards.
        model: the first network, with a least confidence of 0 and without a closer look.
        rng: draws the part and its lesions.
    """
    kinds = types_in(ground.scene.organs)
    if not kinds:
        return []
    weights = np.array([OFTEN_MISSED.get(key, 1.0) for key in kinds])
    first = str(rng.choice(kinds, p=weights / weights.sum()))
    box = _part_for(first, ground.scene, model, rng)
    where, start = slices(box), start_of(box)
    part, lesions = _with_lesions(ground, box, first, rng)
    outlined, organs = _outlined(ground.name, part, model, rng)
    whole = ground.scene.organs.copy()
    whole[where] = organs
    before = ground.scene.hu[where].copy()
    ground.scene.hu[where] = part.hu
    rows = []
    for candidate in outlined:
        placed = _moved(candidate, start, ground.scene.geometry)
        truth = _what_it_is(placed, (*ground.lesions, *lesions))
        if truth is not None and _is_inside(placed.region, box):
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
    outlined = list(candidates_in(types, probability, part.geometry, model.info.spacing_mm))
    blobs = list(overlooked(image, organs, types))
    some = rng.permutation(len(blobs))[:MOST_BLOBS]
    return [*outlined, *(blobs[number] for number in some)], organs


def _moved(candidate: Candidate, start: Index, scan: Geometry) -> Candidate:
    """A candidate of a part, in the scan in which the part starts at a voxel."""
    z, y, x = (a + b for a, b in zip(start, candidate.region.start, strict=True))
    return replace(candidate, region=Region(candidate.region.mask, (z, y, x), scan))


def _part_for(kind: str, scene: Scene, model: Model, rng: np.random.Generator) -> Box:
    """A part that holds some voxel of an organ of a lesion type, and is one tile of the model."""
    organ = catalog().lesion_types[kind].organ
    voxels = scene.voxels(catalog().organ_labels(organ))
    point = np.unravel_index(voxels[rng.integers(len(voxels))], scene.organs.shape)
    half = model.info.spacing_mm * (np.array(model.info.patch) / 2 - 1)
    shift = rng.uniform(-0.5, 0.5, 3) * (half - RIM_MM)
    middle = scene.geometry.points_of_zyx(point) + shift
    return box_around(scene.geometry, np.stack([middle - half, middle + half]), 0.0)


def _with_lesions(
    ground: Ground, box: Box, first: str, rng: np.random.Generator
) -> tuple[Scene, list[tuple[str, Region]]]:
    """The part with lesions, the first of a given type, and their voxels in the scan."""
    where, (z, y, x) = slices(box), start_of(box)
    z_end, y_end, x_end = (high for _, high in box)
    geometry = ground.scene.geometry
    part = geometry.cropped(((x, y, z), (x_end, y_end, z_end)))
    scene = Scene(ground.scene.hu[where].copy(), ground.scene.organs[where].copy(), part)
    lesions: list[tuple[str, Region]] = []
    if rng.random() < UNTOUCHED:
        return scene, lesions
    able = types_in(scene.organs)
    more = rng.choice(able, rng.integers(0, MOST_LESIONS)).tolist() if able else []
    for key in (first, *more):
        drawn = (draw_lesion(scene, LesionMix(key), rng, ground.phase) for _ in range(ATTEMPTS))
        for lesion in filter(None, drawn):
            from_part = [side.start for side in lesion.where]
            in_scan = (z + from_part[0], y + from_part[1], x + from_part[2])
            region = Region.of(lesion.mask, geometry, in_scan)
            if region is not None and _is_inside(region, box):
                scene = scene_after(scene, lesion)
                lesions.append((key, region))
                break
    return scene, lesions


def _is_inside(region: Region, box: Box) -> bool:
    """Whether the middle of a region is far enough from where a part was cut off the scan."""
    middle = np.add(region.start, np.divide(region.mask.shape, 2))
    rim = RIM_MM / region.geometry.spacing_zyx
    for axis, (low, high) in enumerate(box):
        if low > 0 and middle[axis] < low + rim[axis]:
            return False
        if high < region.geometry.shape_zyx[axis] and middle[axis] > high - rim[axis]:
            return False
    return True


def _what_it_is(candidate: Candidate, lesions: tuple[tuple[str, Region], ...]) -> str | None:
    """The type of the lesion that a candidate finds, empty if it is none; None where it only
    touches one."""
    shared = [(overlap(region, candidate.region), key) for key, region in lesions]
    dice, key = max(shared, default=(0.0, ""))
    if 0 < dice < FOUND_DICE:
        return None
    return key if dice else ""
