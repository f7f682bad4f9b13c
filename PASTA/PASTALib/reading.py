"""Reads a CT from any file or folder that a user may have, checked and described."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from PASTALib import nifti
from PASTALib.catalog import PHASES
from PASTALib.checks import checked_ct, require_volume
from PASTALib.ct import CT, UNKNOWN, Estimate
from PASTALib.dicom import read_dicom
from PASTALib.dicom_header import safe_name
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken, Progress, silent

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
    kept = "".join(c if c.isalnum() or c in "-_." else "_" for c in own).strip("._") or "case"
    return safe_name(path, kept) if path.is_dir() else kept


def given_phase(phase: str | None) -> Estimate | None:
    """The phase that the user named, or None.

    Raises:
        PastaError: it is not a phase.
    """
    if phase is None:
        return None
    if phase not in PHASES:
        raise PastaError(f"'{phase}' is not a contrast phase; use one of {', '.join(PHASES)}.")
    return Estimate(phase, 1.0, "given by the user")


def read_image(path: Path) -> tuple[sitk.Image, tuple[str, ...]]:
    """Read one scalar 3D volume from a file, with sentences about repairs.

    Raises:
        PastaError: the file is missing, damaged or of an unknown format.
        NotCTError: it is 4D, has several values per voxel, or holds a single slice.
    """
    what = f"'{path}'"
    try:
        if path.stat().st_size == 0:
            raise nifti.damaged(path)
    except OSError as error:
        raise PastaError(f"{what} cannot be opened ({error.strerror}); check the path.") from error
    header = nifti.read_header(path) if path.name.lower().endswith((".nii", ".nii.gz")) else None
    if header is not None:
        nifti.check_whole(path, header)
        if nifti.has_sheared_sform(header):
            image, note = nifti.read_sheared(path, header)
            return image, (note,)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size = reader.GetSize()
        pixel_type = sitk.GetPixelIDValueAsString(reader.GetPixelID())
        require_volume(what, size, reader.GetNumberOfComponents(), pixel_type)
        if len(size) > 3:  # extra axes of length 1
            reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
        image = reader.Execute()
    except RuntimeError as error:
        raise PastaError(
            f"{what} cannot be read as {', '.join(IMAGE_SUFFIXES)} or DICOM: it is damaged, "
            "truncated or of another format; copy or export it again."
        ) from error
    notes = nifti.orientation_notes(image, header) if header is not None else []
    return image, tuple(notes)


def read_ct(
    path: Path,
    *,
    series: str | None = None,
    phase: str | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> CT:
    """Read and check a CT.

    Args:
        path: NIfTI, NRRD, MHA or MHD file, a folder with DICOM files, or one file of a DICOM
            series (the series is read from its folder).
        series: UID of the DICOM series to use; by default the axial CT series that shows most.
        phase: contrast phase, where the user knows it.
        progress: told about every image of a DICOM series.
        cancel: checked before every image of a DICOM series.

    Raises:
        PastaError: it cannot be read or cannot be right.
        Cancelled: asked to stop.
        NotCTError: it is something else than a CT.
    """
    path = Path(path)
    known_phase = given_phase(phase)
    if not path.exists():
        raise PastaError(f"'{path}' does not exist; check the path.")
    if path.is_dir() or not is_image_file(path):
        return read_dicom(path, series=series, phase=known_phase, progress=progress, cancel=cancel)
    image, notes = read_image(path)
    checked, more = checked_ct(image, f"'{path}'")
    return CT(
        image=checked,
        name=case_name(path),
        source=path.name,
        phase=known_phase or UNKNOWN,
        notes=notes + more,
    )
