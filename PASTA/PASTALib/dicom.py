"""Reads the CT in a DICOM folder.

Headers and pixels are read by SimpleITK's GDCM, so that the core needs no pydicom and compressed
files (JPEG, JPEG-LS, JPEG 2000, RLE) work. Nothing that names a patient leaves the DICOM files of
this library: `dicom_header`, `dicom_series`, `dicom_volume` and this one.
"""

from __future__ import annotations

from pathlib import Path

from PASTALib.checks import checked_ct, exact_ct
from PASTALib.ct import CT, UNKNOWN, Estimate
from PASTALib.dicom_header import dicom_files, is_dicom_file, read_header, without_identity
from PASTALib.dicom_series import choose_series, series_of
from PASTALib.dicom_volume import stack
from PASTALib.errors import PastaError
from PASTALib.naming import case_name
from PASTALib.phase import phase_from_tags, region_from_tags
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.synthetic import is_synthetic_series

_TECHNIQUE = {
    "0008|0070": "manufacturer",
    "0008|1090": "scanner",
    "0018|0060": "tube voltage",
    "0018|0050": "slice thickness",
    "0018|1210": "kernel",
    "0018|0010": "contrast agent",
    "0018|0015": "body part",
    "0018|5100": "patient position",
}
_UNITS = {"tube voltage": " kV", "slice thickness": " mm"}


def read_dicom(
    path: Path,
    *,
    series: str | None = None,
    phase: Estimate | None = None,
    exact: bool = False,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> CT:
    """Read the CT in a DICOM folder, or the series that one DICOM file belongs to.

    Arguments as of `reading.read_ct`.

    Raises:
        PastaError: there is no axial CT series, or its slices do not form a volume.
        Cancelled: asked to stop.
    """
    where = f"'{path}'"
    if path.is_file():
        own = read_header(path)
        if own is None:
            raise PastaError(
                f"{where} is no image of a known format (NIfTI, NRRD, MHA, MHD or DICOM) or is "
                "damaged; export it again."
            )
        files = [file for file in sorted(path.parent.iterdir()) if is_dicom_file(file)]
        found = series_of(files, cancel)
        if series is None:
            found = [s for s in found if any(item.path == path for item in s.slices)]
    else:
        files = dicom_files(path)
        if not files:
            raise PastaError(f"{where} holds no DICOM files; give the folder of a CT series.")
        found = series_of(files, cancel)
    chosen, reason = choose_series(found, where, series)
    image, notes = stack(chosen, where, progress=progress, cancel=cancel)
    image, more = (exact_ct if exact else checked_ct)(image, where)
    tags = chosen.slices[0].tags
    unreadable = len(files) - sum(len(s.slices) for s in found)
    if unreadable and path.is_dir():
        notes += (f"{unreadable} DICOM files hold no readable image and were left out.",)
    technique = {
        name: without_identity(tags[key].replace("\\", " "), tags) + _UNITS.get(name, "")
        for key, name in _TECHNIQUE.items()
        if tags.get(key)
    }
    return CT(
        image=image,
        name=case_name(path),
        source=f"DICOM series of {chosen.count} images",
        phase=phase or phase_from_tags(tags, chosen.description) or UNKNOWN,
        region=region_from_tags(tags) or UNKNOWN,
        notes=(reason, *notes, *more),
        technique=technique,
        synthetic=is_synthetic_series(tags),
    )
