"""Scans full of lesions, tilted, scaled and made noisier a little, so that none is like another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.scene import Scene
from PASTAGenLib.transforms.patch_lesions import draw_lesion, scene_after
from PASTALib.catalog import Phase, catalog
from PASTALib.ct import CT
from PASTALib.geometry import Geometry
from PASTALib.region import Region
from PASTATrain.augment import another_size, perhaps_noisier
from PASTATrain.evaluation import KnownScan

OFTEN_MISSED = {"lung_tumor": 4, "bone_metastasis": 4, "kidney_stone": 2, "colorectal_cancer": 1}
"""So many more of these are inserted into a scan, beside one of each type."""
UNTOUCHED = 0.1
"""Share of scans without inserted lesions."""


@dataclass(frozen=True, eq=False)
class Known:
    """A scan of which it is known where the lesions are.

    Attributes:
        name: of the scan.
        ct: with its lesions.
        lesions: type and voxels of each.
    """

    name: str
    ct: CT
    lesions: tuple[tuple[str, Region], ...]


def with_many_lesions(
    scan: KnownScan, organs: sitk.Image, phase: Phase | None, rng: np.random.Generator
) -> Known:
    """A scan with lesions of all types that it can hold, or as it is."""
    geometry = Geometry.of(scan.ct.image)
    lesions = list(scan.regions(geometry))
    if rng.random() < UNTOUCHED:
        return Known(scan.name, scan.ct, tuple(lesions))
    scene = Scene.of(scan.ct.image, organs)
    wanted = [*catalog().lesion_types, *(k for k, n in OFTEN_MISSED.items() for _ in range(n))]
    for key in map(str, rng.permutation(wanted)):
        lesion = draw_lesion(scene, LesionMix(key), rng, phase)
        if lesion is None:
            continue
        scene = scene_after(scene, lesion)
        z, y, x = (part.start for part in lesion.where)
        region = Region.of(lesion.mask, geometry, (z, y, x))
        if region is not None:
            lesions.append((key, region))
    image = geometry.place(sitk.GetImageFromArray(scene.hu))
    ct = CT(image, scan.name, phase=scan.ct.phase, synthetic=True)
    return Known(scan.name, ct, tuple(lesions))


def disturbed(known: Known, rng: np.random.Generator) -> Known:
    """The same tilted by some degrees, scaled by some percent, and perhaps with more noise."""
    hu = perhaps_noisier(sitk.GetArrayFromImage(known.ct.image), rng)
    image = sitk.GetImageFromArray(hu)
    image.CopyInformation(known.ct.image)
    image.SetSpacing((another_size(rng) * image.GetSpacing()).tolist())
    tilt = Rotation.from_euler("xyz", rng.normal(0, 6, 3), degrees=True).as_matrix()
    image.SetDirection((tilt @ np.reshape(image.GetDirection(), (3, 3))).ravel().tolist())
    geometry = Geometry.of(image)
    moved = tuple((key, replace(region, geometry=geometry)) for key, region in known.lesions)
    return Known(known.name, replace(known.ct, image=image), moved)
