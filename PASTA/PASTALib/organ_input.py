"""An organ segmentation of the user's own: read, translated to catalogue labels, fitted to the CT.

Which label table a file uses is told by the user, by the segment names inside a Slicer
segmentation, or guessed from the organs' densities, sizes and sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.checks import NotCTError
from PASTALib.errors import PastaError
from PASTALib.label_guess import guess_table
from PASTALib.label_tables import labels_of_segments, table_from_json
from PASTALib.naming import IMAGE_SUFFIXES, case_name, stem
from PASTALib.reading import read_image
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
        path: label map (NIfTI, NRRD, MHA, MHD) or Slicer segmentation (``.seg.nrrd``).
        ct: the CT whose geometry the result has.
        table: ``pasta``, ``totalsegmentator_v1``, ``totalsegmentator_v2``, ``amos``, or path of a
            JSON file that maps label numbers to catalogue keys (``{"5": "liver"}``); found out if
            not given.

    Raises:
        PastaError: it cannot be read, lies elsewhere, or its label table cannot be told.
    """
    named = _named_segments(path) if table is None else None
    image = _in_geometry(named if named is not None else _label_map(path), ct, path)
    numbers = sitk.GetArrayViewFromImage(image)
    if named is not None:
        mapping, reason = catalog().label_table("pasta"), "names of its segments"
    else:
        mapping, reason = _mapping(path, image, ct, table)
    present = [int(n) for n in np.unique(numbers) if n != 0]
    known = [n for n in present if n in mapping]
    if not known:
        raise PastaError(
            f"No label of '{path}' is in the label table ({reason}); name the right table with "
            "--organ-table, or by table in a recipe."
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


def _named_segments(path: Path) -> sitk.Image | None:
    """Catalogue labels of a Slicer segmentation with segment names that are known."""
    if not path.name.lower().endswith(".seg.nrrd"):
        return None
    try:
        return labels_of_segments(sitk.ReadImage(str(path)))
    except RuntimeError as error:
        raise PastaError(f"'{path}' is missing or damaged; export it again.") from error


def _label_map(path: Path) -> sitk.Image:
    """A uint16 label map of unknown numbering."""
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
    return sitk.Cast(image, sitk.sitkUInt16)


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
        return table_from_json(Path(table)), f"the file {Path(table).name}"
    if table is not None:
        return catalog().label_table(table), f"{table}, given by the user"
    return guess_table(image, ct, f"'{path}'")
