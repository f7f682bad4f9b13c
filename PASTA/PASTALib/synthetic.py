"""The mark of images that hold computer-generated content, so that none is taken for a patient's.

Volume files carry it as their description (``descrip`` of NIfTI, ``ITK_FileNotes`` elsewhere),
DICOM files as Synthetic Data, Image Comments and Series Description, scenes as a node attribute.
"""

from __future__ import annotations

from collections.abc import Mapping

import SimpleITK as sitk

SYNTHETIC = "SYNTHETIC"
"""First word of every description of a synthetic image, and burned into its pictures."""
FILE_NOTES = "ITK_FileNotes"
"""Metadata key that ITK writes as the description of a file, whatever the format."""
NODE_ATTRIBUTE = "PASTA.Synthetic"
"""Attribute of a volume node of 3D Slicer; ``1`` where it is synthetic."""
LONGEST = 79
"""Characters that the description of a NIfTI file has room for."""
_DICOM_FLAG = "0008|001c"
_DICOM_TEXTS = ("0020|4000", "0008|103e")


def description(what: str) -> str:
    """A file's description: ``SYNTHETIC: what``."""
    return f"{SYNTHETIC}: {what}"[:LONGEST]


def is_synthetic_file(image: sitk.Image) -> bool:
    """Whether the file that an image was read from says that it is synthetic."""
    keys = [key for key in (FILE_NOTES, "descrip") if image.HasMetaDataKey(key)]
    return any(image.GetMetaData(key).startswith(SYNTHETIC) for key in keys)


def is_synthetic_series(tags: Mapping[str, str]) -> bool:
    """Whether the header of a DICOM image says that it is synthetic."""
    if tags.get(_DICOM_FLAG, "").upper() == "YES":
        return True
    return any(tags.get(key, "").upper().startswith(SYNTHETIC) for key in _DICOM_TEXTS)
