"""Candidates of a model in scans of which it is known where the lesions are.

Lesions are inserted into the real scans of training and into torsos made by rule; each scan is
tilted, scaled and made noisier a little each time, so that the same vessels and bowel give other
candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from PASTAGenLib.lesion_mix import LesionMix
from PASTAGenLib.scene import Scene
from PASTAGenLib.transforms.patch_lesions import draw_lesion, scene_after
from PASTALib.catalog import PHASES, Phase, catalog
from PASTALib.closer.candidates import candidates_in
from PASTALib.closer.sight import sight_of
from PASTALib.ct import CT
from PASTALib.geometry import Geometry
from PASTALib.inference import segment
from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress
from PASTALib.region import Region, overlap
from PASTATrain.closer.blobs import overlooked
from PASTATrain.closer.samples import MARGIN_EDGE, Collected, save_collected
from PASTATrain.evaluation import FOUND_DICE, KnownScan, scans, torso_images
from PASTATrain.tuning import is_complete

OFTEN_MISSED = {"lung_tumor": 4, "bone_metastasis": 4, "kidney_stone": 2, "colorectal_cancer": 1}
"""So many more of these are inserted into a scan, beside one of each type."""
UNTOUCHED = 0.1
"""Share of scans without inserted lesions."""
TORSO_MM = 2.0


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


def collect(
    model: Model,
    data: Path,
    torsos: Sequence[int],
    rounds: int,
    out: Path,
    seed: int,
    progress: Progress,
    cancel: CancelToken | None = None,
) -> int:
    """Write the candidates of each scan and round that are not there yet; returns how many files.

    Args:
        model: the first network.
        data: folder of the public scans; what is missing in it is left out.
        torsos: seeds of torsos made by rule; one is drawn for every third scan.
        rounds: how often each real scan is used.
        out: folder that takes one file a scan and round.
        seed: of everything random.
        progress: told after each scan.
        cancel: checked before each scan.

    Raises:
        Cancelled: asked to stop.
    """
    first_look = replace(model, info=replace(model.info, least_confidence=0.0), closer=None)
    real = list(scans(data, [], "train"))
    organs = {scan.name: organs_of(scan, first_look) for scan in real}
    turn: list[KnownScan | None] = [*real, *[None] * (len(real) // 3)]
    total = rounds * len(turn)
    for number in range(total):
        rng = np.random.default_rng((seed, number))
        scan = turn[number % len(turn)]
        name = f"{number:04d}_{scan.name if scan else 'torso'}"
        if (out / f"{name}.npz").is_file():
            continue
        if cancel:
            cancel.check()
        if scan is None:
            torso = torso_images(int(rng.choice(torsos)), TORSO_MM)
            scan = KnownScan("torso", CT(torso.image, "torso", synthetic=True), torso.organs)
            known = with_many_lesions(scan, torso.organs, torso.spec.phase, rng)
        else:
            phase = next((p for p in PHASES if p == scan.ct.phase.value), None)
            known = with_many_lesions(scan, organs[scan.name], phase, rng)
        rows = list(candidates_of(disturbed(known, rng), first_look))
        save_collected(out / f"{name}.npz", rows)
        lesions = sum(bool(row.truth) for row in rows)
        progress(number / total, f"{name}: {lesions} of {len(rows)} candidates are lesions")
    return len(list(out.glob("*.npz")))


def organs_of(scan: KnownScan, model: Model) -> sitk.Image:
    """The organs of a scan, the model's own where they are not labeled."""
    return scan.organs if is_complete(scan.organs) else segment(scan.ct, model).organs


def with_many_lesions(
    scan: KnownScan, organs: sitk.Image, phase: Phase | None, rng: np.random.Generator
) -> Known:
    """A scan with lesions of all types that it can hold, or as it is."""
    geometry = Geometry.of(scan.ct.image)
    lesions = [
        (key, region)
        for key, mask in scan.lesions.items()
        if (region := Region.of(sitk.GetArrayViewFromImage(mask) > 0, geometry)) is not None
    ]
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
    hu = sitk.GetArrayFromImage(known.ct.image)
    if rng.random() < 0.4:
        hu = (hu + rng.normal(0, rng.uniform(3, 18), hu.shape)).round().astype(np.int16)
    image = sitk.GetImageFromArray(hu)
    image.CopyInformation(known.ct.image)
    scale = np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.03, 3))
    image.SetSpacing((scale * image.GetSpacing()).tolist())
    tilt = Rotation.from_euler("xyz", rng.normal(0, 6, 3), degrees=True).as_matrix()
    image.SetDirection((tilt @ np.reshape(image.GetDirection(), (3, 3))).ravel().tolist())
    geometry = Geometry.of(image)
    moved = tuple((key, replace(region, geometry=geometry)) for key, region in known.lesions)
    return Known(known.name, replace(known.ct, image=image), moved)


def candidates_of(known: Known, model: Model) -> Iterator[Collected]:
    """All candidates and blobs in a scan, each with what it is; what only touches a lesion is left
    out."""
    found = segment(known.ct, model)
    organs, lesions, probability = (
        sitk.GetArrayViewFromImage(image)
        for image in (found.organs, found.lesions, found.probability)
    )
    geometry = Geometry.of(known.ct.image)
    hu = sitk.GetArrayViewFromImage(known.ct.image)
    for candidate in (
        *candidates_in(lesions, probability, geometry, model.info.spacing_mm),
        *overlooked(known.ct.image, organs, lesions),
    ):
        shared = [(overlap(region, candidate.region), key) for key, region in known.lesions]
        dice, key = max(shared, default=(0.0, ""))
        if 0 < dice < FOUND_DICE:
            continue
        sight = sight_of(candidate, hu, organs, MARGIN_EDGE)
        yield Collected(known.name, candidate, sight, key if dice else "")
