"""Parts of scans with inserted lesions, of which it is known where the lesions are.

A part is as large as what the first network sees at once, so one tile shows several lesions; a
whole scan would be twenty to sixty tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.boxes import Box, box_around, slices, start_of
from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.scene import Scene
from PASTAGenLib.transforms.patch_lesions import LEAST_VOXELS, draw_lesion, scene_after
from PASTALib.catalog import PHASES, Phase, catalog
from PASTALib.ct import CT, Estimate
from PASTALib.geometry import Geometry, as_vector
from PASTALib.inference import segment
from PASTALib.model import Model, ModelInfo
from PASTALib.region import Region
from PASTATrain.augment import another_size, perhaps_noisier
from PASTATrain.evaluation import KnownScan
from PASTATrain.sources import torso_images
from PASTATrain.tuning import is_complete

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
TORSO_MM = 2.0


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


def torso_scan(seed: int) -> KnownScan:
    """A torso made by rule as a scan, everything drawn from the seed."""
    torso = torso_images(seed, TORSO_MM)
    phase = Estimate(torso.spec.phase, 1.0, "made so")
    ct = CT(torso.image, f"torso_{seed}", phase=phase, synthetic=True)
    return KnownScan("torso", ct, torso.organs)


def organs_of(scan: KnownScan, model: Model) -> sitk.Image:
    """The organs of a scan, the model's own where they are not labeled."""
    return scan.organs if is_complete(scan.organs) else segment(scan.ct, model).organs


def types_in(organs: NDArray[np.uint8]) -> list[str]:
    """Lesion types whose organ is seen in an organ map."""
    counts = np.bincount(organs.ravel(), minlength=256)
    return [
        key
        for key, kind in catalog().lesion_types.items()
        if counts[list(catalog().organ_labels(kind.organ))].sum() >= LEAST_VOXELS
    ]


@dataclass(frozen=True, eq=False)
class ScanPart:
    """A box of a scan, perhaps with inserted lesions.

    Attributes:
        box: its voxels in the scan.
        scene: HU and organs in it, lesions included.
        lesions: type and voxels of each inserted lesion, as regions of the scan.
    """

    box: Box
    scene: Scene
    lesions: tuple[tuple[str, Region], ...]


def draw_part(ground: Ground, info: ModelInfo, rng: np.random.Generator) -> ScanPart | None:
    """A part of a scan, one tile of a model large; None where the scan holds no organ.

    Args:
        ground: the scan; it is left as it is.
        info: of the model.
        rng: draws the part and its lesions.
    """
    kinds = types_in(ground.scene.organs)
    if not kinds:
        return None
    weights = np.array([OFTEN_MISSED.get(key, 1.0) for key in kinds])
    first = str(rng.choice(kinds, p=weights / weights.sum()))
    return _with_lesions(ground, _box_for(first, ground.scene, info, rng), first, rng)


def _box_for(kind: str, scene: Scene, info: ModelInfo, rng: np.random.Generator) -> Box:
    """A part that holds some voxel of an organ of a lesion type, and is one tile of the model."""
    organ = catalog().lesion_types[kind].organ
    voxels = scene.voxels(catalog().organ_labels(organ))
    point = np.unravel_index(voxels[rng.integers(len(voxels))], scene.organs.shape)
    half = info.spacing_mm * (np.array(info.patch) / 2 - 1)
    shift = rng.uniform(-0.5, 0.5, 3) * (half - RIM_MM)
    middle = scene.geometry.points_of_zyx(point) + shift
    return box_around(scene.geometry, np.stack([middle - half, middle + half]), 0.0)


def _with_lesions(ground: Ground, box: Box, first: str, rng: np.random.Generator) -> ScanPart:
    """The part with lesions, the first of a given type."""
    where, (z, y, x) = slices(box), start_of(box)
    z_end, y_end, x_end = (high for _, high in box)
    geometry = ground.scene.geometry
    part = geometry.cropped(((x, y, z), (x_end, y_end, z_end)))
    scene = Scene(ground.scene.hu[where].copy(), ground.scene.organs[where].copy(), part)
    lesions: list[tuple[str, Region]] = []
    if rng.random() < UNTOUCHED:
        return ScanPart(box, scene, ())
    able = types_in(scene.organs)
    more = rng.choice(able, rng.integers(0, MOST_LESIONS)).tolist() if able else []
    for key in (first, *more):
        drawn = (draw_lesion(scene, LesionMix(key), rng, ground.phase) for _ in range(ATTEMPTS))
        for lesion in filter(None, drawn):
            from_part = [side.start for side in lesion.where]
            in_scan = (z + from_part[0], y + from_part[1], x + from_part[2])
            region = Region.of(lesion.mask, geometry, in_scan)
            if region is not None and is_inside(region, box):
                scene = scene_after(scene, lesion)
                lesions.append((key, region))
                break
    return ScanPart(box, scene, tuple(lesions))


def is_inside(region: Region, box: Box) -> bool:
    """Whether the middle of a region is far enough from where a part was cut off the scan."""
    middle = np.add(region.start, np.divide(region.mask.shape, 2))
    rim = RIM_MM / region.geometry.spacing_zyx
    for axis, (low, high) in enumerate(box):
        if low > 0 and middle[axis] < low + rim[axis]:
            return False
        if high < region.geometry.shape_zyx[axis] and middle[axis] > high - rim[axis]:
            return False
    return True
