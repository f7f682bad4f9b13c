"""An organ segmentation of the user's own: read, translated to catalogue labels, fitted to the CT.

Which label table a file uses is told by the user, by the segment names inside a Slicer
segmentation, or guessed from the organs' densities, sizes and sides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.checks import NotCTError
from PASTALib.errors import PastaError
from PASTALib.label_guess import guess_table
from PASTALib.reading import IMAGE_SUFFIXES, case_name, read_image, stem
from PASTALib.straighten import affine_of

LEAST_SHARE_INSIDE = 0.3
"""Share of the labeled voxels that must lie in the CT; less is a segmentation of another scan."""
SAME_PLACE_MM = 0.1


@dataclass(frozen=True)
class OrganMap:
    """An organ map in the geometry of the CT.

    Attributes:
        labels: uint8 catalogue labels.
        notes: which label table was used and why, and what was left out; one sentence each.
    """

    labels: sitk.Image
    notes: tuple[str, ...]


def read_organs(path: Path, ct: sitk.Image, table: str | None = None) -> OrganMap:
    """Read an organ segmentation for a CT.

    Args:
        path: label map (NIfTI, NRRD, MHA, MHD) or single-layer Slicer segmentation.
        ct: the CT whose geometry the result has.
        table: ``pasta``, ``totalsegmentator_v1``, ``totalsegmentator_v2``, ``amos``, or path of a
            JSON file that maps label numbers to catalogue keys (``{"5": "liver"}``); found out if
            not given.

    Raises:
        PastaError: it cannot be read, lies elsewhere, or its label table cannot be told.
    """
    try:
        image, _ = read_image(path)
    except NotCTError as error:
        raise PastaError(
            f"'{path}' is no 3D label map with one label per voxel; export the organs as one "
            "label map."
        ) from error
    values = sitk.GetArrayViewFromImage(image)
    if values.min() < 0 or values.max() > 65535 or not np.array_equal(values, np.rint(values)):
        raise PastaError(f"'{path}' holds other values than labels; give a label map.")
    image = _in_geometry(sitk.Cast(image, sitk.sitkUInt16), ct, path)
    numbers = sitk.GetArrayViewFromImage(image)
    mapping, reason = _mapping(path, image, ct, table)
    present = [int(n) for n in np.unique(numbers) if n != 0]
    known = [n for n in present if n in mapping]
    if not known:
        raise PastaError(
            f"No label of '{path}' is in the label table ({reason}); name the right table with "
            "--organ-table."
        )
    lookup = np.zeros(max(present) + 1, np.uint8)
    for number in known:
        lookup[number] = mapping[number]
    labels = sitk.GetImageFromArray(lookup[numbers])
    labels.CopyInformation(ct)
    notes = [f"Organs from {path.name}; label table: {reason}."]
    if len(known) < len(present):
        notes.append(f"{len(present) - len(known)} labels of it are not in the catalogue.")
    return OrganMap(labels, tuple(notes))


def organs_for(case_path: Path, name: str, given: Path) -> Path:
    """The organ file of a case: `given` itself, or the file in the folder `given` named like it.

    Raises:
        PastaError: the folder holds no such file.
    """
    if not given.is_dir():
        return given
    wanted = {name, stem(case_path), case_name(case_path)}
    for candidate in sorted(given.iterdir()):
        own = stem(candidate).removesuffix(".seg")
        if candidate.name.lower().endswith(IMAGE_SUFFIXES) and own in wanted:
            return candidate
    raise PastaError(
        f"'{given}' holds no organ segmentation named '{name}' (with {', '.join(IMAGE_SUFFIXES)}); "
        "name the files like the cases."
    )


def _in_geometry(image: sitk.Image, ct: sitk.Image, path: Path) -> sitk.Image:
    """Labels in the geometry of the CT, by nearest neighbor where it differs."""
    if image.GetSize() == ct.GetSize():
        last = np.array([*(np.array(ct.GetSize()) - 1), 1.0])
        first = np.array([0.0, 0.0, 0.0, 1.0])
        gap = affine_of(image) - affine_of(ct)
        if max(np.linalg.norm(gap @ last), np.linalg.norm(gap @ first)) < SAME_PLACE_MM:
            image.CopyInformation(ct)
            return image
    before = np.count_nonzero(sitk.GetArrayViewFromImage(image)) * np.prod(image.GetSpacing())
    if before == 0:
        raise PastaError(f"'{path}' holds no labels; give the organ segmentation of this CT.")
    fitted = sitk.Resample(image, ct, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    after = np.count_nonzero(sitk.GetArrayViewFromImage(fitted)) * np.prod(ct.GetSpacing())
    if after < LEAST_SHARE_INSIDE * before:
        raise PastaError(
            f"Only {after / before:.0%} of the organs in '{path}' lie inside the CT; give the "
            "segmentation of this CT, in its coordinates."
        )
    return fitted


def _mapping(
    path: Path, image: sitk.Image, ct: sitk.Image, table: str | None
) -> tuple[dict[int, int], str]:
    """Map from label numbers to catalogue labels, and where it is from."""
    if table is not None and table.lower().endswith(".json"):
        return _table_from_json(Path(table)), f"the file {Path(table).name}"
    if table is not None:
        return catalog().label_table(table), f"{table}, given by the user"
    named = _table_from_segments(image)
    if named:
        return named, "names of its segments"
    return guess_table(image, ct, f"'{path}'")


def _table_from_json(path: Path) -> dict[int, int]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PastaError(f"The label table '{path}' cannot be read as JSON ({error}).") from error
    mapping: dict[int, int] = {}
    for number, name in data.items() if isinstance(data, dict) else ():
        if isinstance(name, int):  # {"liver": 5}
            number, name = name, number  # noqa: PLW2901
        try:
            label = _label_of_name(str(name))
            if label is not None:
                mapping[int(number)] = label
        except ValueError as error:
            raise PastaError(
                f"The label table '{path}' has the label '{number}', which is no number; write "
                'it as {"5": "liver"}.'
            ) from error
    if not mapping:
        raise PastaError(
            f"The label table '{path}' names no organ of the catalogue; write it as "
            '{"5": "liver"}.'
        )
    return mapping


def _label_of_name(name: str) -> int | None:
    """Catalogue label of a key, an English name, or a TotalSegmentator name."""
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    for structure in catalog().structures.values():
        if plain in (structure.key, structure.name.lower().replace(" ", "_")):
            return structure.label
    return _other_names().get(plain)


def _other_names() -> dict[str, int]:
    """Names in TotalSegmentator's tables that differ from the catalogue's keys."""
    label = catalog().label
    names = {
        "colon": label("colorectum"),
        "rectum": label("colorectum"),
        "vertebrae_s1": label("sacrum"),
        "hip_left": label("hip_bone"),
        "hip_right": label("hip_bone"),
        "portal_vein_and_splenic_vein": label("portal_vein"),
        "kidney_cyst_left": label("kidney_left"),
        "kidney_cyst_right": label("kidney_right"),
        "bladder": label("urinary_bladder"),
        "autochthon_left": label("back_muscle"),
        "autochthon_right": label("back_muscle"),
    }
    for key, structure in catalog().structures.items():
        if key.startswith("vertebra_"):
            names[key.lower().replace("vertebra_", "vertebrae_")] = structure.label
            names[key.lower()] = structure.label
    for side in ("left", "right"):
        names |= {f"rib_{side}_{n}": label("ribs") for n in range(1, 13)}
        for bone in ("femur", "humerus", "scapula", "clavicula"):
            names[f"{bone}_{side}"] = label("limb_bones")
    return names


def _table_from_segments(image: sitk.Image) -> dict[int, int]:
    """Label table in the header of a Slicer segmentation, empty for other files."""
    mapping = {}
    for key in image.GetMetaDataKeys():
        if not (key.startswith("Segment") and key.endswith("_LabelValue")):
            continue
        segment = key[: -len("_LabelValue")]
        name_key = f"{segment}_Name"
        label = _label_of_name(image.GetMetaData(name_key)) if image.HasMetaDataKey(name_key) else 0
        if label:
            mapping[int(image.GetMetaData(key))] = label
    return mapping
