"""An atlas laid onto a CT: along the body's axis, then affine, then by B-splines (SimpleITK).

All images have LPS axes and isotropic voxels. HU are clipped to `WINDOW`, so that fat, organs, bone
and air count and the inside of the lungs does not. Affine transforms are judged by the correlation
over the body, which tells atlases apart, B-splines by Mattes' mutual information, which allows for
other contrast phases (IEEE Trans Med Imaging 2003).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTALib.lungs import largest_components
from PASTALib.progress import CancelToken

WINDOW = (-250.0, 250.0)
COARSE_MM, FINE_MM = 8.0, 6.0
"""Voxels that affine transforms and B-splines see; the time goes with their number."""
KNOTS_MM = 50.0
"""Distance of the B-splines' knots, about the size of a kidney."""
LEAST_OVERLAP_MM = 80.0
"""Along the body's axis, or all of a shorter scan: what shares less is not laid onto each other."""
AFFINE_SHARE, BENDING_SHARE = 0.5, 0.08
"""Share of the body's voxels that are compared. The cost of B-splines is samples times knots."""
BINS = 20
"""Of the histogram of mutual information."""


@dataclass(frozen=True)
class Settings:
    """How long is searched.

    Attributes:
        affine_steps: most iterations of the affine transform.
        bending_steps: most iterations of the B-splines.
    """

    affine_steps: int = 100
    bending_steps: int = 20


def windowed(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """HU clipped to `WINDOW` on coarser voxels, float32."""
    clipped = sitk.Clamp(sitk.Cast(image, sitk.sitkFloat32), sitk.sitkFloat32, *WINDOW)
    factor = spacing_mm / image.GetSpacing()[0]
    if factor <= 1.0:
        return clipped
    smooth = sitk.SmoothingRecursiveGaussian(clipped, 0.4 * spacing_mm)
    size = [max(4, round(n / factor)) for n in image.GetSize()]
    grid = sitk.Image(size, sitk.sitkFloat32)
    grid.SetSpacing((spacing_mm,) * 3)
    first = [o + (spacing_mm - image.GetSpacing()[0]) / 2 for o in image.GetOrigin()]
    grid.SetOrigin(first)
    return sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, WINDOW[0])


def body_mask(image: sitk.Image) -> sitk.Image:
    """The body, uint8: what is denser than air and lung, filled by slices and grown by a voxel."""
    dense = ndimage.binary_opening(sitk.GetArrayViewFromImage(image) > -200)
    parts = largest_components(dense, 1, 1)
    body = parts[0] if parts else np.ones(dense.shape, bool)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
    mask = sitk.GetImageFromArray(ndimage.binary_dilation(filled).astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def place_along_body(
    fixed: sitk.Image, moving: sitk.Image
) -> tuple[sitk.TranslationTransform, float] | None:
    """Where along the body's axis an atlas fits best, its body over that of the CT in the plane.

    A chest laid onto an abdomen by its center of mass is off by an organ; so all places are tried.

    Args:
        fixed: the CT at `COARSE_MM`, see `windowed`.
        moving: the atlas likewise.

    Returns:
        From points of the CT to points of the atlas, and how alike they are there (the more, the
        more); None where they share too little.
    """
    step = COARSE_MM
    ours, theirs = (sitk.GetArrayViewFromImage(image) for image in (fixed, moving))
    masks = [sitk.GetArrayViewFromImage(body_mask(image)) > 0 for image in (fixed, moving)]
    middles = [np.array(ndimage.center_of_mass(mask)) for mask in masks]
    shift_yx = np.rint(middles[1] - middles[0]).astype(int)[1:]
    placed = ndimage.shift(
        theirs, (0, *-shift_yx), order=0, mode="constant", cval=WINDOW[0], prefilter=False
    )
    height, width = (min(a, b) for a, b in zip(ours.shape[1:], theirs.shape[1:], strict=True))
    least = min(round(LEAST_OVERLAP_MM / step), len(ours), len(theirs))
    best, best_shift = 0.0, None
    for shift in range(least - len(ours), len(theirs) - least + 1):
        low, high = max(0, -shift), min(len(ours), len(theirs) - shift)
        if high - low < least:
            continue
        first = ours[low:high, :height, :width]
        second = placed[low + shift : high + shift, :height, :width]
        inside = masks[0][low:high, :height, :width]
        likeness = float(np.corrcoef(first[inside], second[inside])[0, 1]) * (
            ((high - low) / min(len(ours), len(theirs))) ** 0.5
        )
        if likeness > best:
            best, best_shift = likeness, shift
    if best_shift is None:
        return None
    index = np.array([best_shift, *shift_yx])[::-1] * step
    offset = np.array(moving.GetOrigin()) - np.array(fixed.GetOrigin()) + index
    return sitk.TranslationTransform(3, offset.tolist()), best


def _registration(
    fixed: sitk.Image, share: float, cancel: CancelToken | None
) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricFixedMask(body_mask(fixed))
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(share, 1)
    method.SetInterpolator(sitk.sitkLinear)

    def stop_if_asked() -> None:
        if cancel is not None and cancel.cancelled:
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, stop_if_asked)
    return method


