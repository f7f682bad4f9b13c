"""Stacks the images of a DICOM series to one volume: repeated, missing and tilted slices."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from PASTALib.dicom_header import Slice
from PASTALib.dicom_series import SAME_PLACE_MM, Series
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken, Progress, silent
from PASTALib.straighten import AIR_HU, is_sheared, shear_degrees, straightened, with_affine

EVEN_SHARE, EVEN_MM = 0.1, 0.1
"""Slices within 10 % of their distance, or 0.1 mm, of even places count as even: headers round."""
LARGEST_GAP_MM = 10.0
"""Gaps up to this are filled by interpolation; a lesion of that size could hide in a larger one."""
LARGEST_SHARE = 0.2
"""At most this share of the slices may be interpolated into gaps."""


def stack(
    series: Series,
    where: str,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[sitk.Image, tuple[str, ...]]:
    """One volume with right angles from the images of a series, rescaled to HU.

    Args:
        series: whose slices are ordered along the normal.
        where: name of the folder, for messages.
        progress: told about every image.
        cancel: checked before every image.

    Returns:
        The image and sentences about what was repaired.

    Raises:
        PastaError: pixels cannot be decoded, or the slices do not form a volume.
    """
    first = series.slices[0]
    if first.size[2] > 1:
        image = sitk.ReadImage(str(first.path))
        return image, ("The series is one multi-frame file.",)
    notes = _rescale_notes(series, where)
    voxels, slices, repeated = _read_pixels(series, where, progress, cancel)
    if repeated:
        notes.append(f"{repeated} repeated images were left out.")
    if len(slices) < 2:
        raise PastaError(f"{where} holds a single slice; give a volume of several slices.")
    places = np.array([item.place for item in slices])
    voxels, count, note = _evenly_spaced(voxels, places, where)
    if note:
        notes.append(note)
    affine = _affine(slices, count, where)
    image = sitk.GetImageFromArray(voxels)
    if is_sheared(affine):
        notes.append(
            f"The gantry was tilted by {shear_degrees(affine):.1f} degrees; the slices were "
            "shifted in their planes to form a volume with right angles."
        )
        return straightened(image, affine, AIR_HU), tuple(notes)
    return with_affine(image, affine), tuple(notes)


def _rescale_notes(series: Series, where: str) -> list[str]:
    having = sum("0028|1052" in item.tags for item in series.slices)
    if having == len(series.slices):
        return []
    if having:
        raise PastaError(
            f"{len(series.slices) - having} of {len(series.slices)} images in {where} lack the "
            "rescale intercept, so their values do not fit the others; export the series again."
        )
    return ["The DICOM images state no rescale to HU."]


def _read_pixels(
    series: Series, where: str, progress: Progress, cancel: CancelToken | None
) -> tuple[np.ndarray, list[Slice], int]:
    """Voxels ``[z, y, x]`` in HU, the slices that they are from, and how many were repeated."""
    kept: list[Slice] = []
    voxels: np.ndarray | None = None
    repeated = 0
    for number, item in enumerate(series.slices):
        if cancel is not None:
            cancel.check()
        progress(number / len(series.slices), "Reading the CT")
        try:
            pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(item.path), imageIO="GDCMImageIO"))
        except RuntimeError as error:
            raise PastaError(
                f"The pixels of '{item.path.name}' in {where} cannot be decoded (truncated, or "
                "compressed in a way that is not supported); export the series again."
            ) from error
        pixels = pixels.reshape(pixels.shape[-2:])
        if voxels is None:
            voxels = np.empty((len(series.slices), *pixels.shape), pixels.dtype)
        elif voxels.dtype != pixels.dtype:
            voxels = voxels.astype(np.promote_types(voxels.dtype, pixels.dtype))
        if kept and item.place - kept[-1].place < SAME_PLACE_MM:
            if not np.array_equal(voxels[len(kept) - 1], pixels):
                raise PastaError(
                    f"{where} holds several different images at the same place (a dynamic scan, "
                    "or two series in one); separate them and give one volume."
                )
            repeated += 1
            continue
        voxels[len(kept)] = pixels
        kept.append(item)
    assert voxels is not None
    return voxels[: len(kept)], kept, repeated


def _evenly_spaced(
    voxels: np.ndarray, places: np.ndarray, where: str
) -> tuple[np.ndarray, int, str | None]:
    """Voxels at even distances, their number, and a sentence if they had to be interpolated."""
    steps = np.diff(places)
    usual = float(steps[steps < 1.3 * np.median(steps)].mean())
    slack = max(EVEN_SHARE * usual, EVEN_MM)
    if np.abs(places - np.linspace(places[0], places[-1], len(places))).max() <= slack:
        return voxels, len(places), None
    largest = int(steps.argmax())
    gap = float(steps[largest])
    count = round((places[-1] - places[0]) / usual) + 1
    missing = count - len(places)
    if gap > max(LARGEST_GAP_MM, usual + slack) or missing > LARGEST_SHARE * count:
        raise PastaError(
            f"{where} lacks slices: {gap:.1f} mm between two images (at {places[largest]:.1f} and "
            f"{places[largest + 1]:.1f} mm) where {usual:g} mm is usual; export the whole series."
        )
    even = np.linspace(places[0], places[-1], count)
    after = np.clip(np.searchsorted(places, even), 1, len(places) - 1)
    share = ((even - places[after - 1]) / (places[after] - places[after - 1])).astype(np.float32)
    filled = np.empty((count, *voxels.shape[1:]), np.int16)
    for index, (upper, weight) in enumerate(zip(after, share, strict=True)):
        mixed = (1 - weight) * voxels[upper - 1] + weight * voxels[upper]
        filled[index] = np.rint(np.clip(mixed, -32768, 32767))
    how = f"about {missing} missing" if missing > 0 else "unevenly spaced"
    return (
        filled,
        count,
        (
            f"The slices were {steps.min():.1f} to {gap:.1f} mm apart ({how}); the volume was "
            f"interpolated to {even[1] - even[0]:.2f} mm."
        ),
    )


def _affine(slices: list[Slice], count: int, where: str) -> np.ndarray:
    """Affine (index to LPS mm) of the stack; sheared where the gantry was tilted."""
    positions = np.array([item.position for item in slices])
    first = slices[0]
    places = np.array([item.place for item in slices])
    along = ((places - places[0]) / (places[-1] - places[0]))[:, None]
    straight = positions[0] + along * (positions[-1] - positions[0])
    off = float(np.linalg.norm(positions - straight, axis=1).max())
    if off > 2.0:
        raise PastaError(
            f"The slices in {where} are shifted against each other by up to {off:.0f} mm; they "
            "are not one volume, so give them as separate series."
        )
    affine = np.eye(4)
    affine[:3, 0] = first.row * first.pixel_mm[0]
    affine[:3, 1] = first.column * first.pixel_mm[1]
    affine[:3, 2] = (positions[-1] - positions[0]) / (count - 1)
    affine[:3, 3] = positions[0]
    return affine
