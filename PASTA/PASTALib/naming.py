"""What files are called: image suffixes, and the short name of a case made from its path."""

from __future__ import annotations

from pathlib import Path

from PASTALib.dicom_header import safe_name

IMAGE_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
_VAGUE_NAMES = {"ct", "image", "volume", "img", "scan", "dicom", "series", "input", "ct_dicom"}


def is_image_file(path: Path) -> bool:
    """Whether the name ends like that of a volume file (not DICOM)."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def stem(path: Path) -> str:
    """File name without its image suffix (``a.nii.gz`` -> ``a``)."""
    lower = path.name.lower()
    for suffix in IMAGE_SUFFIXES:
        if lower.endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def case_name(path: Path) -> str:
    """Short name for results: the file's stem, with its folder where the stem says nothing.

    The name of a folder with DICOM files is not used where it holds a word of the patient's name
    or number.
    """
    path = path.resolve()
    if path.is_file() and not is_image_file(path):
        path = path.parent  # one file of a DICOM series
    own = stem(path)
    if own.lower() in _VAGUE_NAMES and path.parent.name:
        own = f"{path.parent.name}_{own}"
    kept = file_name(own)
    return safe_name(path, kept) if path.is_dir() else kept


def file_name(text: str) -> str:
    """A name as a part of a path: letters, digits and ``-_.`` only, never empty."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text).strip("._") or "case"
