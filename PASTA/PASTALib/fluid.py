"""Cyst or tumor of the liver and kidneys by attenuation, where that leaves no doubt.

Homogeneous content of -9 to 20 HU is simple fluid: in kidneys without contrast agent or with it
(Bosniak classification 2019, Silverman et al., Radiology 2019;292:475; ACR on incidental renal
masses, Herts et al., JACR 2018;15:264), in the liver up to 20 HU (ACR on incidental liver lesions,
Gore et al., JACR 2017;14:1429), here only after a contrast agent: before it metastases have 20 to
40 HU, and some less. What is clearly denser after a contrast agent is no simple cyst; up to 30 HU
it may be one (pseudo-enhancement). Before a contrast agent, density alone does not tell a tumor
from a cyst with protein or blood, and in a kidney not after it either, unless the content is
uneven. There is no word on these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.catalog import catalog
from PASTALib.ct import CT, Estimate, Segmentation
from PASTALib.hu_statistics import hu_statistics
from PASTALib.lesions import connected_parts
from PASTALib.phase import combined, estimate_phase
from PASTALib.region import Region
from PASTALib.surroundings import EROSION_MM, FEW_VOXELS, Surroundings, shrink

Content = Literal["fluid", "solid"]

RIVALS = {
    "liver": {"fluid": "liver_cyst", "solid": "liver_tumor"},
    "kidney": {"fluid": "kidney_cyst", "solid": "kidney_tumor"},
}
"""Lesion type by organ and content."""
FLUID_HU = (-9.0, 20.0)
DENSE_HU = 30.0
"""Three quarters of the content must be denser, so that a cyst outlined with tissue is no tumor."""
EVEN_HU = 5.0
"""Spread of the content itself in a simple cyst, SD: proteins, beam hardening, the scan's blur."""
EVEN_FACTOR = 1.3
"""How much the spread may exceed noise and `EVEN_HU` together: noise is known to about a fifth."""
SURE_PHASE = 0.6
"""Least confidence of a contrast phase that is relied upon."""


def is_enhanced(phase: Estimate) -> bool:
    """Whether a scan was surely made after a contrast agent was given."""
    return phase.value in ("arterial", "portal_venous") and phase.confidence >= SURE_PHASE


def content_of(
    region: Region, organ: str, around: Surroundings, *, enhanced: bool
) -> Content | None:
    """What a lesion holds, by its voxels 2 mm and more inside its outline.

    Args:
        region: the lesion.
        organ: ``liver`` or ``kidney``.
        around: the CT, its organs and lesions.
        enhanced: whether a contrast agent was given for sure.

    Returns:
        None where attenuation does not tell, or too few voxels are that deep.
    """
    spacing = around.geometry.spacing_zyx
    core = shrink(region.mask, spacing, EROSION_MM)
    if int(core.sum()) < FEW_VOXELS:
        return None
    hu = hu_statistics(around.hu[region.slices][core])
    even = hu.sd**2 <= EVEN_FACTOR**2 * (around.noise(region) ** 2 + EVEN_HU**2)
    low, high = FLUID_HU
    if even and low <= hu.mean <= high and (enhanced or organ == "kidney"):
        return "fluid"
    if enhanced and hu.p25 > DENSE_HU and (organ == "liver" or not even):
        return "solid"
    return None


def let_fluid_decide(ct: CT, segmentation: Segmentation) -> Segmentation:
    """Findings of the liver and kidneys with the type that their content proves.

    For what a model found; the type that a reader gives a finding is never looked at.

    Args:
        ct: the CT.
        segmentation: findings in their organs.

    Returns:
        The same, where there are no such findings; else with the contrast phase by the organs,
        which had to be known, and with lesions (and voxel-wise types) of the proven type.
    """
    lesions = sitk.GetArrayViewFromImage(segmentation.lesions)
    boxes = dict(enumerate(ndimage.find_objects(lesions), start=1))
    labels = {catalog().label(key): key for kinds in RIVALS.values() for key in kinds.values()}
    if not any(boxes.get(label) is not None for label in labels):
        return segmentation
    phase = estimate_phase(ct.image, segmentation.organs)
    enhanced = is_enhanced(combined(ct.phase, phase)[0])
    around = Surroundings(ct, segmentation.organs, segmentation.lesions)
    proven = lesions.copy()
    for label, key in labels.items():
        box = boxes.get(label)
        organ = catalog().lesion_types[key].organ
        for (z, y, x), mask in connected_parts(lesions, label, box) if box else ():
            region = Region(mask, (z.start, y.start, x.start), around.geometry)
            content = content_of(region, organ, around, enhanced=enhanced)
            if content is not None:
                proven[z, y, x][mask] = catalog().label(RIVALS[organ][content])
    changed = proven != lesions
    kept = (segmentation.lesions, segmentation.types or segmentation.lesions)
    new_lesions, types = (_with(image, proven, changed) for image in kept)
    return replace(segmentation, lesions=new_lesions, types=types, phase=phase)


def _with(image: sitk.Image, labels: np.ndarray, where: np.ndarray) -> sitk.Image:
    """The image with other labels at some voxels."""
    array = np.where(where, labels, sitk.GetArrayViewFromImage(image))
    new = sitk.GetImageFromArray(array)
    new.CopyInformation(image)
    return new
