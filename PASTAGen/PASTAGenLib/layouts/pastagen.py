"""The layout of PASTA-Gen-30K: ``Organ/Type/index`` with img, label, total and type.json.

Images are cubes of 280 voxels of 1 mm with LPS axes. ``label`` is 1 in the organ and 2 in the
lesion, ``total`` holds TotalSegmentator v1 numbers, ``type.json`` the report: for each organ
number the shape, nothing, the attributes, and centers and semi-axes in voxels in the order z, y,
x. Two published samples were measured to find this out; their attribute names are kept, and
PASTA's five attributes with its own strings are added to them. Where an organ has several lesions,
shape and attributes are those of the first, and a fifth item has the attributes of each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib.truth import Truth
from PASTALib import __version__
from PASTALib.catalog import catalog
from PASTALib.files import folder_written_atomically, write_text
from PASTALib.geometry import LPS_AXES, Geometry, as_vector
from PASTALib.straighten import AIR_HU
from PASTALib.synthetic import SYNTHETIC
from PASTALib.writing import write_image, write_labels

if TYPE_CHECKING:
    from PASTAGenLib.production.produced import ProducedCase, Record

EDGE = 280
FILES = {"img": "img.nii.gz", "label": "label.nii.gz", "total": "total.nii.gz"}
REPORT = "type.json"
ORGAN, LESION = 1, 2
ROOM = 20
"""Voxels between a lesion and the faces of the cube, where the scan allows."""
FOLDERS = {"gallbladder": "Gall"}
"""Published folder names of organs that are not simply the organ's."""
KINDS = {"stone": "Stone", "cyst": "Cyst", "metastasis": "Metastasis"}
"""Folder of a type by the end of its key; all others are ``Tumor``."""

# Strings of the published samples, and of the sister project's wider template.
SHAPES = {
    "Round-like": "round-like,",
    "Irregular": "irregular,",
    "Wall thickening": "irregular wall thickening,",
    "Punctate, nodular": "punctate / nodular,",
}
DENSITIES = {
    "Hypodense": "low density lesion,",
    "Isodense": "isodense lesion,",
    "Hyperdense": "high density lesion,",
}
KEYS = {
    "Shape": "shape",
    "Density": "density",
    "Heterogeneity": "heterogeneity",
    "Surface": "surface",
    "Invasion": "invasion",
}
"""PASTA's five attributes and their catalogue keys."""


def folder_of(kind: str) -> str:
    """Folder of a lesion type, such as ``Gall/Stone``."""
    organ = catalog().lesion_types[kind].organ
    name = next((name for end, name in KINDS.items() if kind.endswith(end)), "Tumor")
    return f"{FOLDERS.get(organ, organ.capitalize())}/{name}"


def total_table() -> NDArray[np.uint8]:
    """Look-up table of 256 entries: catalogue label to TotalSegmentator v1 number, 0 if none.

    A structure that v1 splits further (ribs, heart, hips) gets the first of its numbers, and a
    lung that is not split into lobes that of its first lobe.
    """
    known, table = catalog(), np.zeros(256, np.uint8)
    for structure in known.structures.values():
        parts = [s for s in known.structures.values() if s.parent == structure.key]
        numbers = structure.totalsegmentator_v1 or tuple(
            number for part in parts for number in part.totalsegmentator_v1
        )
        table[structure.label] = numbers[0] if numbers else 0
    return table


def organ_table(kinds: Collection[str]) -> NDArray[np.uint8]:
    """Look-up table of 256 entries: `ORGAN` for the catalogue labels of lesion types' organs."""
    table = np.zeros(256, np.uint8)
    for kind in kinds:
        table[list(catalog().organ_labels(catalog().lesion_types[kind].organ))] = ORGAN
    return table


@dataclass(frozen=True)
class PastaGenLayout:
    """Cubes of `EDGE` mm around the lesion."""

    def write(self, case: ProducedCase, out: Path) -> list[Path]:
        """Write the folder of a case; it appears with all files or not at all."""
        folder = out / folder_of(case.type) / str(case.plan.number)
        if folder.exists():  # of a run that was killed before the case was recorded
            shutil.rmtree(folder)
        cube = cube_around(case.lesions)
        masks = [inside(lesion.lesion_mask, cube) for lesion in case.cases]
        organs = on_cube(case.organs, cube)
        label = organ_table([case.type])[organs]
        for mask in masks:
            label[mask] = LESION
        image = sitk.Resample(
            case.ct, cube.size, sitk.Transform(), sitk.sitkLinear, cube.origin, cube.spacing,
            cube.direction, AIR_HU, sitk.sitkInt16,
        )  # fmt: skip
        truths = [lesion.truth for lesion in case.cases]
        phase = case.source.phase
        with folder_written_atomically(folder) as temporary:
            write_image(image, temporary / FILES["img"], description=case.mark)
            for key, array in (("label", label), ("total", total_table()[organs])):
                placed = cube.place(sitk.GetImageFromArray(array))
                write_labels(placed, temporary / FILES[key], description=case.mark)
            report = report_of(truths, masks, organs, enhanced=phase != "non_contrast")
            write_text(temporary / REPORT, json.dumps(report))
        return [folder / name for name in (*FILES.values(), REPORT)]

    def finish(self, records: Collection[Record], out: Path) -> None:
        """There is no index; the folders say it all."""


