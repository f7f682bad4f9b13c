"""Reads a CT from any file or folder that a user may have, checked and described."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from PASTALib import nifti
from PASTALib.catalog import PHASES
from PASTALib.checks import checked_ct, exact_ct, require_volume
from PASTALib.ct import CT, UNKNOWN, Estimate
from PASTALib.dicom import read_dicom
from PASTALib.errors import PastaError
from PASTALib.naming import IMAGE_SUFFIXES, case_name, is_image_file
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.synthetic import is_synthetic_file


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
    exact: bool = False,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> CT:
    """Read and check a CT.

    Args:
        path: NIfTI, NRRD, MHA or MHD file, a folder with DICOM files, or one file of a DICOM
            series (the series is read from its folder).
        series: UID of the DICOM series to use; by default the axial CT series that shows most.
        phase: contrast phase, where the user knows it.
        exact: whether fractions of HU are kept, see `checks.exact_ct`; otherwise they are rounded.
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
        return read_dicom(
            path, series=series, phase=known_phase, exact=exact, progress=progress, cancel=cancel
        )
    image, notes = read_image(path)
    checked, more = (exact_ct if exact else checked_ct)(image, f"'{path}'")
    return CT(
        image=checked,
        name=case_name(path),
        source=path.name,
        phase=known_phase or UNKNOWN,
        notes=notes + more,
        synthetic=is_synthetic_file(image),
    )
