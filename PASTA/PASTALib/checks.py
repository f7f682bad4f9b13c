"""Is this a CT in Hounsfield units? Repairs what can be repaired, refuses the rest.

The thresholds look at the one thing that every body CT shares: most of what is denser than lung
lies between fat and blood with contrast (-250 to 300 HU).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk

from PASTALib.errors import PastaError
from PASTALib.straighten import (
    AIR_HU,
    affine_of,
    is_sheared,
    shear_degrees,
    straightened,
    with_affine,
)

KNOWN_OFFSETS = (1024, 8192, 32768)
"""What scanners and converters add to HU to store them as unsigned numbers."""
PADDING_HU = -1100
"""Values below are padding outside of the scanned circle (-2000, -3024), not tissue."""
_SAMPLE = 400_000


class NotCTError(PastaError):
    """The file is sound but no CT: a label map, a picture, a rescaled or different image."""


def require_volume(what: str, size: tuple[int, ...], components: int, pixel_type: str = "") -> None:
    """Refuse everything but one scalar 3D volume.

    Args:
        what: name of the file, for the message.
        size: number of voxels along each axis; trailing axes of length 1 are allowed.
        components: numbers per voxel.
        pixel_type: SimpleITK's words for the type of the voxels.

    Raises:
        NotCTError: it is something else.
    """
    if components != 1 or "complex" in pixel_type:
        raise NotCTError(
            f"{what} holds {components} values per voxel (a color or vector image); give a CT "
            "with one value per voxel."
        )
    if len(size) > 3 and any(n > 1 for n in size[3:]):
        raise NotCTError(
            f"{what} is 4D ({' x '.join(map(str, size))}); split it and give one 3D volume."
        )
    if len(size) < 3 or min(size[:3]) < 2:
        raise NotCTError(
            f"{what} holds a single slice ({' x '.join(map(str, size))}); give a volume of "
            "several slices."
        )


def checked_ct(image: sitk.Image, what: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """Check a 3D image and turn it into int16 HU with orthonormal axes and no metadata.

    Args:
        image: 3D scalar image of any type.
        what: name of the file, for messages.

    Returns:
        The image and sentences about what was found or repaired.

    Raises:
        NotCTError: the values are no Hounsfield units.
        PastaError: the geometry cannot be right.
    """
    return _checked(image, what, hounsfield)


def exact_ct(image: sitk.Image, what: str) -> tuple[sitk.Image, tuple[str, ...]]:
    """The same, but voxels of a floating-point type keep their type and their fractions of HU."""
    return _checked(image, what, exact_hounsfield)


def _checked(
    image: sitk.Image, what: str, to_hu: Callable[[np.ndarray, str], tuple[np.ndarray, list[str]]]
) -> tuple[sitk.Image, tuple[str, ...]]:
    notes: list[str] = []
    array, value_notes = to_hu(sitk.GetArrayViewFromImage(image), what)
    notes += value_notes
    affine = affine_of(image)
    _check_geometry(image, what)
    result = sitk.GetImageFromArray(array)  # without the metadata, which can hold names
    if is_sheared(affine):
        notes.append(
            f"The axes of the volume were sheared by {shear_degrees(affine):.1f} degrees; it was "
            "resampled onto a grid with right angles."
        )
        result = straightened(result, affine)
    else:
        result = with_affine(result, affine)
    return result, (*notes, *_geometry_notes(result))


def _check_geometry(image: sitk.Image, what: str) -> None:
    spacing, size = image.GetSpacing(), image.GetSize()
    extent = [n * mm for n, mm in zip(size, spacing, strict=True)]
    shown = " x ".join(f"{mm:g}" for mm in spacing)
    if not all(0.05 <= mm <= 20 for mm in spacing):
        raise PastaError(
            f"{what} has a voxel size of {shown} mm, which no CT has; correct the spacing in the "
            "file or export it again."
        )
    if max(extent) < 20 or max(extent) > 3000:
        raise PastaError(
            f"{what} covers {' x '.join(f'{mm:.0f}' for mm in extent)} mm, which no body CT does; "
            "correct the spacing in the file or export it again."
        )


def _geometry_notes(image: sitk.Image) -> list[str]:
    notes = []
    spacing, size = image.GetSpacing(), image.GetSize()
    thick = int(np.argmax(spacing))
    if size[thick] * spacing[thick] < 40:
        notes.append(
            f"The CT covers only {size[thick] * spacing[thick]:.0f} mm ({size[thick]} slices)."
        )
    if spacing[thick] > 5.5:
        notes.append(
            f"The slices are {spacing[thick]:g} mm apart: lesions smaller than that can be missed."
        )
    if spacing == (1.0, 1.0, 1.0) and size[0] == size[1] == 512:
        notes.append(
            "The voxel size is exactly 1 x 1 x 1 mm at 512 x 512: it may have been lost, and "
            "sizes be wrong."
        )
    return notes


def hounsfield(array: np.ndarray, what: str) -> tuple[np.ndarray, list[str]]:
    """int16 HU from whatever numbers a file holds, with sentences about repairs.

    Args:
        array: voxels ``[z, y, x]`` of any real type; not changed.
        what: name of the file, for messages.

    Raises:
        NotCTError: the values are not HU and no known offset makes them so.
    """
    hu, notes = exact_hounsfield(array, what)
    return hu if hu.dtype == np.int16 else np.rint(hu).astype(np.int16), notes


def exact_hounsfield(array: np.ndarray, what: str) -> tuple[np.ndarray, list[str]]:
    """The same in int16 or, of floating-point numbers, in their own type with their fractions."""
    notes: list[str] = []
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        bad = array.size - int(finite.sum())
        if bad > array.size // 2:
            raise NotCTError(f"{what} holds no numbers in most voxels (NaN); export it again.")
        if bad:
            array = np.where(finite, array, array.dtype.type(AIR_HU))
            notes.append(f"{bad} voxels without a number (NaN or infinite) were set to air.")
    sample = array.ravel()[:: max(1, array.size // _SAMPLE)].astype(np.float64)
    low, high = float(array.min()), float(array.max())
    offset = _offset(sample, low, high, what)
    if offset:
        notes.append(
            f"The values were stored {offset} too high (no rescale intercept); {offset} was "
            "subtracted to get HU."
        )
    if low - offset < 1.5 * PADDING_HU:
        notes.append("Padding outside of the scanned area was set to air.")
    if high - low <= 1500 and low - offset > -900:
        notes.append(
            f"The values are clipped to {low - offset:.0f} to {high - offset:.0f} HU: densities "
            "beyond are lost."
        )
    if array.dtype == np.int16 and not offset and low >= AIR_HU:
        return array.copy(), notes
    shifted = array.astype(array.dtype if array.dtype.kind == "f" else np.int32)
    shifted -= shifted.dtype.type(offset)
    np.clip(shifted, AIR_HU, np.iinfo(np.int16).max, out=shifted)
    return shifted if array.dtype.kind == "f" else shifted.astype(np.int16), notes


def _offset(sample: np.ndarray, low: float, high: float, what: str) -> int:
    """What has to be subtracted from the values to get HU."""
    span = f"({low:g} to {high:g})"
    if low == high:
        raise NotCTError(f"{what} holds the same value everywhere; give a CT.")
    if high - low <= 60:
        if low >= 0 and np.array_equal(sample, np.rint(sample)):
            raise NotCTError(f"{what} is a label map {span}, not a CT; give the CT itself.")
        raise NotCTError(
            f"{what} holds values {span} that were normalized; give the CT in Hounsfield units."
        )
    if low >= 0 and high <= 255:
        kind = "a label map" if np.unique(sample).size <= 130 else "an 8-bit picture"
        raise NotCTError(f"{what} is {kind} {span}; give the CT in Hounsfield units.")
    tissue = sample[sample > PADDING_HU]
    lowest = float(tissue.min()) if tissue.size else low
    if lowest >= -200:  # no air in it: either stored with an offset or clipped
        for offset in KNOWN_OFFSETS:
            if _has_tissue_peak(tissue - offset):
                return offset
    if lowest < 0 and _mostly_tissue(tissue):
        return 0
    raise NotCTError(
        f"{what} holds values {span} that are not Hounsfield units of a body (is it a CT?); give "
        "the CT with its rescale applied."
    )


def _mostly_tissue(hu: np.ndarray) -> bool:
    dense = hu[hu > -500]
    return bool(dense.size >= 0.005 * hu.size and ((dense > -250) & (dense < 300)).mean() >= 0.3)


def _has_tissue_peak(hu: np.ndarray) -> bool:
    """Whether the histogram has the body's peak, and the gap below it that other images lack."""
    peak = ((hu > -200) & (hu < 200)).mean()
    gap = ((hu > -650) & (hu < -250)).mean()
    return bool(peak > 0.05 and gap < 0.5 * peak and _mostly_tissue(hu))