def cube_around(lesions: sitk.Image) -> Geometry:
    """The cube: in the middle of the scan, moved as little as the lesion needs to be inside.

    Args:
        lesions: nonzero in lesions; on the grid of the scan.
    """
    scan = Geometry.of(lesions)
    middle = scan.corners().mean(axis=0)
    voxels = np.argwhere(sitk.GetArrayViewFromImage(lesions) > 0)
    points = scan.points_of_zyx(voxels)
    low, high = points.min(axis=0), points.max(axis=0)
    half = EDGE / 2 - ROOM
    nearest = np.clip(middle, high - half, np.maximum(low + half, high - half))
    center = np.where(high - low > 2 * half, (low + high) / 2, nearest)
    origin = np.round(center - (EDGE - 1) / 2)
    return Geometry((EDGE,) * 3, (1.0, 1.0, 1.0), as_vector(origin), LPS_AXES)


def on_cube(labels: sitk.Image, cube: Geometry) -> NDArray[np.uint8]:
    """Labels at the voxels of the cube, by nearest neighbor, ``[z, y, x]``."""
    moved = sitk.Resample(
        labels, cube.size, sitk.Transform(), sitk.sitkNearestNeighbor, cube.origin, cube.spacing,
        cube.direction, 0, sitk.sitkUInt8,
    )  # fmt: skip
    return sitk.GetArrayFromImage(moved)


def inside(mask: sitk.Image, cube: Geometry) -> NDArray[np.bool_]:
    """A lesion at the voxels of the cube: where it fills at least half of the neighborhood."""
    share = cube.sample(sitk.Cast(mask > 0, sitk.sitkFloat32), 0.0)
    found = sitk.GetArrayViewFromImage(share) >= 0.5
    # A lesion of a few coarse voxels can vanish between finer ones.
    return found if found.any() else on_cube(mask, cube) > 0


def report_of(
    truths: Collection[Truth],
    masks: Collection[NDArray[np.bool_]],
    organs: NDArray[np.uint8],
    *,
    enhanced: bool,
) -> dict[str, Any]:
    """The content of ``type.json``.

    Args:
        truths: facts of the lesions.
        masks: their voxels in the cube.
        organs: catalogue labels of the cube.
        enhanced: whether the scan has contrast.
    """
    entries: dict[str, Any] = {}
    for truth, mask in zip(truths, masks, strict=True):
        places = np.argwhere(mask)
        held = np.bincount(total_table()[organs[mask]], minlength=2)
        held[0] = 0
        key = str(int(held.argmax()) or int(total_table()[catalog().label(truth.structure)]))
        center = [int(n) for n in np.rint(places.mean(axis=0))]
        semi_axes = [max(1, int(n)) for n in np.rint((np.ptp(places, axis=0) + 1) / 2)]
        attributes = _attributes(truth, key, semi_axes, enhanced)
        entry = entries.setdefault(key, [attributes["shape"], "", attributes, [[], []], []])
        centers, sizes = entry[3]
        centers.append(center)
        sizes.append(semi_axes)
        entry[4].append(attributes)
    return {key: entry if len(entry[4]) > 1 else entry[:4] for key, entry in entries.items()}


def _attributes(truth: Truth, key: str, semi_axes: list[int], enhanced: bool) -> dict[str, str]:
    found = truth.attributes
    near = "no close" if found["invasion"].startswith("No") else "close"
    return {
        "enhancement status": "enhanced CT," if enhanced else "non-contrast CT,",
        "lesion location": key,
        "shape": SHAPES[found["shape"]],
        "size": f"[[{' '.join(map(str, semi_axes))}]] pixel,",
        "density": DENSITIES[found["density"]],
        "density variations": f"{found['heterogeneity'].lower()},",
        "CT value": f"Mean density of the lesion region is approximately {truth.mean_hu:.0f} HU,",
        "surface characteristics": f"{found['surface'].lower()},",
        "relationship with adjacent organs": f"{near} relationship with surrounding organs,",
        "specific features": "".join(f"{feature}," for feature in truth.features),
        **{name: found[attribute] for name, attribute in KEYS.items()},
        "origin": f"{SYNTHETIC}: {truth.type} inserted by PASTAGen {__version__}",
    }
