"""Label tables that users bring: JSON files, and the segment names in Slicer segmentations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError


def table_from_json(path: Path) -> dict[int, int]:
    """Map from label numbers to catalogue labels, from ``{"5": "liver"}`` or ``{"liver": 5}``.

    Names that are not in the catalogue are left out.

    Raises:
        PastaError: the file cannot be read, or names nothing that is known.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PastaError(
            f"The label table '{path}' cannot be read as JSON ({error}); check the path, and write "
            'it as {"5": "liver"}.'
        ) from error
    mapping: dict[int, int] = {}
    for number, name in data.items() if isinstance(data, dict) else ():
        if isinstance(name, int):  # {"liver": 5}
            number, name = name, number  # noqa: PLW2901
        try:
            label = label_of_name(str(name))
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


def label_of_name(name: str) -> int | None:
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
        "oesophagus": label("esophagus"),
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


def labels_of_segments(image: sitk.Image) -> sitk.Image | None:
    """Catalogue labels of a Slicer segmentation, by the names of its segments.

    Segments whose names are no structures (such as lesions) are left out; where segments of
    different layers overlap, the first layer counts.

    Args:
        image: as read from a ``.seg.nrrd``; layers are the components of a vector image.

    Returns:
        A uint8 image, or None if no segment has a known name.
    """
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    found: dict[tuple[int, int], int] = {}
    for key, value in header.items():
        segment = key.removesuffix("_LabelValue")
        label = label_of_name(header.get(f"{segment}_Name", "")) if segment != key else None
        if label is not None:
            found[int(header.get(f"{segment}_Layer", "0")), int(value)] = label
    if not found:
        return None
    voxels = sitk.GetArrayViewFromImage(image)
    layers = voxels[..., None] if voxels.ndim == 3 else voxels
    labels = np.zeros(layers.shape[:3], np.uint8)
    for (layer, number), label in sorted(found.items(), reverse=True):
        labels[layers[..., layer] == number] = label
    result = sitk.GetImageFromArray(labels)
    result.CopyInformation(image)
    return result
