"""Headers of DICOM image files, read by SimpleITK's GDCM, and what in them names a patient."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

_IDENTIFYING = ("0010|0010", "0010|0020", "0010|1001", "0008|0050", "0008|0090")


@dataclass(frozen=True)
class Slice:
    """Header of one DICOM image file. Points are LPS mm."""

    path: Path
    tags: dict[str, str]
    size: tuple[int, int, int]
    position: np.ndarray
    row: np.ndarray
    column: np.ndarray
    pixel_mm: tuple[float, float]

    @property
    def normal(self) -> np.ndarray:
        """Direction from slice to slice (right-handed)."""
        return np.cross(self.row, self.column)

    @property
    def place(self) -> float:
        """Position along the normal, mm."""
        return float(self.position @ self.normal)


def _identifying_words(tags: dict[str, str]) -> list[str]:
    """Words of the patient's name, numbers and physician; none where a tag says de-identified."""
    if tags.get("0012|0062", "").upper() == "YES":
        return []
    words = [w for key in _IDENTIFYING for w in re.split(r"[\^=,;\\\s]+", tags.get(key, ""))]
    return [word for word in words if len(word) >= 3]


def without_identity(text: str, tags: dict[str, str]) -> str:
    """`text` without the words of the patient's name, number, accession number or physician."""
    for word in _identifying_words(tags):
        text = re.sub(re.escape(word), "", text, flags=re.IGNORECASE)
    return " ".join(text.split())


def _plain(text: str) -> str:
    """Letters and digits only, without accents and case, to compare names."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if c.isalnum() and not unicodedata.combining(c))


def safe_name(folder: Path, name: str) -> str:
    """`name`, or a name that says nothing if it holds a word that names the patient.

    Args:
        folder: folder with DICOM files; the header of the first image is looked at.
        name: name made from the folder's own.
    """
    for path in dicom_files(folder):
        item = read_header(path)
        if item is not None:
            break
    else:
        return name
    words = [_plain(word) for word in _identifying_words(item.tags)]
    if not any(word and word in _plain(name) for word in words):
        return name
    unique = item.tags.get("0020|000e") or item.tags.get("0008|0018") or path.name
    return f"case_{hashlib.sha256(unique.encode()).hexdigest()[:8]}"


def is_dicom_file(path: Path) -> bool:
    """Whether a file is marked as DICOM (``DICM`` after the preamble) and is no directory file."""
    if path.name.upper() == "DICOMDIR":
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def dicom_files(folder: Path) -> list[Path]:
    """All files marked as DICOM in a folder and its subfolders, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and is_dicom_file(path))


def _numbers(text: str | None) -> list[float]:
    return [float(part) for part in (text or "").split("\\") if part.strip()]


def read_header(path: Path) -> Slice | None:
    """Header of one file; None if it holds no readable grayscale image with a place in space."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        tags = {key: _text(reader.GetMetaData(key)) for key in reader.GetMetaDataKeys()}
        size = tuple(reader.GetSize())
        frames = size[2] if len(size) > 2 else 1
        if reader.GetNumberOfComponents() != 1:
            return None
        if frames > 1:  # enhanced multi-frame: GDCM knows where its frames are
            direction = np.array(reader.GetDirection()).reshape(3, 3)
            position, row, column = np.array(reader.GetOrigin()), direction[:, 0], direction[:, 1]
        else:
            position = np.array(_numbers(tags.get("0020|0032")))
            axes = np.array(_numbers(tags.get("0020|0037")))
            if position.shape != (3,) or axes.shape != (6,):
                return None
            row, column = axes[:3] / np.linalg.norm(axes[:3]), axes[3:] / np.linalg.norm(axes[3:])
        spacing = reader.GetSpacing()
    except (RuntimeError, ValueError):
        return None
    return Slice(
        path, tags, (size[0], size[1], frames), position, row, column, (spacing[0], spacing[1])
    )


def _text(value: str) -> str:
    """Clean text of a tag: no padding, and Latin-1 where it is not UTF-8."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.strip(" \0")