def affine(
    fixed: sitk.Image,
    moving: sitk.Image,
    start: sitk.Transform,
    settings: Settings,
    cancel: CancelToken | None = None,
) -> tuple[sitk.Transform, float]:
    """Refine a placement by an affine transform.

    Args:
        fixed: the CT at `COARSE_MM`, see `windowed`.
        moving: the atlas likewise.
        start: from points of the CT to points of the atlas.
        settings: how long is searched.
        cancel: checked each iteration.

    Returns:
        The transform, and how alike the two are then: the correlation over the common part of the
        body, times the root of its share of the CT's body.

    Raises:
        Cancelled: asked to stop.
    """
    size = np.array(fixed.GetSize())
    middle = fixed.TransformContinuousIndexToPhysicalPoint(((size - 1) / 2).tolist())
    transform = sitk.AffineTransform(3)
    transform.SetCenter(middle)
    transform.SetTranslation(np.subtract(start.TransformPoint(middle), middle).tolist())
    method = _registration(fixed, AFFINE_SHARE, cancel)
    method.SetMetricAsCorrelation()
    method.SetOptimizerAsRegularStepGradientDescent(COARSE_MM, 0.1, settings.affine_steps, 0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    if cancel is not None:
        cancel.check()
    # The optimizer may lose an atlas that shows little of the CT; then it stays where it was.
    both = [(_likeness(fixed, moving, one), one) for one in (transform, start)]
    likeness, better = max(both, key=lambda pair: pair[0])
    return better, likeness


def _likeness(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    laid = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, WINDOW[0] - 1)
    ours, theirs = (sitk.GetArrayViewFromImage(image) for image in (fixed, laid))
    body = sitk.GetArrayViewFromImage(body_mask(fixed)) > 0
    common = body & (theirs >= WINDOW[0])
    if common.sum() < 2 or np.ptp(theirs[common]) == 0:
        return 0.0
    correlation = np.corrcoef(ours[common], theirs[common])[0, 1]
    return float(correlation * (common.sum() / body.sum()) ** 0.5)


def bent(
    fixed: sitk.Image,
    moving: sitk.Image,
    start: sitk.Transform,
    settings: Settings,
    cancel: CancelToken | None = None,
) -> sitk.Transform:
    """Refine an affine transform by cubic B-splines.

    Args:
        fixed: the CT at `FINE_MM`, see `windowed`.
        moving: the atlas likewise.
        start: from points of the CT to points of the atlas.
        settings: how long is searched.
        cancel: checked each iteration.

    Raises:
        Cancelled: asked to stop.
    """
    extent = np.array(fixed.GetSize()) * np.array(fixed.GetSpacing())
    mesh = [max(1, round(mm / KNOTS_MM)) for mm in extent]
    splines = sitk.BSplineTransformInitializer(fixed, mesh)
    method = _registration(fixed, BENDING_SHARE, cancel)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMovingInitialTransform(start)
    method.SetInitialTransform(splines, inPlace=True)
    method.SetOptimizerAsLBFGSB(1e-5, settings.bending_steps)
    method.Execute(fixed, moving)
    if cancel is not None:
        cancel.check()
    return sitk.CompositeTransform([start, splines])
