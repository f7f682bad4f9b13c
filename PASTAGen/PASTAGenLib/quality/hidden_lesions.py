"""Lesions that should not be seen: homogeneous, with the HU of the tissue that they replace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.apply import apply_in
from PASTAGenLib.boxes import slices
from PASTAGenLib.plan import plan_in
from PASTAGenLib.quality.scans import Scan
from PASTAGenLib.scene import Scene
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.warp import MassEffect
from PASTALib.attributes import core_of
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.progress import Progress

HOSTS = {"liver": "liver_tumor", "kidney": "kidney_tumor"}
"""Even tissues; in lung, bone and bowel nothing homogeneous can be hidden."""
SIZE_MM, SIZE_VOXELS = (11.0, 20.0), (7.0, 10.0)
"""Long axes; the larger of the two ranges in the scan's own voxels counts."""
CROP = (12, 26, 26)
"""Voxels z, y, x of a crop, at the scan's own spacing."""
TRIES = 3
NO_PUSH = MassEffect(0.0, 1.0)


@dataclass(frozen=True, eq=False)
class HiddenLesion:
    """One place before and after a lesion without contrast was put there.

    Attributes:
        scan: name of the scan.
        real: whether that is of a patient.
        center: LPS mm.
        before, after: int16 HU of the crop around it.
        pushed: the same as `after`, with the mass effect that was planned.
        mask: voxels of the crop that are lesion.
        organ: voxels of the crop that are the organ, lesion included.
        spacing_zyx: mm.
    """

    scan: str
    real: bool
    center: tuple[float, float, float]
    before: NDArray[np.int16]
    after: NDArray[np.int16]
    pushed: NDArray[np.int16]
    mask: NDArray[np.bool_]
    organ: NDArray[np.bool_]
    spacing_zyx: tuple[float, float, float]


def hidden_lesions(
    scans: Sequence[Scan], per_organ: int, seed: int, progress: Progress
) -> list[HiddenLesion]:
    """Lesions without contrast in every scan that holds an even tissue."""
    found: list[HiddenLesion] = []
    for number, scan in enumerate(scans):
        progress(number / len(scans), f"Lesions without contrast: {scan.name}")
        for organ, type_ in HOSTS.items():
            if scan.holds(organ):
                near = scan.around(organ)
                scene = Scene.of(near.image, near.organs)
                rng = np.random.default_rng([seed, number, catalog().label(type_)])
                found.extend(_in_organ(near, scene, organ, per_organ, rng))
    return found


def _in_organ(
    scan: Scan, scene: Scene, organ: str, count: int, rng: np.random.Generator
) -> Iterator[HiddenLesion]:
    made = 0
    for _ in range(TRIES * count):
        if made == count:
            return
        try:
            lesion = _hidden(scan, scene, organ, rng)
        except PastaError:
            continue  # no room for this size; another is drawn
        if lesion is not None:
            made += 1
            yield lesion


def _hidden(scan: Scan, scene: Scene, organ: str, rng: np.random.Generator) -> HiddenLesion | None:
    """One lesion without contrast; None if it is too near to the edge of the scan."""
    geometry, spacing = scene.geometry, scene.geometry.spacing_zyx
    voxel = max(geometry.spacing[:2])
    low, high = (max(mm, n * voxel) for mm, n in zip(SIZE_MM, SIZE_VOXELS, strict=True))
    spec = LesionSpec(
        HOSTS[organ],
        long_axis_mm=float(rng.uniform(low, high)),
        shape="Round-like",
        heterogeneity="Homogeneous",
        surface="Well-defined margin",
        hu=scan.median_hu(organ),
        protrudes=False,
        phase=scan.phase,
    )
    plan = plan_in(scene, spec, rng)
    box = slices(plan.box)
    # Of the organ only: what a lesion at its border pushes outward lies where fat was.
    own = np.isin(scene.organs[box], scan.labels(organ))
    replaced = core_of(apply_in(scene, replace(plan, mass_effect=NO_PUSH)).mask & own, spacing)
    if replaced is None:
        return None
    density = replace(plan.density, mean_hu=float(scene.hu[box][replaced].mean()), texture_sd=0.0)
    plan = replace(plan, density=density, features=())
    pushing = apply_in(scene, plan)
    inserted = apply_in(scene, replace(plan, mass_effect=NO_PUSH))
    middle = np.argwhere(inserted.mask).mean(axis=0) + [part.start for part in box]
    start = np.rint(middle).astype(int) - np.array(CROP) // 2
    if np.any(start < 0) or np.any(start + CROP > geometry.shape_zyx):
        return None
    crop = tuple(slice(int(s), int(s) + n) for s, n in zip(start, CROP, strict=True))
    x, y, z = geometry.points_of_zyx(middle).tolist()
    return HiddenLesion(
        scan=scan.name,
        real=scan.real,
        center=(x, y, z),
        before=scene.hu[crop].copy(),
        after=_pasted(scene.hu, box, inserted.hu, crop),
        pushed=_pasted(scene.hu, box, pushing.hu, crop),
        mask=_pasted(np.zeros(geometry.shape_zyx, bool), box, inserted.mask, crop),
        organ=np.isin(scene.organs[crop], scan.labels(organ)),
        spacing_zyx=(*geometry.spacing_zyx.tolist(),),
    )


def _pasted(
    whole: NDArray[Any], box: tuple[slice, ...], part: NDArray[Any], crop: tuple[slice, ...]
) -> NDArray[Any]:
    """A crop of `whole` in which `part` stands where `box` says."""
    result = whole[crop].copy()
    there, here = [], []
    for own, cut in zip(box, crop, strict=True):
        low, high = max(own.start, cut.start), min(own.stop, cut.stop)
        there.append(slice(low - cut.start, max(low, high) - cut.start))
        here.append(slice(low - own.start, max(low, high) - own.start))
    result[tuple(there)] = part[tuple(here)]
    return result
